// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Makes a schema of the `openAPIV3Schema` of a CustomResourceDefinition.
enum CustomSchemaBuilder {
  /// Deeper documents are not taken.
  private static let maximumDepth: Int = 200

  /// The schema of the whole object: apiVersion, kind and metadata are as in every object.
  static func root(_ document: JSONValue, preservesUnknownFields: Bool) throws(APISchemaError) -> Schema {
    let schema: Schema = document.isNull ? Schema(.object) : try build(document, 0)
    schema.shape = .object
    var constraints: SchemaConstraints = schema.constraints ?? SchemaConstraints()
    if preservesUnknownFields || document.isNull { constraints.preservesUnknownFields = true }
    constraints.isEmbeddedResource = false
    schema.constraints = constraints
    addObjectFields(to: schema)
    return schema
  }

  /// The schema of a value within an object.
  static func part(_ document: JSONValue) throws(APISchemaError) -> Schema { try build(document, 0) }

  private static func addObjectFields(to schema: Schema) {
    schema.hasTypeMeta = true
    var fields: [SchemaField] = schema.fields.filter { !["apiVersion", "kind", "metadata"].contains($0.name) }
    if let metadata: Schema = SchemaRegistry.builtIn.message("k8s.io.apimachinery.pkg.apis.meta.v1.ObjectMeta") {
      var field: SchemaField = SchemaField("metadata", metadata)
      field.omitsEmpty = true
      fields.append(field)
    }
    schema.setFields(fields.sorted { $0.name < $1.name })
  }

  private static func build(_ document: JSONValue, _ depth: Int) throws(APISchemaError) -> Schema {
    guard depth < maximumDepth else { throw APISchemaError(.malformedSchema, "the schema is nested too deeply") }
    let schema: Schema = Schema(shape(document))
    schema.documentation = document["description"].string ?? ""
    schema.merge = merge(document, schema.shape)
    var constraints: SchemaConstraints = self.constraints(document)
    for (name, keyPath) in [("allOf", \SchemaConstraints.allOf), ("anyOf", \.anyOf), ("oneOf", \.oneOf)]
      as [(String, WritableKeyPath<SchemaConstraints, [Schema]>)]
    {
      for inner: JSONValue in document[name].items { constraints[keyPath: keyPath].append(try build(inner, depth + 1)) }
    }
    if !document["not"].isNull { constraints.not = try build(document["not"], depth + 1) }
    schema.constraints = constraints
    if document["items"].object != nil { schema.element = try build(document["items"], depth + 1) }
    if document["additionalProperties"].object != nil {
      schema.element = try build(document["additionalProperties"], depth + 1)
    }
    var fields: [SchemaField] = []
    for (name, inner) in document["properties"].object ?? JSONObject() {
      var field: SchemaField = SchemaField(name, try build(inner, depth + 1))
      field.isRequired = constraints.required.contains(name)
      field.omitsEmpty = true
      field.isPointer = true
      field.defaultValue = field.schema.constraints?.defaultValue
      field.documentation = field.schema.documentation
      fields.append(field)
    }
    schema.setFields(fields.sorted { $0.name < $1.name })
    if constraints.isEmbeddedResource { addObjectFields(to: schema) }
    return schema
  }

  private static func shape(_ document: JSONValue) -> Schema.Shape {
    if document["x-kubernetes-int-or-string"].bool == true { return .intOrString }
    switch document["type"].string {
    case "object":
      return document["additionalProperties"].object != nil && document["properties"].object == nil ? .map : .object
    case "array": return .list
    case "string": return .string
    case "integer": return .int64
    case "number": return .double
    case "boolean": return .boolean
    default: return document["properties"].object == nil ? .any : .object
    }
  }

  private static func merge(_ document: JSONValue, _ shape: Schema.Shape) -> Schema.Merge {
    switch shape {
    case .list:
      switch document["x-kubernetes-list-type"].string {
      case "set": return .set
      case "map": return .map(document["x-kubernetes-list-map-keys"].items.compactMap(\.string))
      default: return .atomic
      }
    default: return document["x-kubernetes-map-type"].string == "atomic" ? .atomic : .granular
    }
  }

  private static func constraints(_ document: JSONValue) -> SchemaConstraints {
    var constraints: SchemaConstraints = SchemaConstraints()
    constraints.type = document["type"].string ?? ""
    constraints.format = document["format"].string ?? ""
    constraints.isNullable = document["nullable"].bool ?? false
    constraints.defaultValue = document.object?["default"]
    constraints.enumeration = document["enum"].items
    constraints.required = document["required"].items.compactMap(\.string)
    constraints.minimum = document["minimum"].double
    constraints.maximum = document["maximum"].double
    constraints.isMinimumExclusive = document["exclusiveMinimum"].bool ?? false
    constraints.isMaximumExclusive = document["exclusiveMaximum"].bool ?? false
    constraints.multipleOf = document["multipleOf"].double
    constraints.minLength = document["minLength"].int
    constraints.maxLength = document["maxLength"].int
    constraints.pattern = document["pattern"].string
    constraints.minItems = document["minItems"].int
    constraints.maxItems = document["maxItems"].int
    constraints.uniqueItems = document["uniqueItems"].bool ?? false
    constraints.minProperties = document["minProperties"].int
    constraints.maxProperties = document["maxProperties"].int
    constraints.preservesUnknownFields = document["x-kubernetes-preserve-unknown-fields"].bool ?? false
    constraints.isEmbeddedResource = document["x-kubernetes-embedded-resource"].bool ?? false
    constraints.isIntOrString = document["x-kubernetes-int-or-string"].bool ?? false
    constraints.allowsAdditional =
      document["additionalProperties"].object != nil || document["additionalProperties"].bool == true
    constraints.validations = document["x-kubernetes-validations"].items
    return constraints
  }
}
