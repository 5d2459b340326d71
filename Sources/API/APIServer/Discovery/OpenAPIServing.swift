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
  private let cache: Mutex<(generation: Int, documents: [String: (bytes: [UInt8], hash: String)])> = Mutex((-1, [:]))

  init(registry: ResourceRegistry) { self.registry = registry }

  func handle(_ call: APICall, _ segments: [Substring]) async throws -> Bool {
    guard segments.count >= 2 else { return false }
    let rest: String = segments.dropFirst(2).joined(separator: "/")
    switch (segments[1], rest) {
    case ("v2", ""):
      let accept: String = call.request.headers["accept"].joined(separator: ",")
      if accept.contains(OpenAPIProtobuf.mediaType) {
        try await send(call, document("v2", form: "protobuf") { OpenAPIProtobuf.encode($0.v2()) }, type: OpenAPIProtobuf.answerType)
      } else {
        try await send(call, document("v2") { $0.v2().bytes })
      }
    case ("v3", ""): try await index(call)
    case ("v3", _):
      let documents: OpenAPIDocuments = documents
      guard documents.v3Paths.contains(rest) else { return false }
      try await send(call, document(rest) { ($0.v3(rest) ?? .null).bytes })
    default: return false
    }
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
    let generation: Int = registry.generation
    let known: (bytes: [UInt8], hash: String)? = cache.withLock { state in
      if state.generation != generation { state = (generation, [:]) }
      return state.documents[key]
    }
    if let known { return known }
    let documents: OpenAPIDocuments = documents
    let bytes: [UInt8] = make(documents)
    // One document's forms are different things to a cache.
    let hash: String = Self.hash(documents.fingerprint(name) + (form == "json" ? [] : Array(form.utf8)))
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
