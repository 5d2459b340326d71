// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import HTTPServing
import JSON
import KubeValues
import NIOHTTP1
import YAML

/// A patch as it came.
enum PatchBody: Sendable {
  case json(JSONValue)
  case merge(JSONValue)
  case strategic(JSONValue)
  case apply(JSONValue)

  /// Reads a patch by its Content-Type.
  init(_ bytes: [UInt8], contentType: String?, isBuiltIn: Bool) throws(StatusError) {
    switch MediaType.base(contentType) {
    case "application/json-patch+json": self = .json(try PatchType.json.parse(bytes))
    case "application/merge-patch+json": self = .merge(try PatchType.merge.parse(bytes))
    case "application/strategic-merge-patch+json" where isBuiltIn:
      self = .strategic(try PatchType.strategic.parse(bytes))
    case "application/apply-patch+yaml":
      let configuration: JSONValue
      do throws(YAMLError) {
        configuration = try YAML.lenientDocument(String(decoding: bytes, as: UTF8.self)).document
      } catch {
        throw .badRequest("error decoding YAML: error converting YAML to JSON: \(error)")
      }
      guard configuration.object != nil || configuration.isNull else {
        throw .badRequest(
          "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
            + "\(configuration.jsonTypeName) into Go value of type map[string]interface {}")
      }
      self = .apply(configuration)
    default:
      throw Self.unsupported(isBuiltIn: isBuiltIn)
    }
  }

  /// What a patch says twice.
  static func duplicates(_ bytes: [UInt8], contentType: String?) -> [String] {
    let type: String = MediaType.base(contentType)
    guard type.hasPrefix("application/apply-patch") else { return PatchType(rawValue: type)?.duplicates(bytes) ?? [] }
    return (try? YAML.lenientDocument(String(decoding: bytes, as: UTF8.self)).duplicates) ?? []
  }

  /// The warnings of a configuration to apply that says things twice.
  ///
  /// - Throws: 400 where it must not.
  static func applyWarnings(_ duplicates: [String], _ validation: FieldValidation) throws(StatusError) -> [String] {
    if duplicates.isEmpty || validation == .ignore { return [] }
    if validation == .strict {
      let lines: String = duplicates.joined(separator: "\n  ")
      throw .badRequest(
        "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  \(lines)")
    }
    return duplicates
  }

  var isApply: Bool { if case .apply = self { true } else { false } }

  /// Built-in resources are refused by the router, custom ones by their handler.
  static func unsupported(isBuiltIn: Bool) -> StatusError {
    if isBuiltIn {
      return StatusError(
        code: 415, reason: "UnsupportedMediaType", message: "415: Unsupported Media Type", details: .object(JSONObject()))
    }
    return StatusError(
      code: 415, reason: "UnsupportedMediaType",
      message: "the body of the request was in an unknown format - accepted media types include: "
        + "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml")
  }
}

// patch.
extension ResourceEndpoint {
  func patch() async throws {
    let form: NegotiatedAnswer = try negotiate()
    let contentType: String? = call.request.headers.first(name: "content-type")
    let isApply: Bool = MediaType.base(contentType).hasPrefix("application/apply-patch")
    try Self.checkPatchType(contentType, isBuiltIn: resource.schema.isBuiltIn)
    let bytes: [UInt8] = try await call.body()
    let options: WriteOptions = try WriteOptions(.patch, query: call.query, isApply: isApply)
    let body: PatchBody = try PatchBody(bytes, contentType: contentType, isBuiltIn: resource.schema.isBuiltIn)
    let duplicates: [String] = PatchBody.duplicates(bytes, contentType: contentType)
    let (result, isNew): (JSONValue, Bool) = try await patch(body, options, duplicates: duplicates)
    try await send(result, as: form, status: isNew ? .created : .ok)
  }

  private static func checkPatchType(_ contentType: String?, isBuiltIn: Bool) throws {
    let types: [String] = [
      "application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml",
    ]
    let type: String = MediaType.base(contentType)
    guard types.contains(type) || (isBuiltIn && type == "application/strategic-merge-patch+json") else {
      throw PatchBody.unsupported(isBuiltIn: isBuiltIn)
    }
  }

