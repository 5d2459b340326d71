// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import Patterns

/// The rules of the OpenAPI schemas of custom resources.
struct SchemaValidation {
  /// What a part of a schema inherits from where it stands.
  struct Place {
    var isRoot: Bool = false
    var isInsideMetadata: Bool = false
    /// Why defaults are not allowed here.
    var forbidsDefaults: String?
    /// The innermost part that old and new values cannot be matched below.
    var uncorrelatable: FieldPath?
    /// How many values of this schema an object can have; nil where only the size of a request limits it.
    var cardinality: UInt64? = 1
    /// Whether rules are compiled: not below allOf and its like.
    var compiles: Bool = true
  }

  private static let types: [String] = ["array", "boolean", "integer", "number", "object", "string"]
  private static let depthLimit: Int = 100
  /// What may stand beside the properties where the status is a subresource.
  private static let allowedAtRoot: Set<String> = [
    "description", "type", "format", "title", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
    "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "multipleOf", "required", "items", "properties",
    "externalDocs", "example", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
  ]
  private static let unsupported: [(key: String, words: String)] = [
    ("id", "id is not supported"), ("additionalItems", "additionalItems is not supported"),
    ("patternProperties", "patternProperties is not supported"), ("definitions", "definitions is not supported"),
    ("dependencies", "dependencies is not supported"), ("$ref", "$ref is not supported"),
  ]

  private let root: JSONValue
  private var errors: [FieldError] = []
  private var rules: RuleValidation?

  /// What is wrong with a schema.
  static func errors(_ schema: JSONValue, _ path: FieldPath, hasStatus: Bool) -> [FieldError] {
    var check: SchemaValidation = SchemaValidation(root: schema)
    if hasStatus { check.checkRoot(schema, path) }
    if schema["nullable"].bool == true { check.errors.append(.forbidden(path.child("nullable"), "nullable cannot be true at the root")) }
    if StructuralValidation.isConvertible(schema) {
      var found: [FieldError] = StructuralValidation.errors(schema, path)
      if found.isEmpty { found = DefaultValidation.errors(schema, path) }
      if found.isEmpty { check.rules = RuleValidation(root: schema) }
      check.errors += found
    }
    var own: [FieldError] = []
    check.walk(schema, path, Place(isRoot: true), 0, &own)
    check.errors += own
    if let rules: RuleValidation = check.rules { check.errors += rules.errors + rules.totalErrors(path) }
    return check.errors
  }

  private init(root: JSONValue) { self.root = root }

  private mutating func checkRoot(_ schema: JSONValue, _ path: FieldPath) {
    if schema["type"].isThere, schema["type"].plain != "object" {
      errors.append(
        .invalid(
          path.child("type"), schema["type"],
          "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled"))
    } else if let key: String = schema.sortedKeys.first(where: { !Self.allowedAtRoot.contains($0) && !schema[$0].isVoid }) {
      _ = key
      let names: String =
        "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern "
        + "MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields "
        + "XValidations]"
      errors.append(
        .invalid(
          path, DefinitionText.props(schema),
          "only \(names) fields are allowed at the root of the schema if the status subresource is enabled"))
    }
  }

  private mutating func walk(
    _ schema: JSONValue, _ path: FieldPath, _ place: Place, _ depth: Int, _ errors: inout [FieldError]
  ) {
    guard schema.object != nil, depth < Self.depthLimit else { return }
    var own: [FieldError] = Self.standardErrors(schema, path, place)
    if schema["uniqueItems"].bool == true {
      own.append(
        .forbidden(
          path.child("uniqueItems"), "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"))
    }
    walkInner(schema, path, place, depth, &own)
    if schema["x-kubernetes-preserve-unknown-fields"].bool == false {
      own.append(.invalid(path.child("x-kubernetes-preserve-unknown-fields"), false, "must be true or undefined"))
    }
    own += ListTypeRules.errors(schema, path)
    own += RuleValidation.formErrors(schema, path)
    if own.isEmpty, place.compiles { rules?.compile(schema, path, place) }
    errors += own
  }

