// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import HTTPServing
import JSON
import NIOHTTP1

/// How an object is to be deleted: the body or the query of a DELETE.
struct DeleteOptions: Sendable {
  enum Propagation: String, Sendable { case orphan = "Orphan", background = "Background", foreground = "Foreground" }

  var gracePeriodSeconds: Int64?
  var uid: String?
  var resourceVersion: String?
  var orphanDependents: Bool?
  var propagation: Propagation?
  var isDryRun: Bool = false
  /// As the client sent it, for admission.
  var json: JSONValue = .null

  init() {}

  init(_ bytes: [UInt8], call: APICall) throws {
    if bytes.isEmpty {
      readQuery(call.query)
    } else {
      try readBody(bytes, call)
    }
    try check()
  }

  private var given: (propagation: String?, dryRun: [String]) = (nil, [])

  private mutating func readQuery(_ query: QueryParameters) {
    gracePeriodSeconds = query["gracePeriodSeconds"].flatMap { Int64($0) }
    if query["orphanDependents"] != nil { orphanDependents = query.flag("orphanDependents") }
    given = (query["propagationPolicy"], query.all("dryRun"))
    uid = query["preconditions.uid"]
    resourceVersion = query["preconditions.resourceVersion"]
    json = ["kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1"]
  }

  private mutating func readBody(_ bytes: [UInt8], _ call: APICall) throws {
    let body: RequestBody = try RequestBodyReader.read(
      bytes, contentType: call.request.headers.first(name: "content-type"), kind: "DeleteOptions")
    let value: JSONValue
    if let schema: KindSchema = MetaSchemas.schema("", "DeleteOptions")
    {
      value = try Self.decode(body, schema)
    } else if case .json(let bytes) = body {
      value = try JSONValue(parsing: bytes)
    } else {
      value = .object(JSONObject())
    }
    gracePeriodSeconds = value["gracePeriodSeconds"].int
    orphanDependents = value["orphanDependents"].bool
    uid = value["preconditions"]["uid"].string
    resourceVersion = value["preconditions"]["resourceVersion"].string
    given = (value["propagationPolicy"].string, value["dryRun"].stringItems)
    if given.dryRun.isEmpty { given.dryRun = call.query.all("dryRun") }
    if given.propagation == nil { given.propagation = call.query["propagationPolicy"] }
    json = value
  }

  /// The options travel as any group's DeleteOptions.
  private static func decode(_ body: RequestBody, _ schema: KindSchema) throws -> JSONValue {
    switch body {
    case .json(let bytes):
      var tree: JSONValue
      do { tree = try JSONValue(parsing: bytes) } catch { return try schema.decode(body, validation: .ignore).object }
      if tree.object != nil {
        tree["apiVersion"] = .string(schema.kind.apiVersion)
        if tree["kind"].string == nil { tree["kind"] = "DeleteOptions" }
      }
      return try schema.decode(.json(tree.bytes), validation: .ignore).object
    case .protobuf(let bytes):
      // The envelope names the group of what is deleted, as typed clients write it.
      do throws(APISchemaError) { return try schema.decodeProtobuf(bytes) } catch {
        throw StatusError.badRequest("DeleteOptions cannot be read: \(error.message)")
      }
    default: return try schema.decode(body, validation: .ignore).object
    }
  }

  private mutating func check() throws(StatusError) {
    var errors: [FieldError] = []
    if orphanDependents != nil, given.propagation != nil {
      errors.append(
        .invalid("propagationPolicy", .string(given.propagation ?? ""), "orphanDependents and deletionPropagation cannot be both set"))
    }
    if let text: String = given.propagation, Propagation(rawValue: text) == nil {
      errors.append(.notSupported("propagationPolicy", .string(text), ["Foreground", "Background", "Orphan", "nil"]))
    }
    errors += WriteOptions.dryRunErrors(given.dryRun)
    propagation = given.propagation.flatMap(Propagation.init)
    isDryRun = given.dryRun.contains("All")
    if !errors.isEmpty { throw .invalid(GroupKind("meta.k8s.io", "DeleteOptions"), "", errors) }
  }
}
