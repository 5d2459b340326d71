// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeGroups
import Synchronization

/// Finds what autoscalers scale, of any kind that has the subresource `scale`.
final class ScaleTargets: Sendable {
  /// A workload's scale.
  struct Target: Sendable {
    var resource: ResourceType
    var name: String
    /// The Scale object, to be sent back with other replicas.
    var scale: JSONValue

    /// How many replicas there should be.
    var wanted: Int32 { Int32(clamping: scale["spec"]["replicas"].int ?? 0) }
    /// How many there are.
    var observed: Int32 { Int32(clamping: scale["status"]["replicas"].int ?? 0) }
    /// The selector of its pods, as a query has it.
    var selector: String { scale["status"]["selector"].string ?? "" }
  }

  private struct GroupKind: Hashable, Sendable {
    var group: String
    var kind: String
  }

  private let client: KubeClient
  /// Resources by what a reference names them; a kind's resource never changes while it exists.
  private let known: Mutex<[GroupKind: ResourceType]> = Mutex([:])

  init(client: KubeClient) { self.client = client }

  /// The scale of what an autoscaler refers to.
  func find(_ reference: CrossVersionObjectReference, namespace: String) async throws -> Target {
    let resource: ResourceType = try await resource(of: reference)
    let scale: JSONValue
    do throws(KubeClientError) {
      scale = try await client.get(resource, namespace: namespace, name: reference.name, subresource: "scale")
    } catch {
      // Its definition may have been made anew.
      if error.isNotFound { known.withLock { $0 = $0.filter { $0.value != resource } } }
      throw error
    }
    return Target(resource: resource, name: reference.name, scale: scale)
  }

  /// Sets the replicas; a scale that was changed meanwhile is read again, a few times.
  func scale(_ target: Target, namespace: String, to replicas: Int32) async throws {
    var scale: JSONValue = target.scale
    for attempt: Int in 1... {
      scale["spec"]["replicas"] = .int(Int64(replicas))
      do throws(KubeClientError) {
        try await client.update(target.resource, namespace: namespace, name: target.name, subresource: "scale", scale)
        return
      } catch {
        guard error.isConflict, attempt < 5 else { throw error }
        scale = try await client.get(target.resource, namespace: namespace, name: target.name, subresource: "scale")
      }
    }
  }

  /// The resource of a kind, at the preferred of the versions that have it.
  func resource(of reference: CrossVersionObjectReference) async throws -> ResourceType {
    let parts: [Substring] = reference.apiVersion.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2 else {
      throw AutoscalingError("unexpected GroupVersion string: \(reference.apiVersion)")
    }
    let wanted: GroupKind = GroupKind(group: parts.count == 2 ? String(parts[0]) : "", kind: reference.kind)
    if let resource: ResourceType = known.withLock({ $0[wanted] }) { return resource }
    for version: String in try await versions(of: wanted.group) {
      let path: String = wanted.group.isEmpty ? "/api/\(version)" : "/apis/\(wanted.group)/\(version)"
      for entry: JSONValue in try await client.document(path)["resources"].items {
        guard entry["kind"].string == wanted.kind, let plural: String = entry["name"].string, !plural.contains("/") else {
          continue
        }
        let resource: ResourceType = ResourceType(
          group: wanted.group, version: version, plural: plural, kind: wanted.kind,
          isNamespaced: entry["namespaced"].bool ?? true)
        known.withLock { $0[wanted] = resource }
        return resource
      }
    }
    throw AutoscalingError("no matches for kind \"\(wanted.kind)\" in group \"\(wanted.group)\"")
  }

  private func versions(of group: String) async throws -> [String] {
    guard !group.isEmpty else { return ["v1"] }
    let document: JSONValue
    do throws(KubeClientError) {
      document = try await client.document("/apis/\(group)")
    } catch {
      if error.isNotFound { return [] }
      throw error
    }
    let preferred: String? = document["preferredVersion"]["version"].string
    let others: [String] = document["versions"].items.compactMap { $0["version"].string }.filter { $0 != preferred }
    return (preferred.map { [$0] } ?? []) + others
  }
}
