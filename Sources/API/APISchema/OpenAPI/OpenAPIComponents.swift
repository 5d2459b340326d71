// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Collects the schemas that a document refers to.
struct OpenAPIComponents {
  /// Which dialect: what references are called and which keywords exist.
  enum Dialect {
    case v2, v3

    var prefix: String { self == .v3 ? "#/components/schemas/" : "#/definitions/" }
  }

  let dialect: Dialect
  /// The group-version of the document: kinds that every group-version has are named in it.
  let groupVersions: [GroupVersion]
  /// Custom kinds.
  let custom: [GroupVersionKind: KindSchema]
  private(set) var schemas: [String: JSONValue] = [:]

  init(_ dialect: Dialect, groupVersions: [GroupVersion], custom: [GroupVersionKind: KindSchema]) {
    self.dialect = dialect
    self.groupVersions = groupVersions
    self.custom = custom
  }

  /// The collected schemas by name, sorted.
  var object: JSONValue {
    var result: JSONObject = JSONObject()
    for (name, schema) in schemas.sorted(by: { $0.key < $1.key }) { result.appendUnique(name, schema) }
    return .object(result)
  }

  /// A message's name in documents: `io.k8s.api.core.v1.Pod`.
  static func name(_ message: String) -> String {
    let rest: Substring = message.hasPrefix("k8s.io.") ? message.dropFirst(7) : message[...]
    return "io.k8s." + rest.map { $0 == "_" ? "-" : String($0) }.joined()
  }

  /// A custom kind's name in documents: `com.example.v1.Widget`.
  static func name(custom kind: GroupVersionKind) -> String {
    kind.group.split(separator: ".").reversed().joined(separator: ".") + ".\(kind.version).\(kind.kind)"
  }

  /// Adds a schema as it is.
  mutating func define(_ name: String, _ schema: JSONValue) { schemas[name] = schema }

  /// A reference to a built-in message, which is collected.
  mutating func reference(_ schema: Schema) -> JSONValue {
    let name: String = Self.name(schema.name)
    if schemas[name] == nil {
      schemas[name] = .null
      schemas[name] = definition(schema)
    }
    return ["$ref": .string(dialect.prefix + name)]
  }

  /// A reference to a message by its name; an untyped object where there is none.
  mutating func reference(message: String) -> JSONValue {
    guard let schema: Schema = SchemaRegistry.builtIn.message(message) else { return ["type": "object"] }
    return reference(schema)
  }

  /// A reference to a kind, built-in or custom.
  mutating func reference(_ kind: GroupVersionKind) -> JSONValue {
    if let schema: KindSchema = custom[kind] { return reference(custom: schema) }
    if kind.kind.hasSuffix("List") {
      let item: GroupVersionKind = GroupVersionKind(kind.group, kind.version, String(kind.kind.dropLast(4)))
      if let schema: KindSchema = custom[item] { return reference(listOf: schema, kind) }
    }
    guard let schema: KindSchema = SchemaRegistry.builtIn.kind(kind) else { return ["type": "object"] }
    return reference(schema.schema)
  }

  // MARK: - Built-in kinds

  private mutating func definition(_ schema: Schema) -> JSONValue {
    var result: JSONObject = JSONObject()
    if !schema.documentation.isEmpty { result["description"] = .string(schema.documentation) }
    if schema.shape != .object {
      for (key, value) in customForm(schema) { result[key] = value }
      return .object(result)
    }
    result["type"] = "object"
    let required: [String] = schema.fields.filter(\.isRequired).map(\.name)
    if !required.isEmpty { result["required"] = JSONValue(required) }
    var properties: [(String, JSONValue)] = schema.fields.map { ($0.name, property($0, of: schema)) }
    if schema.hasTypeMeta {
      properties.append(("apiVersion", ["description": .string(Self.apiVersionText), "type": "string"]))
      properties.append(("kind", ["description": .string(Self.kindText), "type": "string"]))
    }
    if !properties.isEmpty {
      var object: JSONObject = JSONObject()
      for (name, value) in properties.sorted(by: { $0.0 < $1.0 }) { object.appendUnique(name, value) }
      result["properties"] = .object(object)
    }
    addExtensions(schema, to: &result)
    return .object(result)
  }

  private static let apiVersionText: String =
    "APIVersion defines the version of the schema of this object. Servers convert recognized schemas to the latest "
    + "internal value and may reject unrecognized ones."
  private static let metadataText: String = "Standard object's metadata: names, labels, owners and the like."
  private static let kindText: String =
    "Kind names the REST resource that this object is. It follows from the endpoint of the request, cannot be "
    + "updated and is in CamelCase."

