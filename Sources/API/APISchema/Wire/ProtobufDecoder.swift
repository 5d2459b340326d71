// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads objects from protobuf; fields that the schema does not know are skipped, as Go's decoder does.
enum ProtobufDecoder {
  /// How deep messages may nest: a JSON schema in a CustomResourceDefinition is the deepest there is.
  private static let maximumDepth: Int = 1000

  /// Reads the fields of a message.
  static func read(_ message: ProtoReader, _ schema: Schema, depth: Int = 0) throws(APISchemaError) -> JSONValue {
    guard depth < maximumDepth else { throw APISchemaError(.malformedProtobuf, "exceeded max depth") }
    switch schema.shape {
    case .object:
      var values: [JSONValue] = Array(repeating: .null, count: schema.fields.count)
      try object(message, schema, schema, &values, depth)
      return .object(assembled(values, schema))
    case .list: return try array(message, schema, depth)
    default: return try custom(message, schema, depth)
    }
  }

  private static func assembled(_ values: [JSONValue], _ schema: Schema) -> JSONObject {
    var result: JSONObject = JSONObject()
    for (position, value) in values.enumerated() {
      let field: SchemaField = schema.fields[position]
      if ZeroValue.isAbsent(value, field, keepsEmpty: false) { continue }
      result.appendUnique(field.name, value)
    }
    return result
  }

  /// Reads a message's fields into the places of the object that it is (inlined in).
  private static func object(
    _ message: ProtoReader, _ schema: Schema, _ outer: Schema, _ values: inout [JSONValue], _ depth: Int
  ) throws(APISchemaError) {
    guard let facts: MessageFacts = schema.message else { return }
    var reader: ProtoReader = message
    while let (number, wireType) = try reader.tag() {
      guard let place: Int = facts.place(of: number) else {
        try reader.skip(wireType)
        continue
      }
      let field: WireField = facts.wireFields[place]
      if field.isInline, wireType == 2 {
        try object(reader.message(), field.schema, outer, &values, depth + 1)
        continue
      }
      guard var position: Int = field.position else {
        try reader.skip(wireType)
        continue
      }
      if schema !== outer {
        guard let found: Int = outer.position(of: schema.fields[position].name) else {
          try reader.skip(wireType)
          continue
        }
        position = found
      }
      if field.isMap {
        try entry(reader.message(), field, &values[position], depth)
      } else if field.isRepeated {
        try item(&reader, wireType, field, &values[position], depth)
      } else {
        values[position] = try value(&reader, wireType, field, depth)
      }
    }
  }

  private static func item(
    _ reader: inout ProtoReader, _ wireType: Int, _ field: WireField, _ list: inout JSONValue, _ depth: Int
  ) throws(APISchemaError) {
    var items: [JSONValue] = list.array ?? []
    list = .null
    if wireType == 2, field.encoding == .varint || field.encoding == .boolean {
      // Packed scalars.
      var packed: ProtoReader = try reader.message()
      while !packed.isAtEnd { items.append(try value(&packed, 0, field, depth)) }
    } else {
      items.append(try value(&reader, wireType, field, depth))
    }
    list = .array(items)
  }

  private static func entry(
    _ message: ProtoReader, _ field: WireField, _ map: inout JSONValue, _ depth: Int
  ) throws(APISchemaError) {
    var members: JSONObject = map.object ?? JSONObject()
    map = .null
    var reader: ProtoReader = message
    var key: String = ""
    // An entry that says nothing of its bytes has some: none at all. Outside of maps these are absent.
    var item: JSONValue = field.encoding == .bytes ? "" : ZeroValue.of(field.schema)
    while let (number, wireType) = try reader.tag() {
      switch number {
      case 1 where wireType == 2: key = try reader.string()
      case 2: item = try value(&reader, wireType, field, depth)
      default: try reader.skip(wireType)
      }
    }
    members[key] = item
    map = .object(members)
  }

