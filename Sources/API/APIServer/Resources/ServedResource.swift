// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON

/// A resource as it is served in one version: its definition, schema, rules and storage.
final class ServedResource: Sendable {
  let definition: ResourceDefinition
  /// The schema of the served version.
  let schema: KindSchema
  /// The schema of the form in the store.
  let storageSchema: KindSchema
  let strategy: any ResourceStrategy
  let storage: ObjectStorage?
  /// Turns an object of the served version into the stored one and back; nil where they are the same.
  let conversion: (any VersionConversion)?
  /// The definition of a custom resource.
  let custom: CustomResource?

  init(
    definition: ResourceDefinition, schema: KindSchema, storageSchema: KindSchema? = nil,
    strategy: any ResourceStrategy, storage: ObjectStorage?, conversion: (any VersionConversion)? = nil,
    custom: CustomResource? = nil
  ) {
    self.definition = definition
    self.schema = schema
    self.storageSchema = storageSchema ?? schema
    self.strategy = strategy
    self.storage = storage
    self.conversion = conversion
    self.custom = custom
  }

  var groupResource: GroupResource { definition.identifier.groupResource }
  var kind: GroupVersionKind { definition.kind }

  /// The JSON text of a stored object in the served version.
  ///
  /// A custom resource reads as its definition says now, not as it did when the object was written: with the defaults
  /// that came since, and without the fields that went.
  func served(_ object: CachedObject) async throws -> [UInt8] {
    guard conversion != nil || custom != nil else { return object.json }
    let family: String = "json:\(definition.identifier)"
    let form: String = "json:\(formName)"
    if let known: [UInt8] = object.knownForm(form) { return known }
    let stored: JSONValue = try JSONValue(parsing: object.json)
    let shown: JSONValue = try await fromStorage(stored)
    let bytes: [UInt8] = shown == stored ? object.json : schema.encodeJSON(shown)
    object.forgetForms(of: family)
    return object.form(form) { _ in bytes }
  }

  /// Names the forms of objects that this resource makes; a changed definition makes others.
  private var formName: String {
    guard let custom else { return "\(definition.identifier)" }
    return "\(definition.identifier) \(custom.generation)"
  }

  /// Makes the served forms of many objects with one question, where a webhook makes them.
  func prepare(_ objects: [CachedObject]) async throws {
    guard let conversion: CustomConversion = conversion as? CustomConversion, conversion.isByWebhook else { return }
    let form: String = "json:\(formName)"
    let missing: [CachedObject] = objects.filter { $0.knownForm(form) == nil }
    guard missing.count > 1 else { return }
    let trees: [JSONValue] = try missing.map { try JSONValue(parsing: $0.json) }
    for (object, tree) in zip(missing, try await conversion.convert(trees, to: kind.apiVersion)) {
      let bytes: [UInt8] = schema.encodeJSON(pruned(tree))
      _ = object.form(form) { _ in bytes }
    }
  }

  /// The protobuf form of a stored object in the served version, with its envelope; empty where the kind has none.
  func protobuf(_ object: CachedObject) async throws -> [UInt8] {
    let form: String = "protobuf:\(formName)"
    if let known: [UInt8] = object.knownForm(form) { return known }
    let bytes: [UInt8] = try schema.encodeProtobuf(json: try await served(object)) ?? []
    return object.form(form) { _ in bytes }
  }

  func fromStorage(_ object: JSONValue) async throws -> JSONValue {
    guard let conversion else { return pruned(object) }
    return pruned(try await conversion.fromStorage(object, to: kind))
  }

  /// Without what the served version of a custom resource does not know.
  private func pruned(_ object: JSONValue) -> JSONValue {
    guard custom != nil else { return object }
    var object: JSONValue = object
    schema.prune(&object)
    schema.applySchemaDefaults(to: &object)
    return object
  }

  func toStorage(_ object: JSONValue) async throws -> JSONValue {
    guard let conversion else { return object }
    return try await conversion.toStorage(object)
  }
}

/// Changes an object's API version.
protocol VersionConversion: Sendable {
  func toStorage(_ object: JSONValue) async throws -> JSONValue
  func fromStorage(_ object: JSONValue, to kind: GroupVersionKind) async throws -> JSONValue
}

extension CachedObject {
  /// A form that was made already.
  func knownForm(_ name: String) -> [UInt8]? {
    struct Missing: Error {}
    return try? form(name) { _ in throw Missing() }
  }
}
