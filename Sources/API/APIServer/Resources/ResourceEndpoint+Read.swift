// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import HTTPServing
import JSON
import KubeValues
import NIOCore
import NIOHTTP1

// get and list.
extension ResourceEndpoint {
  func get() async throws {
    let form: NegotiatedAnswer = try negotiate()
    let freshness: Freshness = try ListParameters.getFreshness(call.query)
    guard
      let object: CachedObject = try await storage().get(
        namespace: namespace, name: info.name, freshness: freshness)
    else { throw StatusError.notFound(group, info.name) }
    try await send(object, as: form)
  }

  func negotiate(allowsForms: Bool = true) throws -> NegotiatedAnswer {
    try MediaType.negotiate(
      accept: call.accept, allowsForms: allowsForms, isPretty: call.isPretty, hasProtobuf: resource.schema.isBuiltIn)
  }

  /// Sends a stored object: its bytes as they are where that is what the caller wants.
  func send(_ object: CachedObject, as form: NegotiatedAnswer) async throws {
    if form.form == .object, !form.isPretty {
      switch form.encoding {
      case .json:
        let json: [UInt8] = try await resource.served(object)
        return try await call.send(bytes: json, form.contentType, .ok)
      case .protobuf:
        return try await call.send(bytes: try await resource.protobuf(object), form.contentType, .ok)
      case .yaml: break
      }
    }
    try await send(try JSONValue(parsing: try await resource.served(object)), as: form, status: .ok)
  }

  func list() async throws {
    let form: NegotiatedAnswer = try negotiate()
    let parameters: ListParameters = try ListParameters(call.query, resource: resource, name: info.name)
    let result: ListResult
    if let selection: ConvertedSelection = ConvertedSelection(resource, parameters.fields) {
      // Pages are made of what is selected, which is known only when all is converted.
      var request: ListRequest = parameters.listRequest(namespace: namespace)
      request.limit = 0
      var whole: ListResult = try await storage().list(request, matching: parameters.labelMatches)
      whole.objects = try await selection.filter(whole.objects)
      result = whole
    } else {
      result = try await storage().list(parameters.listRequest(namespace: namespace), matching: parameters.matches)
      try await resource.prepare(result.objects)
    }
    var metadata: JSONValue = ["resourceVersion": .string(String(result.revision))]
    // Lists of custom resources show the field always.
    if !resource.schema.isBuiltIn, form.form == .object { metadata["continue"] = "" }
    if let token: String = result.continueToken {
      metadata["continue"] = .string(token)
      if let remaining: Int = result.remaining { metadata["remainingItemCount"] = .int(Int64(remaining)) }
    }
    try await sendList(result.objects, metadata: metadata, as: form)
  }

  func sendList(_ objects: [CachedObject], metadata: JSONValue, as form: NegotiatedAnswer) async throws {
    let kind: String = resource.definition.listKind ?? resource.kind.kind + "List"
    if form.form == .object, form.encoding == .json, !form.isPretty {
      let head: String = "{\"kind\":\(JSONValue.string(kind).text),\"apiVersion\":\"\(resource.kind.apiVersion)\",\"metadata\":\(metadata.text),\"items\":["
      var buffer: ByteBuffer = ByteBuffer()
      buffer.reserveCapacity(objects.reduce(head.utf8.count + 16) { $0 + $1.json.count })
      buffer.writeString(head)
      for (index, object) in objects.enumerated() {
        if index > 0 { buffer.writeInteger(UInt8(ascii: ",")) }
        buffer.writeBytes(listItem(try await resource.served(object)))
      }
      buffer.writeString("]}\n")
      return try await call.response.send(
        status: .ok, headers: call.headers(contentType: "application/json"), body: buffer)
    }
    if try await sendCopied(objects, kind: kind, metadata: metadata, as: form) { return }
    var items: [JSONValue] = []
    items.reserveCapacity(objects.count)
    for object: CachedObject in objects { items.append(try JSONValue(parsing: try await resource.served(object))) }
    try await sendList(items, metadata: metadata, as: form)
  }

  /// Sends a list that is made of bytes that are there already; false where the form wants more than that.
  private func sendCopied(
    _ objects: [CachedObject], kind: String, metadata: JSONValue, as form: NegotiatedAnswer
  ) async throws -> Bool {
    switch (form.form, form.encoding) {
    case (.object, .protobuf):
      guard let schema: KindSchema = SchemaRegistry.builtIn.kind(resource.kind.group, resource.kind.version, kind) else {
        return false
      }
      var items: [[UInt8]] = []
      items.reserveCapacity(objects.count)
      for object: CachedObject in objects { items.append(try await resource.protobuf(object)) }
      guard !items.contains(where: \.isEmpty),
        let list: [UInt8] = try schema.encodeProtobufList(metadata: metadata, items: items)
      else { return false }
      try await call.send(bytes: list, form.contentType, .ok)
    case (.partialList, .json):
      // A metadata list without items has none at all.
      guard !form.isPretty, !objects.isEmpty else { return false }
      var buffer: ByteBuffer = ByteBuffer()
      buffer.writeString(
        "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":\(metadata.text),\"items\":[")
      for (index, object) in objects.enumerated() {
        if index > 0 { buffer.writeInteger(UInt8(ascii: ",")) }
        guard MetadataSlice.write(try await resource.served(object), into: &buffer) else { return false }
      }
      buffer.writeString("]}\n")
      try await call.response.send(status: .ok, headers: call.headers(contentType: form.contentType), body: buffer)
    default: return false
    }
    return true
  }