  private mutating func walkInner(
    _ schema: JSONValue, _ path: FieldPath, _ place: Place, _ depth: Int, _ errors: inout [FieldError]
  ) {
    var inner: Place = place
    inner.isRoot = false
    let additional: JSONValue = schema["additionalProperties"]
    if additional.isThere, !schema["properties"].isVoid, additional.bool != true {
      errors.append(
        .forbidden(path.child("additionalProperties"), "additionalProperties and properties are mutual exclusive"))
    }
    if additional.object != nil {
      var values: Place = inner
      values.cardinality = RuleCosts.times(inner.cardinality, schema["maxProperties"])
      walk(additional, path.child("additionalProperties"), values, depth + 1, &errors)
    }
    let isResource: Bool = place.isRoot || schema["x-kubernetes-embedded-resource"].bool == true
    for name: String in schema["properties"].sortedKeys {
      var member: Place = inner
      if schema["x-kubernetes-map-type"].plain == "atomic" { member.uncorrelatable = path }
      if isResource, ["metadata", "apiVersion", "kind"].contains(name) {
        member.isInsideMetadata = true
        if place.isRoot { member.forbidsDefaults = "in top-level \(name)" }
      }
      walk(schema["properties"][name], path.child("properties").key(name), member, depth + 1, &errors)
    }
    var nested: Place = inner
    nested.compiles = false
    walk(schema["not"], path.child("not"), nested, depth + 1, &errors)
    for key: String in ["allOf", "oneOf", "anyOf"] {
      for (index, part) in schema[key].items.enumerated() {
        walk(part, path.child(key).index(index), nested, depth + 1, &errors)
      }
    }
    if schema["items"].object != nil {
      var item: Place = inner
      if schema["x-kubernetes-list-type"].plain != "map" { item.uncorrelatable = path }
      item.cardinality = RuleCosts.times(inner.cardinality, schema["maxItems"])
      walk(schema["items"], path.child("items"), item, depth + 1, &errors)
    }
  }

  private static func standardErrors(_ schema: JSONValue, _ path: FieldPath, _ place: Place) -> [FieldError] {
    var errors: [FieldError] = []
    let type: String = schema["type"].plain
    if !type.isEmpty, type != "null", !types.contains(type) {
      errors.append(.notSupported(path.child("type"), .string(type), types))
    }
    if let why: String = place.forbidsDefaults, schema.object?["default"] != nil {
      errors.append(.forbidden(path.child("default"), "must not be set \(why)"))
    }
    for (key, words) in unsupported where !schema[key].isVoid { errors.append(.forbidden(path.child(key), words)) }
    if type == "null" {
      errors.append(
        .forbidden(path.child("type"), "type cannot be set to null, use nullable as an alternative"))
    }
    if schema["items"].array?.isEmpty == false {
      errors.append(.forbidden(path.child("items"), "items must be a schema object and not an array"))
    }
    if place.isInsideMetadata, schema["x-kubernetes-embedded-resource"].bool == true {
      errors.append(
        .forbidden(path.child("x-kubernetes-embedded-resource"), "must not be used inside of resource meta"))
    }
    if let complaint: String = PatternSyntax.complaint(schema["pattern"].plain) {
      errors.append(
        .invalid(
          path.child("pattern"), schema["pattern"], "must be a valid regular expression, but isn't: \(complaint)"))
    }
    return errors
  }

  /// The schema of the field at the end of a path of plain names; nil where there is none.
  static func field(_ path: String, _ schema: JSONValue) -> JSONValue? {
    guard path.hasPrefix(".") else { return nil }
    var schema: JSONValue = schema
    for name: Substring in path.dropFirst().split(separator: ".", omittingEmptySubsequences: false) {
      schema = schema["properties"][String(name)]
      if schema.isNull { return nil }
    }
    return schema
  }
}