  private static func value(
    _ reader: inout ProtoReader, _ wireType: Int, _ field: WireField, _ depth: Int
  ) throws(APISchemaError) -> JSONValue {
    func expect(_ expected: Int) throws(APISchemaError) {
      guard wireType == expected else {
        throw APISchemaError(.malformedProtobuf, "proto: wrong wireType = \(wireType) for field number \(field.number)")
      }
    }
    switch field.encoding {
    case .string:
      try expect(2)
      return .string(try reader.string())
    case .bytes:
      try expect(2)
      return .string(Base64.encode(try reader.data()))
    case .boolean:
      try expect(0)
      return .bool(try reader.varint() != 0)
    case .varint:
      try expect(0)
      let raw: Int64 = Int64(bitPattern: try reader.varint())
      return .int(field.schema.shape == .int32 ? Int64(Int32(truncatingIfNeeded: raw)) : raw)
    case .double:
      try expect(1)
      return .double(Double(bitPattern: try reader.fixed64()))
    case .float:
      try expect(5)
      return .double(Double(Float(bitPattern: try reader.fixed32())))
    case .message:
      try expect(2)
      return try read(reader.message(), field.schema, depth: depth + 1)
    }
  }

  private static func array(_ message: ProtoReader, _ schema: Schema, _ depth: Int) throws(APISchemaError) -> JSONValue
  {
    guard let field: WireField = schema.message?.wireFields.first else { return .array([]) }
    var reader: ProtoReader = message
    var list: JSONValue = .array([])
    while let (number, wireType) = try reader.tag() {
      if number == field.number { try item(&reader, wireType, field, &list, depth) } else { try reader.skip(wireType) }
    }
    return list
  }

  /// The messages whose JSON form is not an object of their fields.
  private static func custom(_ message: ProtoReader, _ schema: Schema, _ depth: Int) throws(APISchemaError) -> JSONValue
  {
    var reader: ProtoReader = message
    var integers: [Int: Int64] = [:]
    var texts: [Int: String] = [:]
    var nested: [JSONValue] = []
    var strings: [JSONValue] = []
    while let (number, wireType) = try reader.tag() {
      switch wireType {
      case 0: integers[number] = Int64(bitPattern: try reader.varint())
      case 2:
        let isSchema: Bool =
          switch schema.shape {
          case .schemaOrBool: number == 2
          case .schemaOrArray: true
          case .schemaOrStringArray: number == 1
          default: false
          }
        if isSchema, let element: Schema = schema.element {
          nested.append(try read(reader.message(), element, depth: depth + 1))
          if schema.shape == .schemaOrArray { integers[100 + number] = 1 }
        } else {
          let text: String = try reader.string()
          texts[number] = text
          if schema.shape == .schemaOrStringArray { strings.append(.string(text)) }
        }
      default: try reader.skip(wireType)
      }
    }
    switch schema.shape {
    case .quantity:
      guard let text: String = texts[1], !text.isEmpty else { return "0" }
      return .string(try QuantityText.canonical(.string(text)))
    case .time, .microTime:
      guard let seconds: Int64 = integers[1] else { return .null }
      let time: GoTime = GoTime(seconds: seconds, nanoseconds: Int32(truncatingIfNeeded: integers[2] ?? 0))
      return .string(time.text(schema.shape == .time ? .seconds : .microseconds))
    case .intOrString:
      return integers[1] == 1 ? .string(texts[3] ?? "") : .int(Int64(Int32(truncatingIfNeeded: integers[2] ?? 0)))
    case .duration: return .string(GoDuration.text(integers[1] ?? 0))
    case .rawExtension, .fieldsV1, .any: return try raw(texts[1])
    case .schemaOrBool: return nested.first ?? .bool(integers[1] == 1)
    case .schemaOrArray: return integers[102] == 1 ? .array(nested) : nested.first ?? .null
    case .schemaOrStringArray: return nested.first ?? .array(strings)
    default: return .null
    }
  }

  /// JSON inside protobuf.
  private static func raw(_ text: String?) throws(APISchemaError) -> JSONValue {
    guard let text, !text.isEmpty else { return .null }
    do throws(JSONError) {
      return try JSONValue(parsing: text)
    } catch {
      throw APISchemaError(.malformedProtobuf, error.message)
    }
  }
}