  func sendList(_ items: [JSONValue], metadata: JSONValue, as form: NegotiatedAnswer) async throws {
    let kind: String = resource.definition.listKind ?? resource.kind.kind + "List"
    switch form.form {
    case .table(let version):
      let table: JSONValue = Tables.table(
        items, of: resource, metadata: metadata, version: version, includes: call.query["includeObject"] ?? "Metadata",
        now: call.now)
      try await call.send(table, as: form, status: .ok, schema: SchemaRegistry.builtIn.kind("meta.k8s.io", version, "Table"))
    case .partialList, .partial:
      guard form.form == .partialList else { throw Self.notAnObject(kind) }
      let list: JSONValue = [
        "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "items": items.isEmpty ? .null : .array(items.map { Tables.partial($0, typed: true) }),
      ]
      try await call.send(
        list, as: form, status: .ok, schema: MetaSchemas.partialList)
    case .object:
      let strips: Bool = resource.schema.isBuiltIn
      let list: JSONValue = [
        "kind": .string(kind), "apiVersion": .string(resource.kind.apiVersion), "metadata": metadata,
        "items": .array(strips ? items.map { $0.without("kind").without("apiVersion") } : items),
      ]
      let schema: KindSchema? = SchemaRegistry.builtIn.kind(resource.kind.group, resource.kind.version, kind)
      try await call.send(list, as: form, status: .ok, schema: schema)
    }
  }

  private static func notAnObject(_ kind: String) -> StatusError {
    StatusError(
      code: 406, reason: "NotAcceptable",
      message: "you requested PartialObjectMetadata, but the requested object is a list (*internalversion.\(kind))")
  }

  /// Items of lists of built-in kinds carry no kind and apiVersion.
  private func listItem(_ json: [UInt8]) -> ArraySlice<UInt8> {
    guard resource.schema.isBuiltIn else { return json[...] }
    let head: [UInt8] = Array(
      "{\"kind\":\"\(resource.kind.kind)\",\"apiVersion\":\"\(resource.kind.apiVersion)\",".utf8)
    guard json.starts(with: head) else {
      let value: JSONValue? = (try? JSONValue(parsing: json)).map { $0.without("kind").without("apiVersion") }
      return (value?.bytes ?? json)[...]
    }
    // The comma's place becomes the opening brace.
    var rest: ArraySlice<UInt8> = json[(head.count - 1)...]
    rest[rest.startIndex] = UInt8(ascii: "{")
    return rest
  }

  /// Sends an object that a write made, or one that is not stored.
  func send(_ object: JSONValue, as form: NegotiatedAnswer, status: HTTPStatus) async throws {
    switch form.form {
    case .object: try await call.send(object, as: form, status: status.response, schema: resource.schema)
    case .table(let version):
      let metadata: JSONValue = object.objectResourceVersion.isEmpty
        ? .object(JSONObject()) : ["resourceVersion": .string(object.objectResourceVersion)]
      let table: JSONValue = Tables.table(
        [object], of: resource, metadata: metadata, version: version,
        includes: call.query["includeObject"] ?? "Metadata", now: call.now)
      try await call.send(
        table, as: form, status: status.response, schema: SchemaRegistry.builtIn.kind("meta.k8s.io", version, "Table"))
    case .partial:
      try await call.send(
        Tables.partial(object, typed: true), as: form, status: status.response,
        schema: MetaSchemas.partial)
    case .partialList:
      throw StatusError(
        code: 406, reason: "NotAcceptable",
        message: "you requested PartialObjectMetadataList, but the requested object is not a list (\(resource.goType))")
    }
  }
}

/// The statuses of answers with an object.
enum HTTPStatus: Sendable {
  case ok, created, accepted

  var response: HTTPResponseStatus {
    switch self {
    case .ok: .ok
    case .created: .created
    case .accepted: .accepted
    }
  }
}

extension ServedResource {
  /// The type's name in upstream's messages.
  var goType: String {
    guard schema.isBuiltIn else { return "*unstructured.Unstructured" }
    let package: Substring = kind.group.isEmpty ? "core" : kind.group.prefix { $0 != "." }
    return "*\(package).\(kind.kind)"
  }
}
