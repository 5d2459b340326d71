// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import Crypto
import Foundation
import HTTPServing
import JSON
import NIOHTTP1
import Synchronization

/// What is served: /api, /apis, group and version lists, and all at once (apidiscovery.k8s.io/v2).
final class Discovery: Sendable {
  private let registry: ResourceRegistry
  private let aggregation: Aggregation
  let documents: OpenAPIServing
  private let aggregated: Mutex<(generation: Int, documents: [String: (json: JSONValue, etag: String)])> = Mutex((-1, [:]))

  private let address: String

  init(registry: ResourceRegistry, aggregation: Aggregation, address: String) {
    self.registry = registry
    self.aggregation = aggregation
    self.address = address
    documents = OpenAPIServing(registry: registry, aggregation: aggregation)
  }

  /// The group-versions that this server serves, with their resources.
  private var groupVersions: [GroupVersion: [ServedResource]] {
    Dictionary(grouping: registry.all) { $0.kind.groupVersionOfResource($0) }.mapValues { resources in
      resources.sorted { $0.definition.identifier.resource < $1.definition.identifier.resource }
    }
  }

  /// The groups but the core one in order, each with its versions in order, of this server and those behind it.
  private var groups: [(name: String, versions: [GroupVersion])] {
    let builtIn: [GroupVersion] = registry.builtInGroupVersions
    let custom: Set<GroupVersion> = Set(registry.custom.map { $0.kind.groupVersionOfResource($0) })
    return GroupOrder.sorted(
      local: builtIn + custom, builtInCount: builtIn.count, services: aggregation.table.all
    ).filter { !$0.name.isEmpty }
  }

  var paths: [String] {
    var paths: [String] = [
      "/.well-known/openid-configuration", "/api", "/api/v1", "/apis", "/apis/", "/healthz", "/livez", "/metrics",
      "/openapi/v2", "/openapi/v3", "/openapi/v3/", "/openid/v1/jwks", "/readyz", "/version",
    ]
    for (name, versions) in groups { paths += ["/apis/\(name)"] + versions.map { "/apis/\($0)" } }
    return paths.sorted()
  }

  /// Answers a discovery path; false where it is none.
  func handle(_ call: APICall, _ segments: [Substring]) async throws -> Bool {
    // Groups are told of whatever the method is.
    let isOfGroups: Bool = segments[0] == "apis" && segments.count <= 2
    guard isOfGroups || ["GET", "HEAD"].contains(call.request.method) else {
      if segments.count <= 3 { throw ResourceEndpoint.methodNotAllowed }
      return false
    }
    switch (segments[0], segments.count) {
    case ("api", 1), ("apis", 1):
      if let version: String = Self.aggregatedVersion(call.accept) {
        try await answerAggregated(call, isCore: segments[0] == "api", version: version)
      } else if segments[0] == "api" {
        try await call.answer(coreVersions, schema: MetaSchemas.schema("", "APIVersions"))
      } else {
        let list: JSONValue = [
          "kind": "APIGroupList", "apiVersion": "v1", "groups": .array(groups.map { Self.group($0.name, $0.versions) }),
        ]
        try await call.answer(list, schema: MetaSchemas.schema("", "APIGroupList"))
      }
    case ("api", 2): try await answerResources(call, GroupVersion("", String(segments[1])))
    case ("apis", 2):
      guard let (name, versions): (String, [GroupVersion]) = groups.first(where: { $0.name == segments[1] }) else {
        return try await Self.notFound(call)
      }
      var group: JSONValue = ["kind": "APIGroup", "apiVersion": "v1"]
      for (key, value) in Self.group(name, versions).object ?? JSONObject() { group[key] = value }
      try await call.answer(group, schema: MetaSchemas.schema("", "APIGroup"))
    case ("apis", 3): try await answerResources(call, GroupVersion(String(segments[1]), String(segments[2])))
    default: return false
    }
    return true
  }

  private static func notFound(_ call: APICall) async throws -> Bool {
    try await call.answer(text: "404 page not found\n", status: .notFound)
    return true
  }

  private var coreVersions: JSONValue {
    [
      "kind": "APIVersions", "versions": ["v1"],
      "serverAddressByClientCIDRs": [["clientCIDR": "0.0.0.0/0", "serverAddress": .string(address)]],
    ]
  }