  private func addExtensions(_ schema: Schema, to result: inout JSONObject) {
    guard let facts: MessageFacts = schema.message else { return }
    var kinds: [GroupVersionKind] = facts.kinds
    if facts.isEveryGroupVersion, let name: Substring = schema.name.split(separator: ".").last {
      let everywhere: [GroupVersion] = [GroupVersion("", "v1")] + groupVersions
      kinds = everywhere.map { GroupVersionKind($0.group, $0.version, String(name)) }
    }
    var seen: Set<GroupVersionKind> = []
    let shown: [JSONValue] = kinds.filter { seen.insert($0).inserted }.map { kind in
      ["group": .string(kind.group), "kind": .string(kind.kind), "version": .string(kind.version)]
    }
    if !shown.isEmpty { result["x-kubernetes-group-version-kind"] = .array(shown) }
    if schema.merge == .atomic { result["x-kubernetes-map-type"] = "atomic" }
    if !facts.unions.isEmpty { result["x-kubernetes-unions"] = .array(facts.unions) }
  }

  /// A message whose JSON form is not an object of its fields.
  private mutating func customForm(_ schema: Schema) -> JSONObject {
    if schema.shape == .list, let element: Schema = schema.element {
      return ["type": "array", "items": value(element)]
    }
    var form: JSONObject = (try? JSONValue(parsing: schema.message?.openAPI ?? "").object) ?? JSONObject()
    if dialect == .v2, form["oneOf"] != nil {
      form["oneOf"] = nil
      form["type"] = "string"
    }
    return form
  }

  /// Types whose fields upstream does not describe: their references stand alone.
  private static func isUndescribed(_ field: SchemaField, of schema: Schema) -> Bool {
    schema.name.hasSuffix(".JSONSchemaProps")
      || (schema.name.hasSuffix("networking.v1.IngressRule") && field.name == "http")
  }

  private mutating func property(_ field: SchemaField, of schema: Schema) -> JSONValue {
    var result: JSONObject = JSONObject()
    if !field.documentation.isEmpty { result["description"] = .string(field.documentation) }
    for (key, value) in form(field, isAlone: Self.isUndescribed(field, of: schema)) { result[key] = value }
    if let fallback: JSONValue = field.publishedDefault { result["default"] = fallback }
    if case .map(let keys) = field.schema.merge, field.schema.shape == .list {
      result["x-kubernetes-list-map-keys"] = JSONValue(keys)
    }
    if !field.declaredMerge.isEmpty {
      let key: String = field.schema.shape == .list ? "x-kubernetes-list-type" : "x-kubernetes-map-type"
      result[key] = .string(field.declaredMerge)
    }
    if !field.patchMergeKey.isEmpty { result["x-kubernetes-patch-merge-key"] = .string(field.patchMergeKey) }
    if !field.patchStrategies.isEmpty {
      result["x-kubernetes-patch-strategy"] = .string(field.patchStrategies.joined(separator: ","))
    }
    return .object(result)
  }

  private mutating func form(_ field: SchemaField, isAlone: Bool) -> JSONObject {
    switch field.schema.shape {
    case .list where field.schema.name.isEmpty:
      var items: JSONValue = field.schema.element.map { value($0) } ?? .object(JSONObject())
      if !field.enumeration.isEmpty { items["enum"] = JSONValue(field.enumeration) }
      return ["type": "array", "items": items]
    case .map:
      var values: JSONValue = field.schema.element.map { value($0) } ?? .object(JSONObject())
      if !field.enumeration.isEmpty { values["enum"] = JSONValue(field.enumeration) }
      return ["type": "object", "additionalProperties": values]
    default:
      var form: JSONValue = value(field.schema)
      if form["$ref"].string != nil { return isAlone || dialect == .v2 ? form.object ?? [:] : ["allOf": [form]] }
      if !field.format.isEmpty { form["format"] = .string(field.format) }
      if !field.enumeration.isEmpty { form["enum"] = JSONValue(field.enumeration) }
      return form.object ?? JSONObject()
    }
  }

