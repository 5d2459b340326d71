// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Parts of a definition as messages show them: all fields of upstream's internal types.
enum DefinitionText {
  static func version(_ version: JSONValue, without hoisted: Set<String>) -> JSONValue {
    func own(_ key: String) -> JSONValue { hoisted.contains(key) ? .null : version[key] }
    let schema: JSONValue = own("schema")
    let subresources: JSONValue = own("subresources")
    return object([
      ("Name", version["name"]), ("Served", version["served"]), ("Storage", version["storage"]),
      ("Deprecated", .bool(version["deprecated"].bool ?? false)), ("DeprecationWarning", version["deprecationWarning"]),
      ("Schema", schema.isNull ? .null : object([("OpenAPIV3Schema", props(schema["openAPIV3Schema"]))])),
      ("Subresources", subresources.isNull ? .null : self.subresources(subresources)),
      ("AdditionalPrinterColumns", list(own("additionalPrinterColumns"), column)),
      ("SelectableFields", list(own("selectableFields")) { object([("JSONPath", $0["jsonPath"])]) }),
    ])
  }

  static func rule(_ rule: JSONValue) -> JSONValue {
    object([
      ("Rule", .string(rule["rule"].plain)), ("Message", .string(rule["message"].plain)),
      ("MessageExpression", .string(rule["messageExpression"].plain)), ("Reason", rule["reason"]),
      ("FieldPath", .string(rule["fieldPath"].plain)), ("OptionalOldSelf", rule["optionalOldSelf"]),
    ])
  }

  /// An object with its nulls.
  private static func object(_ members: [(String, JSONValue)]) -> JSONValue {
    var result: JSONObject = JSONObject()
    for (name, value) in members { result.appendUnique(name, value) }
    return .object(result)
  }

  private static func list(_ value: JSONValue, _ form: (JSONValue) -> JSONValue) -> JSONValue {
    value.array.map { .array($0.map(form)) } ?? .null
  }

  private static func subresources(_ value: JSONValue) -> JSONValue {
    let scale: JSONValue = value["scale"]
    let shown: JSONValue = object([
      ("SpecReplicasPath", .string(scale["specReplicasPath"].plain)),
      ("StatusReplicasPath", .string(scale["statusReplicasPath"].plain)), ("LabelSelectorPath", scale["labelSelectorPath"]),
    ])
    return object([("Status", value["status"]), ("Scale", scale.isNull ? .null : shown)])
  }

  private static func column(_ column: JSONValue) -> JSONValue {
    object([
      ("Name", .string(column["name"].plain)), ("Type", .string(column["type"].plain)),
      ("Format", .string(column["format"].plain)), ("Description", .string(column["description"].plain)),
      ("Priority", .int(column["priority"].int ?? 0)), ("JSONPath", .string(column["jsonPath"].plain)),
    ])
  }

  static func props(_ schema: JSONValue) -> JSONValue {
    guard schema.object != nil else { return .null }
    func text(_ key: String) -> JSONValue { .string(schema[key].plain) }
    func flag(_ key: String) -> JSONValue { .bool(schema[key].bool ?? false) }
    func map(_ key: String) -> JSONValue {
      guard let members: JSONObject = schema[key].object else { return .null }
      return object(members.sorted { $0.key < $1.key }.map { ($0.key, props($0.value)) })
    }
    func orBool(_ value: JSONValue) -> JSONValue {
      if value.isNull { return .null }
      return object([("Allows", .bool(value.bool ?? true)), ("Schema", props(value))])
    }
    func items(_ value: JSONValue) -> JSONValue {
      if value.isNull { return .null }
      return object([("Schema", props(value)), ("JSONSchemas", list(value, props))])
    }
    let external: JSONValue = schema["externalDocs"]
    return object([
      ("ID", text("id")), ("Schema", text("$schema")), ("Ref", schema["$ref"]), ("Description", text("description")),
      ("Type", text("type")), ("Nullable", flag("nullable")), ("Format", text("format")), ("Title", text("title")),
      ("Default", schema["default"]), ("Maximum", schema["maximum"]), ("ExclusiveMaximum", flag("exclusiveMaximum")),
      ("Minimum", schema["minimum"]), ("ExclusiveMinimum", flag("exclusiveMinimum")), ("MaxLength", schema["maxLength"]),
      ("MinLength", schema["minLength"]), ("Pattern", text("pattern")), ("MaxItems", schema["maxItems"]),
      ("MinItems", schema["minItems"]), ("UniqueItems", flag("uniqueItems")), ("MultipleOf", schema["multipleOf"]),
      ("Enum", schema["enum"]), ("MaxProperties", schema["maxProperties"]), ("MinProperties", schema["minProperties"]),
      ("Required", schema["required"]), ("Items", items(schema["items"])), ("AllOf", list(schema["allOf"], props)),
      ("OneOf", list(schema["oneOf"], props)), ("AnyOf", list(schema["anyOf"], props)), ("Not", props(schema["not"])),
      ("Properties", map("properties")), ("AdditionalProperties", orBool(schema["additionalProperties"])),
      ("PatternProperties", map("patternProperties")), ("Dependencies", schema["dependencies"]),
      ("AdditionalItems", orBool(schema["additionalItems"])), ("Definitions", map("definitions")),
      (
        "ExternalDocs",
        external.isNull
          ? .null
          : object([("Description", .string(external["description"].plain)), ("URL", .string(external["url"].plain))])
      ),
      ("Example", schema["example"]), ("XPreserveUnknownFields", schema["x-kubernetes-preserve-unknown-fields"]),
      ("XEmbeddedResource", flag("x-kubernetes-embedded-resource")),
      ("XIntOrString", flag("x-kubernetes-int-or-string")), ("XListMapKeys", schema["x-kubernetes-list-map-keys"]),
      ("XListType", schema["x-kubernetes-list-type"]), ("XMapType", schema["x-kubernetes-map-type"]),
      ("XValidations", list(schema["x-kubernetes-validations"], rule)),
    ])
  }
}
