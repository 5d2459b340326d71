// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Makes schemas of message descriptors.
struct SchemaBuilder {
  private(set) var messages: [String: Schema] = [:]
  private(set) var kinds: [GroupVersionKind: Schema] = [:]
  /// Fields of scalar types share these.
  private let scalars: [Int: Schema] = [
    1: Schema(.double), 2: Schema(.double), 3: Schema(.int64), 5: Schema(.int32), 8: Schema(.boolean),
    9: Schema(.string), 12: Schema(.bytes), 13: Schema(.int64), 4: Schema(.int64),
  ]

  /// The JSON forms that are not an object of the fields, by the last two parts of the message's name.
  private static let customShapes: [String: Schema.Shape] = [
    "resource.Quantity": .quantity, "v1.Time": .time, "v1.MicroTime": .microTime, "v1.Duration": .duration,
    "intstr.IntOrString": .intOrString, "runtime.RawExtension": .rawExtension, "v1.FieldsV1": .fieldsV1,
    "v1.JSON": .any, "runtime.Unknown": .any, "v1.GroupVersion": .any, "v1.JSONSchemaPropsOrBool": .schemaOrBool,
    "v1.JSONSchemaPropsOrArray": .schemaOrArray, "v1.JSONSchemaPropsOrStringArray": .schemaOrStringArray,
  ]

  init(_ set: DescriptorSet) throws(APISchemaError) {
    // First all messages without their fields, so that fields can refer to any of them.
    for descriptor: MessageDescriptor in set.messages {
      let schema: Schema = Self.shell(descriptor)
      messages[descriptor.name] = schema
      for kind: GroupVersionKind in descriptor.kinds { kinds[kind] = schema }
    }
    for descriptor: MessageDescriptor in set.messages {
      guard let schema: Schema = messages[descriptor.name] else { continue }
      try addWireFields(descriptor, to: schema)
    }
    // JSON fields last: those of inlined messages are taken from them.
    var done: Set<String> = []
    let byName: [String: MessageDescriptor] = Dictionary(set.messages.map { ($0.name, $0) }) { first, _ in first }
    for descriptor: MessageDescriptor in set.messages { addFields(descriptor, byName, &done) }
    for schema: Schema in messages.values { finish(schema) }
  }

  private func finish(_ schema: Schema) {
    schema.message?.sortWireFields()
    switch schema.shape {
    case .schemaOrBool, .schemaOrArray, .schemaOrStringArray:
      schema.element = schema.message?.wireFields.first { $0.encoding == .message }?.schema
    default: break
    }
  }

  private static func shell(_ descriptor: MessageDescriptor) -> Schema {
    var shape: Schema.Shape = .object
    if descriptor.hasCustomJSON {
      let parts: [Substring] = descriptor.name.split(separator: ".")
      shape = customShapes[parts.suffix(2).joined(separator: ".")] ?? .any
    } else if descriptor.isArray {
      shape = .list
    }
    let schema: Schema = Schema(shape, merge: descriptor.isAtomic ? .atomic : nil)
    schema.name = descriptor.name
    schema.documentation = descriptor.comment
    schema.hasTypeMeta = descriptor.hasTypeMeta
    var facts: MessageFacts = MessageFacts()
    facts.kinds = descriptor.kinds
    facts.isPublished = descriptor.isPublished
    facts.openAPI = descriptor.openAPI
    facts.isArray = descriptor.isArray
    facts.isJSONOnly = descriptor.isJSONOnly
    facts.isEveryGroupVersion = descriptor.isEveryGroupVersion
    facts.unions = descriptor.unions
    schema.message = facts
    return schema
  }

  /// The schema of one value of a field.
  private func value(_ type: Int, _ typeName: String) throws(APISchemaError) -> Schema {
    if type == 11 {
      guard let schema: Schema = messages[String(typeName.dropFirst())] else {
        throw APISchemaError(.malformedDescriptor, "unknown message \(typeName)")
      }
      return schema
    }
    guard let schema: Schema = scalars[type] else {
      throw APISchemaError(.malformedDescriptor, "unknown field type \(type)")
    }
    return schema
  }

  private static func encoding(_ type: Int) -> WireField.Encoding {
    switch type {
    case 1: .double
    case 2: .float
    case 8: .boolean
    case 9: .string
    case 11: .message
    case 12: .bytes
    default: .varint
    }
  }