  func patch(
    _ body: PatchBody, _ options: WriteOptions, duplicates: [String] = []
  ) async throws -> (JSONValue, isNew: Bool) {
    let name: String = info.name
    var create: (@Sendable () async throws -> JSONValue)?
    if case .apply(let configuration) = body, info.subresource.isEmpty {
      create = { try await createByApply(configuration, options, duplicates) }
    }
    let plan: UpdatePlan = UpdatePlan(
      name: name, change: { live in try await patched(live, body, options, duplicates) }, create: create,
      retriesConflicts: !Self.namesRevision(body), options: options)
    return try await run(plan)
  }

  private static func namesRevision(_ body: PatchBody) -> Bool {
    switch body {
    case .json: false
    case .merge(let patch), .strategic(let patch), .apply(let patch): !patch.objectResourceVersion.isEmpty
    }
  }

  private func createByApply(
    _ configuration: JSONValue, _ options: WriteOptions, _ duplicates: [String]
  ) async throws -> JSONValue {
    try await core.authorizer.require(
      AuthorizationAttributes(
        user: call.user, verb: "create", group: info.group, resource: info.resource, namespace: info.namespace,
        name: info.name))
    var empty: JSONValue = [
      "apiVersion": .string(resource.kind.apiVersion), "kind": .string(resource.kind.kind),
      "metadata": ["name": .string(info.name)],
    ]
    if resource.definition.isNamespaced { empty["metadata"]["namespace"] = .string(info.namespace) }
    if !configuration.objectUID.isEmpty {
      throw StatusError.conflict(group, info.name, "uid mismatch: the provided object specified uid \(configuration.objectUID), and no existing object was found")
    }
    let applied: JSONValue = try await patched(empty, .apply(configuration), options, duplicates, isNew: true)
    return try await create(applied, options: options, isApply: true)
  }

  /// The object after the patch, in the store's form, admitted.
  private func patched(
    _ live: JSONValue, _ body: PatchBody, _ options: WriteOptions, _ duplicates: [String], isNew: Bool = false
  ) async throws -> JSONValue {
    // As the object would be answered: messages of refused patches show it.
    let current: JSONValue = resource.schema.normalized(try await servedForm(live))
    let schema: KindSchema = resource.schema
    let decoded: DecodedObject
    switch body {
    case .json(let patch):
      decoded = try schema.decodePatched(try current.jsonPatched(with: patch), validation: options.validation,
        duplicates: duplicates)
    case .merge(let patch):
      decoded = try schema.decodePatched(
        current.mergePatched(with: patch), validation: options.validation, duplicates: duplicates)
    case .strategic(let patch):
      decoded = try schema.decodePatched(
        try schema.strategicallyPatched(current, with: patch), validation: options.validation, strategicPatch: patch,
        duplicates: duplicates)
    case .apply(let configuration):
      decoded = DecodedObject(
        object: try applied(current, configuration, options),
        warnings: try PatchBody.applyWarnings(duplicates, options.validation))
    }
    call.warnings.add(decoded.warnings)
    var given: JSONValue = decoded.object
    if isNew { return given }
    if !given.objectName.isEmpty, given.objectName != info.name {
      throw StatusError.badRequest(
        "the name of the object (\(given.objectName)) does not match the name on the URL (\(info.name))")
    }
    try checkNamespace(&given)
    dedupeOwners(&given)
    let object: JSONValue = try await toStorageForm(given, context(), live: body.isApply ? Optional<JSONValue>.none : live)
    return try await core.admission.admit(
      AdmissionRequest(.update, self, object: object, old: live, isDryRun: options.isDryRun))
  }

  private func applied(
    _ current: JSONValue, _ given: JSONValue, _ options: WriteOptions
  ) throws -> JSONValue {
    let schema: KindSchema = resource.schema
    let object: JSONValue = try fieldManager(schema).applied(
      live: current, configuration: given, manager: call.fieldManager, force: options.force, time: call.now.rfc3339)
    let name: String = given.objectName
    if name.isEmpty {
      throw StatusError.badRequest(
        "the name of the object (\(info.name) based on URL) was undeterminable: name must be provided")
    }
    if name != info.name {
      throw StatusError.badRequest("the name of the object (\(name)) does not match the name on the URL (\(info.name))")
    }
    return object
  }
}