  /// The schema of a value without what a field adds.
  private mutating func value(_ schema: Schema) -> JSONValue {
    switch schema.shape {
    case .string: return ["type": "string"]
    case .boolean: return ["type": "boolean"]
    case .int32: return ["type": "integer", "format": "int32"]
    case .int64: return ["type": "integer", "format": "int64"]
    case .double: return ["type": "number", "format": "double"]
    case .bytes: return ["type": "string", "format": "byte"]
    case .list:
      // A named list type is written out, not referred to.
      return ["type": "array", "items": schema.element.map { value($0) } ?? .object(JSONObject())]
    case .map:
      return ["type": "object", "additionalProperties": schema.element.map { value($0) } ?? .object(JSONObject())]
    default: return reference(schema)
    }
  }

  // MARK: - Custom kinds

  private mutating func reference(custom kind: KindSchema) -> JSONValue {
    let name: String = Self.name(custom: kind.kind)
    if schemas[name] == nil {
      var document: JSONValue = kind.document
      // kubectl takes the members that are there for all that there may be: where others may be, none is named.
      if document.isNull || (dialect == .v2 && document["x-kubernetes-preserve-unknown-fields"].bool == true) {
        document = ["type": "object"]
      } else {
        document["properties"]["apiVersion"] = ["description": .string(Self.apiVersionText), "type": "string"]
        document["properties"]["kind"] = ["description": .string(Self.kindText), "type": "string"]
        let metadata: JSONValue = reference(message: "k8s.io.apimachinery.pkg.apis.meta.v1.ObjectMeta")
        var described: JSONValue = dialect == .v2 ? metadata : ["allOf": [metadata]]
        described["description"] = .string(Self.metadataText)
        document["properties"]["metadata"] = described
      }
      document["x-kubernetes-group-version-kind"] = [Self.kindReference(kind.kind)]
      schemas[name] = dialect == .v2 ? Self.reduced(document) : document
    }
    return ["$ref": .string(dialect.prefix + name)]
  }

  private static func kindReference(_ kind: GroupVersionKind) -> JSONValue {
    ["group": .string(kind.group), "kind": .string(kind.kind), "version": .string(kind.version)]
  }

  private mutating func reference(listOf kind: KindSchema, _ list: GroupVersionKind) -> JSONValue {
    let name: String = Self.name(custom: list)
    if schemas[name] == nil {
      let metadata: JSONValue = reference(message: "k8s.io.apimachinery.pkg.apis.meta.v1.ListMeta")
      schemas[name] = [
        "description": .string("\(list.kind) is a list of \(kind.kind.kind)"), "type": "object", "required": ["items"],
        "properties": [
          "apiVersion": ["description": .string(Self.apiVersionText), "type": "string"],
          "items": ["type": "array", "items": reference(custom: kind)],
          "kind": ["description": .string(Self.kindText), "type": "string"],
          "metadata": dialect == .v2 ? metadata : ["allOf": [metadata]],
        ],
        "x-kubernetes-group-version-kind": [Self.kindReference(list)],
      ]
    }
    return ["$ref": .string(dialect.prefix + name)]
  }

  /// A custom schema without the keywords that OpenAPI v2 does not have, and as kubectl can read it.
  private static func reduced(_ document: JSONValue) -> JSONValue {
    guard case .object(let members) = document else { return document }
    let isOpen: Bool = members["x-kubernetes-preserve-unknown-fields"]?.bool == true
    let isNullable: Bool = members["nullable"]?.bool == true
    let type: String = members["type"]?.string ?? ""
    let hasNoType: Bool = isNullable || (isOpen && type == "object") || (type == "array" && (isOpen || members["items"] == nil))
    var result: JSONObject = JSONObject()
    for (key, value) in members {
      switch key {
      case "allOf", "anyOf", "oneOf", "not", "nullable": continue
      case "type" where hasNoType: continue
      case "properties", "items":
        if isOpen || isNullable { continue }
        guard key == "properties" else {
          result.appendUnique(key, reduced(value))
          continue
        }
        var properties: JSONObject = JSONObject()
        for (name, inner) in value.object ?? JSONObject() { properties.appendUnique(name, reduced(inner)) }
        result.appendUnique(key, .object(properties))
      case "additionalProperties": result.appendUnique(key, reduced(value))
      case "required":
        let names: [String] = value.items.compactMap(\.string).filter { document["properties"][$0]["nullable"].bool != true }
        if !names.isEmpty, document["additionalProperties"]["nullable"].bool != true { result.appendUnique(key, JSONValue(names)) }
      default: result.appendUnique(key, value)
      }
    }
    return .object(result)
  }
}