/// What lists and maps that are merged by parts must be.
enum ListTypeRules {
  static func errors(_ schema: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let type: JSONValue = schema["type"]
    func typed(_ wanted: String, _ key: String) -> Bool {
      guard schema[key].isThere, type.plain != wanted else { return true }
      let words: String = "must be \(wanted) if \(key) is specified"
      errors.append(
        type.plain.isEmpty ? .required(path.child("type"), words) : .invalid(path.child("type"), type, words))
      return false
    }
    let mapType: String = "x-kubernetes-map-type"
    let listType: String = "x-kubernetes-list-type"
    _ = typed("object", mapType)
    if schema[mapType].isThere, !["atomic", "granular"].contains(schema[mapType].plain) {
      errors.append(.notSupported(path.child(mapType), schema[mapType], ["atomic", "granular"]))
    }
    let isArray: Bool = typed("array", listType)
    if isArray, schema[listType].plain == "set" { errors += setErrors(schema["items"], path.child("items")) }
    if schema[listType].isThere, !["atomic", "set", "map"].contains(schema[listType].plain) {
      errors.append(.notSupported(path.child(listType), schema[listType], ["atomic", "set", "map"]))
    }
    if !schema["x-kubernetes-list-map-keys"].isVoid, schema[listType].plain != "map" {
      let words: String = "must be map if x-kubernetes-list-map-keys is non-empty"
      let at: FieldPath = path.child(listType)
      errors.append(schema[listType].isNull ? .required(at, words) : .invalid(at, schema[listType], words))
    }
    if schema[listType].plain == "map" { errors += mapErrors(schema, path) }
    if ["set", "map"].contains(schema[listType].plain), schema["items"]["nullable"].bool == true {
      errors.append(
        .forbidden(
          path.child("items", "nullable"), "cannot be nullable when x-kubernetes-list-type is \(schema[listType].plain)"))
    }
    if schema[listType].plain == "map" { errors += keyErrors(schema, path.child("items", "properties")) }
    return errors
  }

  private static func setErrors(_ items: JSONValue, _ path: FieldPath) -> [FieldError] {
    let key: String
    switch items["type"].plain {
    case "array": key = "x-kubernetes-list-type"
    case "object": key = "x-kubernetes-map-type"
    default: return []
    }
    if items[key].plain == "atomic" { return [] }
    return [
      .invalid(
        path.child(key), items["x-kubernetes-list-type"],
        "must be atomic as item of a list with x-kubernetes-list-type=set")
    ]
  }

  private static func mapErrors(_ schema: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let keys: JSONValue = schema["x-kubernetes-list-map-keys"]
    let at: FieldPath = path.child("x-kubernetes-list-map-keys")
    if keys.isVoid { errors.append(.required(at, "must not be empty if x-kubernetes-list-type is map")) }
    let items: JSONValue = schema["items"]
    if items.isNull {
      errors.append(.required(path.child("items"), "must have a schema if x-kubernetes-list-type is map"))
      return errors
    }
    guard items["type"].plain == "object" else {
      errors.append(
        .invalid(
          path.child("items", "type"), items["type"],
          "must be object if parent array's x-kubernetes-list-type is map"))
      return errors
    }
    var seen: Set<String> = []
    for key: String in keys.strings {
      let property: JSONValue = items["properties"][key]
      if property.isNull {
        errors.append(.invalid(at, keys, "entries must all be names of item properties"))
      } else if ["array", "object"].contains(property["type"].plain) {
        errors.append(
          .invalid(
            path.child("items", "properties").key(key).child("type"), items["type"],
            "must be a scalar type if parent array's x-kubernetes-list-type is map"))
      }
      if !seen.insert(key).inserted { errors.append(.invalid(at, keys, "must not contain duplicate entries")) }
    }
    return errors
  }

  private static func keyErrors(_ schema: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let items: JSONValue = schema["items"]
    for key: String in schema["x-kubernetes-list-map-keys"].strings {
      let property: JSONValue = items["properties"][key]
      guard property.isThere else { continue }
      if !items["required"].strings.contains(key), property.object?["default"] == nil {
        errors.append(
          .required(
            path.key(key).child("default"),
            "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"))
      }
      if property["nullable"].bool == true {
        errors.append(
          .forbidden(
            path.key(key).child("nullable"),
            "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"))
      }
    }
    return errors
  }
}
