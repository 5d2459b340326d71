// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import Crypto
import Foundation
import HTTPServing
import JSON
import NIOHTTP1
import Synchronization

/// The OpenAPI documents: /openapi/v2 whole, /openapi/v3 by group-version with hashes.
final class OpenAPIServing: Sendable {
  private let registry: ResourceRegistry
  private let aggregation: Aggregation
  private let cache: Mutex<(generation: Int, documents: [String: (bytes: [UInt8], hash: String)])> = Mutex((-1, [:]))

  init(registry: ResourceRegistry, aggregation: Aggregation) {
    self.registry = registry
    self.aggregation = aggregation
  }

  func handle(_ call: APICall, _ segments: [Substring]) async throws -> Bool {
    guard segments.count >= 2 else { return false }
    let rest: String = segments.dropFirst(2).joined(separator: "/")
    switch (segments[1], rest) {
    case ("v2", ""):
      let accept: String = call.request.headers["accept"].joined(separator: ",")
      if accept.contains(OpenAPIProtobuf.mediaType) {
        try await send(call, specification(form: "protobuf") { OpenAPIProtobuf.encode($0) }, type: OpenAPIProtobuf.answerType)
      } else {
        try await send(call, specification(form: "json") { $0.bytes })
      }
    case ("v3", ""): try await index(call)
    case ("v3", _):
      let documents: OpenAPIDocuments = documents
      guard documents.v3Paths.contains(rest) else { return try await pass(call, rest) }
      try await send(call, document(rest) { ($0.v3(rest) ?? .null).bytes })
    default: return false
    }
    return true
  }

  /// The document in version 2: our own with those of the servers behind this one.
  private func specification(form: String, _ encode: (JSONValue) -> [UInt8]) -> (bytes: [UInt8], hash: String) {
    document("v2", form: form) { encode(OpenAPIMerging.merge($0.v2(), aggregation.documents.specifications)) }
  }

  /// Hands out a document of a server behind this one; false where there is none.
  private func pass(_ call: APICall, _ path: String) async throws -> Bool {
    guard let place: (groupVersion: GroupVersion, url: String) = aggregation.documents.openAPI[path],
      let entry: APIServiceEntry = aggregation.table[place.groupVersion], entry.service != nil
    else { return false }
    try await AggregatedRequest(resolver: aggregation.resolver, entry: entry).run(call, path: place.url)
    return true
  }

  private var groupVersions: [GroupVersion] {
    var all: [GroupVersion] = registry.builtInGroupVersions
    for resource: ServedResource in registry.custom {
      let version: GroupVersion = resource.kind.groupVersion
      if !all.contains(version) { all.append(version) }
    }
    return all
  }

  private var documents: OpenAPIDocuments {
    OpenAPIDocuments(
      version: ServerVersion.minorVersion, groups: groupVersions.map { (groupVersion: $0, resources: resources($0)) },
      custom: registry.custom.map(\.schema))
  }

  /// The bytes of a document in one form, made once for each state of the resources.
  private func document(
    _ name: String, form: String = "json", _ make: (OpenAPIDocuments) -> [UInt8]
  ) -> (bytes: [UInt8], hash: String) {
    let key: String = "\(name) \(form)"
    let remote: Int = aggregation.documents.generation
    let generation: Int = registry.generation + remote
    let known: (bytes: [UInt8], hash: String)? = cache.withLock { state in
      if state.generation != generation { state = (generation, [:]) }
      return state.documents[key]
    }
    if let known { return known }
    let documents: OpenAPIDocuments = documents
    let bytes: [UInt8] = make(documents)
    // One document's forms are different things to a cache.
    var print: [UInt8] = documents.fingerprint(name) + (form == "json" ? [] : Array(form.utf8))
    if name == "v2" { for part: JSONValue in aggregation.documents.specifications { print += part.bytes } }
    let hash: String = Self.hash(print)
    cache.withLock { state in if state.generation == generation { state.documents[key] = (bytes, hash) } }
    return (bytes, hash)
  }

  private static func hash(_ bytes: [UInt8]) -> String {
    SHA512.hash(data: Data(bytes)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
  }

  private func send(
    _ call: APICall, _ document: (bytes: [UInt8], hash: String), type: String = "application/json"
  ) async throws {
    var headers: HTTPHeaders = call.headers(contentType: type)
    headers.add(name: "etag", value: "\"\(document.hash)\"")
    headers.add(name: "vary", value: "Accept")
    if call.query["hash"] == document.hash {
      headers.replaceOrAdd(name: "cache-control", value: "public, immutable")
    }
    if call.request.headers["if-none-match"].contains("\"\(document.hash)\"") {
      return try await call.response.send(status: .notModified, headers: headers)
    }
    try await call.response.send(status: .ok, headers: headers, body: document.bytes)
  }

  /// The index names what the documents are made of and makes none of them.
  private func index(_ call: APICall) async throws {
    let documents: OpenAPIDocuments = documents
    var paths: JSONObject = JSONObject()
    for path: String in documents.v3Paths {
      let hash: String = Self.hash(documents.fingerprint(path))
      paths[path] = ["serverRelativeURL": .string("/openapi/v3/\(path)?hash=\(hash)")]
    }
    for (path, place) in aggregation.documents.openAPI.sorted(by: { $0.key < $1.key }) where paths[path] == nil {
      paths[path] = ["serverRelativeURL": .string(place.url)]
    }
    let body: [UInt8] = JSONValue.object(["paths": .object(paths)]).bytes
    try await call.response.send(
      status: .ok, headers: call.headers(contentType: "text/plain; charset=utf-8"), body: body)
  }

  private func resources(_ version: GroupVersion) -> [OpenAPIResource] {
    let served: [ServedResource] = registry.all.filter {
      $0.definition.identifier.group == version.group && $0.definition.identifier.version == version.version
    }.sorted { $0.definition.identifier.resource < $1.definition.identifier.resource }
    return served.flatMap { resource in
      let definition: ResourceDefinition = resource.definition
      let own: OpenAPIResource = OpenAPIResource(
        plural: definition.identifier.resource, kind: definition.kind, isNamespaced: definition.isNamespaced,
        verbs: definition.verbs.names)
      return [own]
        + definition.subresources.map {
          OpenAPIResource(
            plural: definition.identifier.resource, kind: $0.kind, resourceKind: definition.kind.kind,
            isNamespaced: definition.isNamespaced,
            verbs: $0.verbs.names, subresource: $0.name)
        }
    }
  }
}
