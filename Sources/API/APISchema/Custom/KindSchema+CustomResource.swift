// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension KindSchema {
  /// The schema of a custom kind from the `openAPIV3Schema` of its definition (null: anything goes).
  ///
  /// - Throws: where the document cannot be understood; a definition that passed its validation can.
  public init(
    custom kind: GroupVersionKind, openAPIV3Schema: JSONValue, preservesUnknownFields: Bool = false
  ) throws(APISchemaError) {
    let schema: Schema = try CustomSchemaBuilder.root(openAPIV3Schema, preservesUnknownFields: preservesUnknownFields)
    self.init(kind, schema, isBuiltIn: false, document: openAPIV3Schema)
  }

  /// Reads a custom object: metadata by its schema, unknown fields pruned and named, nulls that mean nothing
  /// dropped, defaults filled in.
  func decodeCustom(_ tree: JSONValue) throws(APISchemaError) -> DecodedObject {
    var object: JSONValue = tree
    var complaints: [String] = []
    if !tree["metadata"].isNull, let metadata: Schema = schema.field("metadata")?.schema {
      var decoder: ObjectDecoder = ObjectDecoder(at: "metadata")
      object["metadata"] = try decoder.decode(tree["metadata"], metadata)
      complaints = decoder.complaints
    }
    var removed: [String] = []
    CustomObject.prune(&object, schema, "", &removed)
    complaints += removed.sorted().map { "unknown field \($0.goQuoted)" }
    CustomObject.applyDefaults(&object, schema)
    return DecodedObject(object: object, warnings: complaints)
  }

  /// Members sorted by name, as Go writes maps; metadata without empty fields.
  func normalizedCustom(_ object: JSONValue) -> JSONValue {
    var result: JSONValue = object
    if let metadata: Schema = schema.field("metadata")?.schema, !object["metadata"].isNull {
      result["metadata"] = ObjectEncoder.normalized(object["metadata"], metadata)
    }
    return result.sortedByKey
  }

  /// Fills in the defaults that the schema declares; stored objects get those that the schema gained since.
  public func applySchemaDefaults(to object: inout JSONValue) {
    if !isBuiltIn { CustomObject.applyDefaults(&object, schema) }
  }

  /// Removes the fields that the schema does not know (custom kinds).
  ///
  /// - Returns: the paths removed.
  @discardableResult
  public func prune(_ object: inout JSONValue) -> [String] {
    var removed: [String] = []
    if !isBuiltIn { CustomObject.prune(&object, schema, "", &removed) }
    return removed.sorted()
  }

  /// Checks an object of a custom kind against its OpenAPI schema.
  ///
  /// - Parameter old: the stored object; what has not changed in it is not checked again.
  public func validateStructure(_ object: JSONValue, old: JSONValue = .null) -> [FieldError] {
    guard !isBuiltIn else { return [] }
    var validator: CustomValidator = CustomValidator()
    validator.check(object, old.isNull ? nil : old, schema, "")
    return validator.errors
  }
}

extension KindSchema {
  /// Checks a value against a part of an OpenAPI schema, as defaults are; fields are named from the value on.
  public static func errors(of value: JSONValue, against document: JSONValue) -> [FieldError] {
    guard let schema: Schema = try? CustomSchemaBuilder.part(document) else { return [] }
    var validator: CustomValidator = CustomValidator()
    validator.check(value, nil, schema, "")
    return validator.errors
  }
}