  private static func group(_ name: String, _ versions: [GroupVersion]) -> JSONValue {
    let all: [JSONValue] = versions.map { ["groupVersion": .string($0.description), "version": .string($0.version)] }
    return ["name": .string(name), "versions": .array(all), "preferredVersion": all.first ?? .null]
  }

  /// Upstream lists the verbs of custom resources in this order.
  private static let customVerbs: [String] = [
    "delete", "deletecollection", "get", "list", "patch", "create", "update", "watch",
  ]

  // MARK: one group-version

  private func answerResources(_ call: APICall, _ version: GroupVersion) async throws {
    guard let resources: [ServedResource] = groupVersions[version] else {
      if version.group.isEmpty || groups.contains(where: { $0.name == version.group }) { throw ResourceEndpoint.unknownPath }
      _ = try await Self.notFound(call)
      return
    }
    let list: JSONValue = [
      "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(version.description),
      "resources": .array(resources.flatMap(Self.entries)),
    ]
    var fixed: JSONValue = list
    if version == GroupVersion("", "v1") { fixed["apiVersion"] = .null }
    try await call.answer(fixed, schema: MetaSchemas.schema("", "APIResourceList"))
  }

  private static func entries(_ resource: ServedResource) -> [JSONValue] {
    let definition: ResourceDefinition = resource.definition
    var own: JSONValue = [
      "name": .string(definition.identifier.resource), "singularName": .string(definition.singular),
      "namespaced": .bool(definition.isNamespaced), "kind": .string(definition.kind.kind),
      "verbs": JSONValue(resource.custom == nil ? definition.verbs.names : customVerbs),
    ]
    if !definition.shortNames.isEmpty { own["shortNames"] = JSONValue(definition.shortNames) }
    if !definition.categories.isEmpty { own["categories"] = JSONValue(definition.categories) }
    if let hash: String = definition.storageVersionHash { own["storageVersionHash"] = .string(hash) }
    let below: [JSONValue] = definition.subresources.sorted { $0.name < $1.name }.map { sub in
      var entry: JSONValue = [
        "name": .string("\(definition.identifier.resource)/\(sub.name)"), "singularName": "",
        "namespaced": .bool(definition.isNamespaced),
      ]
      if sub.kind.groupVersion != definition.kind.groupVersion {
        if !sub.kind.group.isEmpty { entry["group"] = .string(sub.kind.group) }
        entry["version"] = .string(sub.kind.version)
      }
      entry["kind"] = .string(sub.kind.kind)
      entry["verbs"] = JSONValue(sub.verbs.names)
      return entry
    }
    return [own] + below
  }

  // MARK: everything at once

  private static func aggregatedVersion(_ accept: String?) -> String? {
    for clause: MediaType.Clause in MediaType.clauses(accept ?? "") {
      if clause.parameters["as"] == "APIGroupDiscoveryList", clause.parameters["g"] == "apidiscovery.k8s.io",
        let version: String = clause.parameters["v"], version == "v2"
      {
        return version
      }
      if clause.parameters["as"] == nil { return nil }
    }
    return nil
  }

  private func answerAggregated(_ call: APICall, isCore: Bool, version: String) async throws {
    let generation: Int = registry.generation + aggregation.table.generation + aggregation.documents.generation
    let key: String = "\(isCore)\(version)"
    let known: (json: JSONValue, etag: String)? = aggregated.withLock { state in
      if state.generation != generation { state = (generation, [:]) }
      return state.documents[key]
    }
    let document: (json: JSONValue, etag: String) = known ?? makeAggregated(isCore: isCore, version: version)
    aggregated.withLock { state in if state.generation == generation { state.documents[key] = document } }
    let encoding: NegotiatedAnswer.Encoding = (call.accept ?? "").contains("protobuf") ? .protobuf : .json
    var headers: HTTPHeaders = call.headers(contentType: nil)
    headers.add(name: "etag", value: "\"\(document.etag)\"")
    headers.add(name: "vary", value: "Accept")
    if call.request.headers["if-none-match"].contains("\"\(document.etag)\"") {
      return try await call.response.send(status: .notModified, headers: headers)
    }
    let schema: KindSchema? = SchemaRegistry.builtIn.kind("apidiscovery.k8s.io", version, "APIGroupDiscoveryList")
    let parameters: String = ";g=apidiscovery.k8s.io;v=\(version);as=APIGroupDiscoveryList"
    if encoding == .protobuf, let bytes: [UInt8] = schema?.encodeProtobuf(document.json) {
      headers.add(name: "content-type", value: "application/vnd.kubernetes.protobuf" + parameters)
      return try await call.response.send(status: .ok, headers: headers, body: bytes)
    }
    headers.add(name: "content-type", value: "application/json" + parameters)
    try await call.response.send(status: .ok, headers: headers, body: document.json.bytes + [10])
  }

