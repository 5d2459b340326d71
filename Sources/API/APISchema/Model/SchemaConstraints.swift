// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// What the OpenAPI schema of a custom resource asks of a value beyond its shape.
public struct SchemaConstraints: Sendable {
  /// The OpenAPI type: object, array, string, integer, number, boolean; empty: not restricted.
  public internal(set) var type: String = ""
  public internal(set) var format: String = ""
  /// null is a value.
  public internal(set) var isNullable: Bool = false
  public internal(set) var defaultValue: JSONValue?
  public internal(set) var enumeration: [JSONValue] = []
  public internal(set) var required: [String] = []
  public internal(set) var minimum: Double?
  public internal(set) var maximum: Double?
  public internal(set) var isMinimumExclusive: Bool = false
  public internal(set) var isMaximumExclusive: Bool = false
  public internal(set) var multipleOf: Double?
  public internal(set) var minLength: Int64?
  public internal(set) var maxLength: Int64?
  public internal(set) var pattern: String?
  public internal(set) var minItems: Int64?
  public internal(set) var maxItems: Int64?
  public internal(set) var uniqueItems: Bool = false
  public internal(set) var minProperties: Int64?
  public internal(set) var maxProperties: Int64?
  /// x-kubernetes-preserve-unknown-fields.
  public internal(set) var preservesUnknownFields: Bool = false
  /// x-kubernetes-embedded-resource.
  public internal(set) var isEmbeddedResource: Bool = false
  /// x-kubernetes-int-or-string.
  public internal(set) var isIntOrString: Bool = false
  /// additionalProperties is there (a schema or true).
  public internal(set) var allowsAdditional: Bool = false
  public internal(set) var allOf: [Schema] = []
  public internal(set) var anyOf: [Schema] = []
  public internal(set) var oneOf: [Schema] = []
  public internal(set) var not: Schema?
  /// x-kubernetes-validations, as written.
  public internal(set) var validations: [JSONValue] = []
}
