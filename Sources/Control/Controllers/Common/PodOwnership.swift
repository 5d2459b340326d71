// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeCore
import KubeMeta
import KubeValues

/// The pods of a controller: those it owns, those it adopts, those it lets go.
struct PodOwnership: Sendable {
  /// The index of pods by their controller's UID; pods without a controller are under `orphan/NAMESPACE`.
  static let index: String = "controller"

  let client: KubeClient
  let pods: Informer<Pod>

  init(_ context: ControllerContext) {
    client = context.client
    pods = context.informers.informer(Pod.self)
    pods.addIndex(Self.index) { Self.indexKeys($0.metadata) }
  }

  static func indexKeys(_ metadata: MetaObjectMeta) -> [String] {
    [metadata.controllerReference?.uid ?? "orphan/\(metadata.namespace)"]
  }

  /// The pods that an owner controls, after adopting orphans that it selects and releasing what it no longer selects.
  func claim<Owner: KubeObject>(for owner: Owner, selector: LabelSelector) async throws -> [Pod] {
    var claimed: [Pod] = []
    for pod: Pod in pods.indexed(Self.index, owner.metadata.uid) {
      if selector.matches(pod.metadata.labels) {
        claimed.append(pod)
      } else if !owner.metadata.isBeingDeleted {
        try await Ownership.release(pod, from: owner, client)
      }
    }
    guard !owner.metadata.isBeingDeleted else { return claimed }
    for pod: Pod in pods.indexed(Self.index, "orphan/\(owner.metadata.namespace)")
    where pod.isActive && selector.matches(pod.metadata.labels) {
      if let adopted: Pod = try await Ownership.adopt(pod, by: owner, client) { claimed.append(adopted) }
    }
    return claimed
  }
}

/// Adoption and release of objects.
enum Ownership {
  /// Makes an owner the controller of an orphan; nil if the orphan is gone.
  static func adopt<Object: KubeObject, Owner: KubeObject>(
    _ object: Object, by owner: Owner, _ client: KubeClient
  ) async throws -> Object? {
    // The cache may be behind: an owner that is being deleted must not adopt.
    let fresh: Owner = try await client.get(Owner.self, owner.key)
    guard fresh.metadata.uid == owner.metadata.uid, !fresh.metadata.isBeingDeleted else { return nil }
    let reference: JSONValue = [
      "apiVersion": .string(Owner.resource.apiVersion), "kind": .string(Owner.resource.kind),
      "name": .string(owner.metadata.name), "uid": .string(owner.metadata.uid), "controller": true,
      "blockOwnerDeletion": true,
    ]
    return try await patch(
      object, ["metadata": ["uid": .string(object.metadata.uid), "ownerReferences": [reference]]], client)
  }

  /// Removes an owner from an object's owners.
  static func release<Object: KubeObject, Owner: KubeObject>(
    _ object: Object, from owner: Owner, _ client: KubeClient
  ) async throws {
    let reference: JSONValue = ["$patch": "delete", "uid": .string(owner.metadata.uid)]
    _ = try await patch(
      object, ["metadata": ["uid": .string(object.metadata.uid), "ownerReferences": [reference]]], client)
  }

  private static func patch<Object: KubeObject>(
    _ object: Object, _ change: JSONValue, _ client: KubeClient
  ) async throws -> Object? {
    do throws(KubeClientError) {
      return try await client.patch(
        Object.self, namespace: object.metadata.namespace, name: object.metadata.name, .strategic(change))
    } catch {
      // Gone, or another object of the same name: either way there is nothing to own.
      guard error.isNotFound || error.isInvalid || error.isConflict else { throw error }
      return nil
    }
  }
}
