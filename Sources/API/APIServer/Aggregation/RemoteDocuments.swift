// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import NIOHTTP1
import Synchronization

/// What other API servers say of themselves: their resources and their OpenAPI documents, as they were last heard.
final class RemoteDocuments: Sendable {
  /// Of one group-version.
  struct Known: Sendable, Equatable {
    /// The `APIVersionDiscovery`.
    var discovery: JSONValue
    /// Paths of OpenAPI documents in version 3, with where they are.
    var openAPI: [String: String] = [:]
    /// The part of the OpenAPI document in version 2 that is about the group-version.
    var specification: JSONValue = .null
    var specificationTag: String?
  }

  private static let discoveryAccept: String =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    + "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"

  private let caller: RemoteCaller
  private let state: Mutex<(known: [GroupVersion: Known], generation: Int)> = Mutex(([:], 0))

  init(_ caller: RemoteCaller) { self.caller = caller }

  /// Changes when something else is known.
  var generation: Int { state.withLock { $0.generation } }

  /// The resources of a group-version; a stale entry without any where its server was never heard.
  func discovery(_ groupVersion: GroupVersion) -> JSONValue {
    state.withLock { $0.known[groupVersion]?.discovery } ?? Self.stale(["version": .string(groupVersion.version)])
  }

  /// Where the servers' documents in version 3 are, by their paths.
  var openAPI: [String: (groupVersion: GroupVersion, url: String)] {
    state.withLock { state in
      var all: [String: (groupVersion: GroupVersion, url: String)] = [:]
      for (groupVersion, known) in state.known {
        for (path, url) in known.openAPI where all[path] == nil || path == "apis/\(groupVersion)" { all[path] = (groupVersion, url) }
      }
      return all
    }
  }

  /// The documents in version 2, in the order of the group-versions' names.
  var specifications: [JSONValue] {
    state.withLock { $0.known }.sorted { "\($0.key)" < "\($1.key)" }.map(\.value.specification).filter { !$0.isNull }
  }

  func forget(_ groupVersion: GroupVersion) {
    state.withLock { state in
      if state.known.removeValue(forKey: groupVersion) != nil { state.generation += 1 }
    }
  }

  private func remember(_ known: Known, _ groupVersion: GroupVersion) {
    state.withLock { state in
      guard state.known[groupVersion] != known else { return }
      state.known[groupVersion] = known
      state.generation += 1
    }
  }

  /// Remembers that what is known may have changed.
  func markStale(_ groupVersion: GroupVersion) {
    guard var known: Known = state.withLock({ $0.known[groupVersion] }) else { return }
    known.discovery = Self.stale(known.discovery)
    remember(known, groupVersion)
  }

  private static func stale(_ discovery: JSONValue) -> JSONValue {
    var discovery: JSONValue = discovery
    discovery["freshness"] = "Stale"
    return discovery
  }

  /// Asks a server anew.
  func refresh(_ entry: APIServiceEntry) async {
    let version: GroupVersion = entry.groupVersion
    do {
      var discovery: JSONValue = try await resources(entry)
      discovery["freshness"] = "Current"
      var known: Known = state.withLock { $0.known[version] } ?? Known(discovery: discovery)
      known.discovery = discovery
      // A server need not have documents.
      if let paths: [String: String] = try? await openAPIPaths(entry) { known.openAPI = paths }
      try? await readSpecification(entry, &known)
      remember(known, version)
    } catch {
      markStale(version)
    }
  }

  // MARK: resources

  private func resources(_ entry: APIServiceEntry) async throws -> JSONValue {
    let version: GroupVersion = entry.groupVersion
    let answer: RemoteCaller.Answer = try await caller.get(entry, "/apis", accept: Self.discoveryAccept)
    let type: String = answer.headers.first(name: "content-type") ?? ""
    if answer.status == 200, type.contains("as=APIGroupDiscoveryList") {
      let list: JSONValue = try JSONValue(parsing: answer.body)
      let group: JSONValue? = list["items"].items.first { $0["metadata"]["name"].string == version.group }
      return group?["versions"].items.first { $0["version"].string == version.version } ?? ["version": .string(version.version)]
    }
    let plain: RemoteCaller.Answer = try await caller.get(entry, "/apis/\(version)")
    guard plain.status == 200 else { throw StatusError.internalError("/apis/\(version) has status \(plain.status)") }
    return Self.converted(try JSONValue(parsing: plain.body), version)
  }

  /// An `APIResourceList` as an `APIVersionDiscovery`.
  static func converted(_ list: JSONValue, _ version: GroupVersion) -> JSONValue {
    var resources: [JSONValue] = []
    func kind(_ item: JSONValue) -> JSONValue {
      [
        "group": item["group"].isNull ? .string(version.group) : item["group"],
        "version": item["version"].isNull ? .string(version.version) : item["version"], "kind": item["kind"],
      ]
    }
    for item: JSONValue in list["resources"].items {
      let parts: [Substring] = (item["name"].string ?? "").split(separator: "/", maxSplits: 1)
      guard let name: Substring = parts.first else { continue }
      if parts.count == 1 {
        var entry: JSONValue = [
          "resource": .string(String(name)), "responseKind": kind(item),
          "scope": item["namespaced"].bool == true ? "Namespaced" : "Cluster",
          "singularResource": item["singularName"], "verbs": item["verbs"],
        ]
        for key: String in ["shortNames", "categories"] where !item[key].isNull { entry[key] = item[key] }
        resources.append(entry)
      } else if let owner: Int = resources.firstIndex(where: { $0["resource"].string == String(name) }) {
        let below: JSONValue = [
          "subresource": .string(String(parts[1])), "responseKind": kind(item), "verbs": item["verbs"],
        ]
        resources[owner]["subresources"] = .array(resources[owner]["subresources"].items + [below])
      }
    }
    return ["version": .string(version.version), "resources": .array(resources)]
  }

  // MARK: OpenAPI

  private func openAPIPaths(_ entry: APIServiceEntry) async throws -> [String: String] {
    let answer: RemoteCaller.Answer = try await caller.get(entry, "/openapi/v3")
    guard answer.status == 200 else { return [:] }
    var paths: [String: String] = [:]
    for (path, place) in try JSONValue(parsing: answer.body)["paths"].object ?? JSONObject() {
      if let url: String = place["serverRelativeURL"].string, path.hasPrefix("apis/\(entry.groupVersion.group)") { paths[path] = url }
    }
    return paths
  }

  private func readSpecification(_ entry: APIServiceEntry, _ known: inout Known) async throws {
    let answer: RemoteCaller.Answer = try await caller.get(entry, "/openapi/v2", etag: known.specificationTag)
    guard answer.status == 200 else { return }
    known.specificationTag = answer.headers.first(name: "etag")
    known.specification = OpenAPIMerging.part(
      try JSONValue(parsing: answer.body), below: "/apis/\(entry.groupVersion)/")
  }
}
