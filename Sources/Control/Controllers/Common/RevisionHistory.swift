// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import JSON
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// The ControllerRevisions of a StatefulSet or DaemonSet: one for each template that it had.
struct RevisionHistory: Sendable {
  static let hashLabel: String = "controller-revision-hash"

  let client: KubeClient
  let revisions: Informer<ControllerRevision>

  init(_ context: ControllerContext) {
    client = context.client
    revisions = context.informers.informer(ControllerRevision.self)
    revisions.addIndex(PodOwnership.index) { PodOwnership.indexKeys($0.metadata) }
  }

  /// An owner's revisions, the oldest first.
  func list(_ owner: some KubeObject) -> [ControllerRevision] {
    revisions.indexed(PodOwnership.index, owner.metadata.uid).sorted {
      ($0.revision, $0.metadata.name) < ($1.revision, $1.metadata.name)
    }
  }

  /// The revision of a template: the one that has it already, made the newest, or a new one.
  ///
  /// Its data is the patch that brings the template back, as `kubectl rollout undo` applies it. The template's JSON
  /// form comes from the server, because only it knows all fields.
  func current<Owner: KubeObject>(
    _ owner: Owner, template: PodTemplateSpec, labels: [String: String]
  ) async throws -> ControllerRevision {
    let hash: String = try TemplateHash.hash(template)
    let known: [ControllerRevision] = list(owner)
    let newest: Int64 = known.last?.revision ?? 0
    let name: String = "\(owner.metadata.name)-\(hash)"
    if var same: ControllerRevision = known.first(where: { $0.metadata.name == name }) {
      guard same.revision < newest else { return same }
      same.revision = newest + 1
      let updated: ControllerRevision = try await client.update(same)
      revisions.remember(updated)
      return updated
    }
    let document: JSONValue = try await client.get(
      Owner.resource, namespace: owner.metadata.namespace, name: owner.metadata.name)
    var content: JSONValue = document["spec"]["template"]
    content["$patch"] = "replace"
    // Clients compare this text with what they make of the owner: with the members of all objects in order.
    let data: JSONValue = Self.sorted(["spec": ["template": content]])
    var metadata: JSONValue = ["name": .string(name), "namespace": .string(owner.metadata.namespace)]
    var all: [String: String] = labels
    all[Self.hashLabel] = hash
    metadata["labels"] = JSONValue(all)
    metadata["ownerReferences"] = [
      [
        "apiVersion": .string(Owner.resource.apiVersion), "kind": .string(Owner.resource.kind),
        "name": .string(owner.metadata.name), "uid": .string(owner.metadata.uid), "controller": true,
        "blockOwnerDeletion": true,
      ]
    ]
    let revision: JSONValue = [
      "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata, "data": data,
      "revision": .int(newest + 1),
    ]
    do throws(KubeClientError) {
      try await client.create(ControllerRevision.resource, namespace: owner.metadata.namespace, revision)
    } catch {
      guard error.isAlreadyExists else { throw error }
    }
    return try await client.get(ControllerRevision.self, namespace: owner.metadata.namespace, name: name)
  }

  static func sorted(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let items): return .array(items.map(sorted))
    case .object(let object):
      var result: JSONObject = JSONObject()
      for (name, member) in object.sorted(by: { $0.0 < $1.0 }) { result[name] = sorted(member) }
      return .object(result)
    default: return value
    }
  }

  /// Deletes the oldest revisions beyond a limit, but none that is in use.
  func trim(_ owner: some KubeObject, limit: Int, inUse: Set<String>) async throws {
    let unused: [ControllerRevision] = list(owner).filter { !inUse.contains($0.metadata.name) }
    guard unused.count > limit else { return }
    for revision: ControllerRevision in unused.prefix(unused.count - limit) {
      do throws(KubeClientError) {
        try await client.delete(
          ControllerRevision.self, namespace: revision.metadata.namespace, name: revision.metadata.name)
      } catch {
        guard error.isNotFound else { throw error }
      }
    }
  }

  /// The template that a revision keeps, as JSON.
  static func template(of revision: ControllerRevision) throws -> JSONValue {
    var content: JSONValue = try JSONValue(parsing: Array(revision.data.raw))["spec"]["template"]
    content["$patch"] = .null
    return content
  }
}
