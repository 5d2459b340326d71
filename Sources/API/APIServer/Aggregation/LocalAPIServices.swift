// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON
import Synchronization

/// The APIServices of what this server serves itself: made once for built-in groups, kept for custom resources.
final class LocalAPIServices: Sendable {
  private static let label: String = "kube-aggregator.kubernetes.io/automanaged"
  private static let onStart: String = "onstart"
  private static let always: String = "true"

  private let registry: ResourceRegistry
  /// The group-versions of each definition.
  private let definitions: Mutex<[String: [GroupVersion]]> = Mutex([:])

  init(registry: ResourceRegistry) { self.registry = registry }

  func load() async throws {
    for object: JSONValue in try await registry.storage("apiextensions.k8s.io", "customresourcedefinitions")?.objects() ?? [] {
      let versions: [GroupVersion] = Self.versions(object)
      definitions.withLock { $0[object.objectName] = versions }
    }
  }

  private static func versions(_ definition: JSONValue) -> [GroupVersion] {
    let custom: CustomResource = CustomResource(definition)
    return custom.servedVersions.map { GroupVersion(custom.group, $0["name"].string ?? "") }
  }

  /// Hears of a definition.
  ///
  /// - Returns: The group-versions whose APIServices it may concern.
  func hear(_ event: WatchEvent) throws -> [GroupVersion] {
    guard let object: CachedObject = event.object else { return [] }
    var versions: [GroupVersion] = Self.versions(try ObjectStorage.tree(object))
    if case .deleted = event { versions = [] }
    let before: [GroupVersion] = definitions.withLock { definitions in
      let before: [GroupVersion] = definitions[object.name] ?? []
      definitions[object.name] = versions.isEmpty ? nil : versions
      return before
    }
    return versions + before.filter { !versions.contains($0) }
  }

  /// Makes, mends or takes away the APIService of a group-version of custom resources.
  func reconcile(_ version: GroupVersion, _ core: ServerCore) async throws {
    guard !registry.builtInGroupVersions.contains(version) else { return }
    let isWanted: Bool = definitions.withLock { $0.values.contains { $0.contains(version) } }
    let wanted: JSONValue = APIServiceDefaults.object(version, label: Self.always)
    let client: InternalClient = InternalClient(core: core)
    guard let present: JSONValue = try await client.get(Aggregation.apiGroup, Aggregation.plural, name: wanted.objectName) else {
      if isWanted { try await client.ensure(Aggregation.apiGroup, Aggregation.plural, wanted.without("status")) }
      return
    }
    // One that somebody made by hand stays as it is.
    guard present["metadata"]["labels"][Self.label].string == Self.always else { return }
    if !isWanted { return try await Self.delete(wanted.objectName, client) }
    try await Self.mend(present, wanted, client)
  }

  /// Makes and mends those of the built-in groups, and takes away those of groups that are built in no more.
  func prepare(_ core: ServerCore) async throws {
    let client: InternalClient = InternalClient(core: core)
    let wanted: [JSONValue] = APIServiceDefaults.objects(registry.builtInGroupVersions)
    let names: Set<String> = Set(wanted.map(\.objectName))
    for present: JSONValue in try await registry.storage(Aggregation.apiGroup, Aggregation.plural)?.objects() ?? []
    where present["metadata"]["labels"][Self.label].string == Self.onStart && !names.contains(present.objectName) {
      try await Self.delete(present.objectName, client)
    }
    for service: JSONValue in wanted {
      if let present: JSONValue = try await client.get(Aggregation.apiGroup, Aggregation.plural, name: service.objectName) {
        guard present["metadata"]["labels"][Self.label].string == Self.onStart else { continue }
        try await Self.mend(present, service, client)
      } else {
        try await client.ensure(Aggregation.apiGroup, Aggregation.plural, service.without("status"))
      }
    }
  }

  private static func mend(_ present: JSONValue, _ wanted: JSONValue, _ client: InternalClient) async throws {
    let keys: Set<String> = Set(present["spec"].object?.keys ?? []).union(wanted["spec"].object?.keys ?? [])
    // A merge patch takes away what is null in it.
    var members: JSONObject = JSONObject()
    for key: String in keys where present["spec"][key] != wanted["spec"][key] { members[key] = wanted["spec"][key] }
    guard !members.isEmpty else { return }
    try await client.patch(
      Aggregation.apiGroup, Aggregation.plural, name: wanted.objectName, ["spec": .object(members)])
  }

  private static func delete(_ name: String, _ client: InternalClient) async throws {
    do { try await client.delete(Aggregation.apiGroup, Aggregation.plural, name: name) } catch let error as StatusError {
      if error.code != 404 { throw error }
    }
  }
}