  private func addWireFields(_ descriptor: MessageDescriptor, to schema: Schema) throws(APISchemaError) {
    for field: FieldDescriptor in descriptor.fields {
      var type: Int = field.type
      var typeName: String = field.typeName
      let entry: MessageDescriptor? = Self.mapEntry(of: field, in: descriptor)
      if let value: FieldDescriptor = entry?.fields.first(where: { $0.number == 2 }) {
        type = value.type
        typeName = value.typeName
      }
      schema.message?.wireFields.append(
        WireField(
          number: field.number, encoding: Self.encoding(type), schema: try value(type, typeName),
          isRepeated: field.isRepeated, isMap: entry != nil, position: nil, isPointer: field.isPointer,
          isInline: field.isInline))
    }
    if schema.shape == .list { schema.element = schema.message?.wireFields.first?.schema }
  }

  private static func mapEntry(of field: FieldDescriptor, in message: MessageDescriptor) -> MessageDescriptor? {
    guard field.isRepeated, field.type == 11 else { return nil }
    let name: Substring? = field.typeName.split(separator: ".").last
    guard let name, let entry = message.mapEntries[String(name)], entry.isMapEntry else { return nil }
    return entry
  }

  private func addFields(_ descriptor: MessageDescriptor, _ all: [String: MessageDescriptor], _ done: inout Set<String>)
  {
    guard done.insert(descriptor.name).inserted, let schema: Schema = messages[descriptor.name],
      schema.shape == .object
    else { return }
    var fields: [SchemaField] = []
    for (place, field) in descriptor.fields.enumerated() {
      guard let wire: WireField = schema.message?.wireFields[place], !field.isHidden else { continue }
      if wire.isInline {
        if let inlined = all[wire.schema.name] { addFields(inlined, all, &done) }
        fields += wire.schema.fields.map { Self.published($0, of: wire.schema) }
        continue
      }
      schema.message?.wireFields[place].position = fields.count
      fields.append(Self.field(field, wire))
    }
    schema.setFields(fields)
  }

  /// A field of an inlined message that documents do not publish by itself: it has the default that follows from
  /// its type.
  private static func published(_ field: SchemaField, of schema: Schema) -> SchemaField {
    var field: SchemaField = field
    field.inlinedFrom.insert(String(schema.name.split(separator: ".").last ?? ""), at: 0)
    guard schema.message?.isPublished == false, field.publishedDefault == nil, !field.isPointer else { return field }
    if field.schema.shape == .object { field.publishedDefault = .object(JSONObject()) }
    if field.schema.shape == .string, !field.omitsEmpty { field.publishedDefault = "" }
    return field
  }

  private static func field(_ field: FieldDescriptor, _ wire: WireField) -> SchemaField {
    let schema: Schema
    if wire.isMap {
      schema = Schema(.map, merge: field.mapType == "atomic" ? .atomic : .granular, element: wire.schema)
    } else if wire.isRepeated {
      schema = Schema(.list, merge: Self.merge(field), element: wire.schema)
    } else {
      schema = wire.schema
    }
    // A field may say how its object merges whatever the object's type says.
    let merge: Schema.Merge? =
      switch field.mapType {
      case "atomic": .atomic
      case "granular": .granular
      default: nil
      }
    var result: SchemaField = SchemaField(
      field.jsonName.isEmpty ? field.name : field.jsonName, schema, merge: merge)
    result.isRequired = field.isRequired
    result.omitsEmpty = field.omitsEmpty
    result.omitsZero = field.omitsZero
    result.isPointer = field.isPointer
    result.defaultValue = field.defaultJSON.isEmpty ? nil : try? JSONValue(parsing: field.defaultJSON)
    result.publishedDefault =
      field.publishedDefaultJSON.isEmpty ? nil : try? JSONValue(parsing: field.publishedDefaultJSON)
    result.format = field.format
    result.namedType = field.namedType
    result.keyNamedType = field.keyNamedType
    result.enumeration = field.enumeration
    result.patchStrategies = field.patchStrategies
    result.patchMergeKey = field.patchMergeKey
    result.declaredMerge = field.listType.isEmpty ? field.mapType : field.listType
    result.featureGates = field.featureGates
    result.validation = field.validation
    result.documentation = field.comment
    return result
  }

  private static func merge(_ field: FieldDescriptor) -> Schema.Merge {
    switch field.listType {
    case "set": .set
    case "map": .map(field.listMapKeys)
    default: .atomic
    }
  }
}
