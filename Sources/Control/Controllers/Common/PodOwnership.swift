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
  ///
  /// A pod gets `finalizer` with its owner, and loses it with it.
  func claim<Owner: KubeObject>(
    for owner: Owner, selector: LabelSelector, finalizer: String? = nil
  ) async throws -> [Pod] {
    var claimed: [Pod] = []
    for pod: Pod in pods.indexed(Self.index, owner.metadata.uid) {
      if selector.matches(pod.metadata.labels) {
        claimed.append(pod)
      } else if !owner.metadata.isBeingDeleted {
        try await Ownership.release(pod, from: owner, finalizer: finalizer, client)
      }
    }
    guard !owner.metadata.isBeingDeleted else { return claimed }
    for pod: Pod in pods.indexed(Self.index, "orphan/\(owner.metadata.namespace)")
    where pod.isActive && selector.matches(pod.metadata.labels) {
      if let adopted: Pod = try await Ownership.adopt(pod, by: owner, finalizer: finalizer, client) {
        claimed.append(adopted)
      }
    }
    return claimed
  }
}

extension PodOwnership {
  /// Has an owner reconciled when a pod changes that it owns, owned until now or could adopt, and notes in
  /// `expectations` what was seen.
  ///
  /// A pod that has become ready is available after `minReadySeconds`: then the owner is looked at once more.
  func follow<Owner: KubeObject>(
    for owners: Informer<Owner>, _ queue: WorkQueue<ObjectKey>, _ expectations: Expectations,
    selector: @escaping @Sendable (Owner) -> LabelSelector,
    minReadySeconds: @escaping @Sendable (Owner) -> Int32 = { _ in 0 }
  ) {
    pods.addHandler { event in
      let pod: Pod = event.object
      let owner: Owner? = Self.owner(of: pod, owners)
      if case .updated(let old, _) = event, let former: Owner = Self.owner(of: old, owners),
        former.metadata.uid != owner?.metadata.uid
      {
        queue.add(former.key)
      }
      guard let owner else {
        guard pod.metadata.controllerReference == nil, !pod.metadata.isBeingDeleted else { return }
        for owner: Owner in owners.list(namespace: pod.metadata.namespace)
        where selector(owner).matches(pod.metadata.labels) {
          queue.add(owner.key)
        }
        return
      }
      switch event {
      case .added where !pod.metadata.isBeingDeleted: expectations.observeCreation(owner.key)
      case .added, .deleted: expectations.observeDeletion(owner.key, pod.metadata.uid)
      case .updated(let old, _):
        if pod.metadata.isBeingDeleted { expectations.observeDeletion(owner.key, pod.metadata.uid) }
        let minimum: Int32 = minReadySeconds(owner)
        if !old.isReady, pod.isReady, minimum > 0 { queue.add(owner.key, after: .seconds(Int64(minimum) + 1)) }
      }
      queue.add(owner.key)
    }
  }

  private static func owner<Owner: KubeObject>(of pod: Pod, _ owners: Informer<Owner>) -> Owner? {
    guard let reference: MetaOwnerReference = pod.metadata.controllerReference, reference.kind == Owner.resource.kind,
      let owner: Owner = owners.get(ObjectKey(namespace: pod.metadata.namespace, name: reference.name)),
      owner.metadata.uid == reference.uid
    else { return nil }
    return owner
  }
}

/// Adoption and release of objects.
enum Ownership {
  /// Makes an owner the controller of an orphan; nil if the orphan is gone.
  static func adopt<Object: KubeObject, Owner: KubeObject>(
    _ object: Object, by owner: Owner, finalizer: String? = nil, _ client: KubeClient
  ) async throws -> Object? {
    // The cache may be behind: an owner that is being deleted must not adopt.
    let fresh: Owner = try await client.get(Owner.self, owner.key)
    guard fresh.metadata.uid == owner.metadata.uid, !fresh.metadata.isBeingDeleted else { return nil }
    let reference: JSONValue = [
      "apiVersion": .string(Owner.resource.apiVersion), "kind": .string(Owner.resource.kind),
      "name": .string(owner.metadata.name), "uid": .string(owner.metadata.uid), "controller": true,
      "blockOwnerDeletion": true,
    ]
    return try await patch(object, reference, finalizer.map { ["finalizers": [.string($0)]] } ?? [:], client)
  }

  /// Removes an owner from an object's owners.
  static func release<Object: KubeObject, Owner: KubeObject>(
    _ object: Object, from owner: Owner, finalizer: String? = nil, _ client: KubeClient
  ) async throws {
    let reference: JSONValue = ["$patch": "delete", "uid": .string(owner.metadata.uid)]
    _ = try await patch(
      object, reference, finalizer.map { ["$deleteFromPrimitiveList/finalizers": [.string($0)]] } ?? [:], client)
  }

  private static func patch<Object: KubeObject>(
    _ object: Object, _ reference: JSONValue, _ more: JSONValue, _ client: KubeClient
  ) async throws -> Object? {
    var metadata: JSONValue = more
    metadata["uid"] = .string(object.metadata.uid)
    metadata["ownerReferences"] = [reference]
    do throws(KubeClientError) {
      return try await client.patch(
        Object.self, namespace: object.metadata.namespace, name: object.metadata.name,
        .strategic(["metadata": metadata]))
    } catch {
      // Gone, or another object of the same name: either way there is nothing to own.
      guard error.isNotFound || error.isInvalid || error.isConflict else { throw error }
      return nil
    }
  }
}
