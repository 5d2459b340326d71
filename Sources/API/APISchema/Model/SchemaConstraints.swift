// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// What the OpenAPI schema of a custom resource asks of a value beyond its shape.
public struct SchemaConstraints: Sendable {
  /// The OpenAPI type: object, array, string, integer, number, boolean; empty: not restricted.
  public internal(set) var type: String = ""
  /// The OpenAPI format; empty: none.
  public internal(set) var format: String = ""
  /// null is a value.
  public internal(set) var isNullable: Bool = false
  /// What is filled in where the value is absent.
  public internal(set) var defaultValue: JSONValue?
  /// The only values there are; empty: not restricted.
  public internal(set) var enumeration: [JSONValue] = []
  /// Members that must be there.
  public internal(set) var required: [String] = []
  /// The least number.
  public internal(set) var minimum: Double?
  /// The greatest number.
  public internal(set) var maximum: Double?
  /// The number must be greater than the minimum.
  public internal(set) var isMinimumExclusive: Bool = false
  /// The number must be less than the maximum.
  public internal(set) var isMaximumExclusive: Bool = false
  /// What the number must be a multiple of.
  public internal(set) var multipleOf: Double?
  /// The fewest characters of a string.
  public internal(set) var minLength: Int64?
  /// The most characters of a string.
  public internal(set) var maxLength: Int64?
  /// What a string must match somewhere.
  public internal(set) var pattern: String?
  /// The fewest items of a list.
  public internal(set) var minItems: Int64?
  /// The most items of a list.
  public internal(set) var maxItems: Int64?
  /// No two items are equal.
  public internal(set) var uniqueItems: Bool = false
  /// The fewest members of an object.
  public internal(set) var minProperties: Int64?
  /// The most members of an object.
  public internal(set) var maxProperties: Int64?
  /// x-kubernetes-preserve-unknown-fields.
  public internal(set) var preservesUnknownFields: Bool = false
  /// x-kubernetes-embedded-resource.
  public internal(set) var isEmbeddedResource: Bool = false
  /// x-kubernetes-int-or-string.
  public internal(set) var isIntOrString: Bool = false
  /// additionalProperties is there (a schema or true).
  public internal(set) var allowsAdditional: Bool = false
  /// Every one of these must hold.
  public internal(set) var allOf: [Schema] = []
  /// At least one of these must hold.
  public internal(set) var anyOf: [Schema] = []
  /// Exactly one of these must hold.
  public internal(set) var oneOf: [Schema] = []
  /// This must not hold.
  public internal(set) var not: Schema?
  /// x-kubernetes-validations, as written.
  public internal(set) var validations: [JSONValue] = []
}
