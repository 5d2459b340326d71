// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Whether a schema is structural: every field of an object has one type, said outside of allOf and its like.
enum StructuralValidation {
  private enum Level { case root, item, field }

  private static let depthLimit: Int = 100
  private static let nestedForbidden: [(key: String, words: String)] = [
    ("type", "must be empty to be structural"), ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"), ("default", "must be undefined to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("nullable", "must be false to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
  ]

  /// Whether a schema uses only what a structural one can say; other rules complain of the rest.
  static func isConvertible(_ schema: JSONValue, _ depth: Int = 0) -> Bool {
    guard depth < depthLimit else { return false }
    for key: String in ["$ref", "id", "additionalItems", "patternProperties", "definitions", "dependencies"] {
      if !schema[key].isVoid { return false }
    }
    if schema["items"].array?.isEmpty == false || schema["type"].plain == "null" || schema["uniqueItems"].bool == true {
      return false
    }
    var inner: [JSONValue] = schema["properties"].object?.values ?? []
    inner += [schema["items"], schema["additionalProperties"], schema["not"]]
    for key: String in ["allOf", "anyOf", "oneOf"] { inner += schema[key].items }
    return inner.allSatisfy { $0.object == nil || isConvertible($0, depth + 1) }
  }

  static func errors(_ schema: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    invariants(schema, path, .root, &errors)
    complete(schema, schema, path, path, &errors)
    return errors.sorted { $0.description < $1.description }
  }

  private static func invariants(_ schema: JSONValue, _ path: FieldPath, _ level: Level, _ errors: inout [FieldError]) {
    guard schema.object != nil else { return }
    invariants(schema["items"], path.child("items"), .item, &errors)
    for (name, property) in schema["properties"].object ?? JSONObject() {
      invariants(property, path.child("properties").key(name), .field, &errors)
    }
    invariants(schema["additionalProperties"], path.child("additionalProperties"), .field, &errors)
    extensions(schema, path, &errors)
    types(schema, path, level, &errors)
    resources(schema, path, level, &errors)
    for key: String in ["allOf", "anyOf", "oneOf"] {
      for (place, part) in schema[key].items.enumerated() {
        nested(part, path.child(key).index(place), schema, level == .root, &errors)
      }
    }
    nested(schema["not"], path.child("not"), schema, level == .root, &errors)
  }

  private static func extensions(_ schema: JSONValue, _ path: FieldPath, _ errors: inout [FieldError]) {
    guard schema["x-kubernetes-int-or-string"].bool == true else { return }
    for key: String in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"]
    where schema[key].bool == true {
      errors.append(.invalid(path.child(key), true, "must be false if x-kubernetes-int-or-string is true"))
    }
  }

  private static func types(_ schema: JSONValue, _ path: FieldPath, _ level: Level, _ errors: inout [FieldError]) {
    let type: String = schema["type"].plain
    let isEmbedded: Bool = schema["x-kubernetes-embedded-resource"].bool == true
    let isOpen: Bool =
      schema["x-kubernetes-int-or-string"].bool == true || schema["x-kubernetes-preserve-unknown-fields"].bool == true
    let at: FieldPath = path.child("type")
    if isEmbedded, type != "object" {
      let words: String = "must be object if x-kubernetes-embedded-resource is true"
      errors.append(type.isEmpty ? .required(at, words) : .invalid(at, schema["type"], words))
    } else if type.isEmpty, !isOpen {
      switch level {
      case .root: errors.append(.required(at, "must not be empty at the root"))
      case .item: errors.append(.required(at, "must not be empty for specified array items"))
      case .field: errors.append(.required(at, "must not be empty for specified object fields"))
      }
    }
    if level == .root, !type.isEmpty, type != "object" {
      errors.append(.invalid(at, schema["type"], "must be object at the root"))
    }
    if type == "array", schema["items"].isNull { errors.append(.required(path.child("items"), "must be specified")) }
    let additional: FieldPath = path.child("additionalProperties")
    if schema["additionalProperties"].isThere {
      if isEmbedded {
        errors.append(.forbidden(additional, "must not be used if x-kubernetes-embedded-resource is set"))
      }
      if level == .root { errors.append(.forbidden(additional, "must not be used at the root")) }
    }
  }

  private static func resources(_ schema: JSONValue, _ path: FieldPath, _ level: Level, _ errors: inout [FieldError]) {
    let isEmbedded: Bool = schema["x-kubernetes-embedded-resource"].bool == true
    let properties: JSONValue = schema["properties"]
    let at: FieldPath = path.child("properties")
    if level == .root || isEmbedded {
      for key: String in ["apiVersion", "kind"] where properties[key].isThere {
        if properties[key]["type"].plain != "string" {
          errors.append(.invalid(at.key(key).child("type"), properties[key]["type"], "must be string"))
        }
      }
      let metadata: JSONValue = properties["metadata"]
      if metadata.isThere, metadata["type"].plain != "object" {
        errors.append(.invalid(at.key("metadata").child("type"), metadata["type"], "must be object"))
      }
    }
    if level == .root, properties["metadata"].isThere {
      let metadata: JSONValue = properties["metadata"]
      let names: Set<String> = Set(metadata["properties"].sortedKeys)
      let others: [String] = metadata.sortedKeys.filter { !["type", "default", "properties"].contains($0) && !metadata[$0].isVoid }
      let said: [String] = others.filter { !["description", "title"].contains($0) || !metadata[$0].isVoid }
      if !said.isEmpty || !names.isSubset(of: ["name", "generateName"]) {
        errors.append(
          .forbidden(
            at.key("metadata"),
            "must not specify anything other than name and generateName, but metadata is implicitly specified"))
      }
    }
    if isEmbedded, schema["x-kubernetes-preserve-unknown-fields"].bool != true, properties.isVoid {
      errors.append(
        .required(
          at, "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"))
    }
  }

  /// What stands below allOf and its like may only restrict.
  private static func nested(
    _ part: JSONValue, _ path: FieldPath, _ owner: JSONValue, _ isRoot: Bool, _ errors: inout [FieldError]
  ) {
    guard part.object != nil else { return }
    let isChoice: Bool = owner["x-kubernetes-int-or-string"].bool == true
    for (key, words) in nestedForbidden where !part[key].isVoid && part[key].bool != false {
      if key == "type", isChoice, ["integer", "string"].contains(part["type"].plain) { continue }
      errors.append(.forbidden(path.child(key), words))
    }
    if isRoot, part["properties"]["metadata"].isThere {
      errors.append(.forbidden(path.child("properties").key("metadata"), "must not be specified in a nested context"))
    }
    for (name, property) in part["properties"].object ?? JSONObject() {
      nested(property, path.child("properties").key(name), .null, false, &errors)
    }
    nested(part["items"], path.child("items"), .null, false, &errors)
    for key: String in ["allOf", "anyOf", "oneOf"] {
      for (place, inner) in part[key].items.enumerated() {
        nested(inner, path.child(key).index(place), owner, isRoot, &errors)
      }
    }
    nested(part["not"], path.child("not"), owner, isRoot, &errors)
  }

  /// What is restricted below allOf and its like must be specified outside of it.
  private static func complete(
    _ schema: JSONValue, _ part: JSONValue, _ path: FieldPath, _ said: FieldPath, _ errors: inout [FieldError]
  ) {
    func check(_ inner: JSONValue, _ at: FieldPath) {
      guard inner.object != nil else { return }
      for (name, property) in inner["properties"].object ?? JSONObject() {
        let own: JSONValue = schema["properties"][name]
        let place: FieldPath = path.child("properties").key(name)
        let innerAt: FieldPath = at.child("properties").key(name)
        if own.isNull, schema["additionalProperties"].object == nil {
          errors.append(.required(place, "because it is defined in \(innerAt)"))
        } else if own.isThere {
          complete(own, property, place, innerAt, &errors)
        }
      }
      if inner["items"].object != nil {
        if schema["items"].isNull {
          errors.append(.required(path.child("items"), "because it is defined in \(at.child("items"))"))
        } else {
          complete(schema["items"], inner["items"], path.child("items"), at.child("items"), &errors)
        }
      }
      combinations(inner, at)
    }
    func combinations(_ value: JSONValue, _ at: FieldPath) {
      for key: String in ["allOf", "anyOf", "oneOf"] {
        for (place, inner) in value[key].items.enumerated() { check(inner, at.child(key).index(place)) }
      }
      check(value["not"], at.child("not"))
    }
    if path == said {
      combinations(schema, path)
      for (name, property) in schema["properties"].object ?? JSONObject() {
        let place: FieldPath = path.child("properties").key(name)
        complete(property, property, place, place, &errors)
      }
      for key: String in ["items", "additionalProperties"] where schema[key].object != nil {
        complete(schema[key], schema[key], path.child(key), path.child(key), &errors)
      }
    } else {
      check(part, said)
    }
  }
}

/// Defaults must be values of their schemas.
enum DefaultValidation {
  static func errors(_ schema: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    check(schema, path, &errors)
    return errors
  }

  private static func check(_ schema: JSONValue, _ path: FieldPath, _ errors: inout [FieldError]) {
    guard schema.object != nil else { return }
    if let value: JSONValue = schema.object?["default"] {
      let at: FieldPath = path.child("default")
      errors += KindSchema.errors(of: value, against: schema).map { error in
        var placed: FieldError = error
        let own: FieldPath = FieldPath(error.field)
        placed.field = own.isRoot ? at.description : at.child(error.field).description
        return placed
      }
    }
    for name: String in schema["properties"].sortedKeys {
      check(schema["properties"][name], path.child("properties").key(name), &errors)
    }
    check(schema["items"], path.child("items"), &errors)
    check(schema["additionalProperties"], path.child("additionalProperties"), &errors)
  }
}