  private func makeAggregated(isCore: Bool, version: String) -> (json: JSONValue, etag: String) {
    let all: [GroupVersion: [ServedResource]] = groupVersions
    let remote: Set<GroupVersion> = Set(aggregation.table.remote.map(\.groupVersion))
    var items: [JSONValue] = []
    for (name, ordered) in isCore ? [("", [GroupVersion("", "v1")])] : groups {
      let versions: [JSONValue] = ordered.map { version in
        if remote.contains(version) { return aggregation.documents.discovery(version) }
        return [
          "version": .string(version.version), "resources": .array((all[version] ?? []).map(Self.aggregatedEntry)),
          "freshness": "Current",
        ]
      }
      var metadata: JSONValue = .object(JSONObject())
      if !name.isEmpty { metadata["name"] = .string(name) }
      items.append(["metadata": metadata, "versions": .array(versions)])
    }
    let json: JSONValue = [
      "kind": "APIGroupDiscoveryList", "apiVersion": .string("apidiscovery.k8s.io/\(version)"),
      "metadata": .object(JSONObject()), "items": .array(items),
    ]
    let digest: String = SHA512.hash(data: Data(json.bytes)).map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }.joined()
    return (json, digest)
  }

  private static func aggregatedEntry(_ resource: ServedResource) -> JSONValue {
    let definition: ResourceDefinition = resource.definition
    func kind(_ kind: GroupVersionKind) -> JSONValue {
      // What belongs to the group-version itself is named without it, but for custom resources.
      if resource.custom == nil, kind.groupVersion == definition.kind.groupVersion {
        return ["group": "", "version": "", "kind": .string(kind.kind)]
      }
      return ["group": .string(kind.group), "version": .string(kind.version), "kind": .string(kind.kind)]
    }
    let scope: JSONValue = definition.isNamespaced ? "Namespaced" : "Cluster"
    var entry: JSONValue = [
      "resource": .string(definition.identifier.resource), "responseKind": kind(definition.kind), "scope": scope,
      "singularResource": .string(definition.singular), "verbs": JSONValue(resource.custom == nil ? definition.verbs.names : Self.customVerbs),
    ]
    if !definition.shortNames.isEmpty { entry["shortNames"] = JSONValue(definition.shortNames) }
    if !definition.categories.isEmpty { entry["categories"] = JSONValue(definition.categories) }
    let below: [JSONValue] = definition.subresources.sorted { $0.name < $1.name }.map {
      ["subresource": .string($0.name), "responseKind": kind($0.kind), "verbs": JSONValue($0.verbs.names)]
    }
    if !below.isEmpty { entry["subresources"] = .array(below) }
    return entry
  }
}

extension GroupVersionKind {
  /// The group-version under which a resource is served.
  func groupVersionOfResource(_ resource: ServedResource) -> GroupVersion {
    GroupVersion(resource.definition.identifier.group, resource.definition.identifier.version)
  }
}

/// Kubernetes' order of versions: v2, v1, v1beta1, v1alpha1, others.
enum VersionOrder {
  static func isBetter(_ left: String, _ right: String) -> Bool {
    switch (parse(left), parse(right)) {
    case (nil, nil): left < right
    case (nil, _): false
    case (_, nil): true
    case (let left?, let right?): left.lexicographicallyPrecedes(right)
    }
  }

  /// Smaller is better: stage, then falling numbers.
  private static func parse(_ text: String) -> [Int]? {
    guard text.hasPrefix("v") else { return nil }
    let rest: Substring = text.dropFirst()
    let major: Substring = rest.prefix(while: \.isNumber)
    guard let number: Int = Int(major) else { return nil }
    let tail: Substring = rest.dropFirst(major.count)
    if tail.isEmpty { return [0, -number, 0] }
    for (stage, word) in [(1, "beta"), (2, "alpha")] where tail.hasPrefix(word) {
      guard let minor: Int = Int(tail.dropFirst(word.count)) else { return nil }
      return [stage, -number, -minor]
    }
    return nil
  }
}
