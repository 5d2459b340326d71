// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads a JSON tree as an object of a built-in kind: checks types, notes unknown and duplicate fields, brings
/// values into their canonical form and fields into the order of the schema. Null and zero values that an
/// absent field means as well are dropped.
struct ObjectDecoder {
  /// Unknown and duplicate fields in the order of the text.
  var complaints: [String] = []
  var seen: Set<String> = []
  var path: [Step] = []
  /// Go's names: of the type whose field is being read.
  var owner: String = ""

  /// One step into the tree; a field of an inlined message comes with the names of the messages.
  enum Step {
    case field(String, [String] = [])
    case index(Int)
    case key(String)
  }

  init() {}

  /// A decoder of what is at a field of the whole object.
  init(at field: String) { path = [.field(field)] }

  /// Reads the whole object.
  mutating func decode(_ value: JSONValue, _ schema: Schema) throws(APISchemaError) -> JSONValue {
    switch value {
    case .object(let members): return .object(try object(members, schema, isRoot: true))
    case .null: return .object(JSONObject())
    default:
      throw APISchemaError(
        .typeMismatch, "json: cannot unmarshal \(Self.word(value)) into Go value of type \(Self.goName(schema))")
    }
  }

  private mutating func object(
    _ members: JSONObject, _ schema: Schema, isRoot: Bool = false
  ) throws(APISchemaError) -> JSONObject {
    var found: [(position: Int, value: JSONValue)] = []
    found.reserveCapacity(members.count)
    var isOrdered: Bool = true
    var kind: JSONValue = .null
    var apiVersion: JSONValue = .null
    let outer: String = owner
    owner = schema.name
    defer { owner = outer }
    for (name, value) in members {
      guard let position: Int = schema.position(of: name) else {
        if schema.hasTypeMeta, name == "kind" || name == "apiVersion" {
          path.append(.field(name))
          if !kind.isNull && name == "kind" || !apiVersion.isNull && name == "apiVersion" { complain("duplicate") }
          let text: JSONValue = try string(value, nil)
          if name == "kind" { kind = text } else { apiVersion = text }
          path.removeLast()
        } else {
          path.append(.field(name))
          complain("unknown")
          path.removeLast()
        }
        continue
      }
      let field: SchemaField = schema.fields[position]
      path.append(.field(name, field.inlinedFrom))
      if let last = found.last, last.position >= position {
        isOrdered = false
        if let place: Int = found.firstIndex(where: { $0.position == position }) {
          complain("duplicate")
          found.remove(at: place)
        }
      }
      if !value.isNull { found.append((position, try self.value(value, field.schema, field))) }
      path.removeLast()
    }
    if !isOrdered { found.sort { $0.position < $1.position } }
    return Self.assembled(found, schema, kind, apiVersion)
  }

  /// The object of its decoded fields, without what absence means as well.
  private static func assembled(
    _ found: [(position: Int, value: JSONValue)], _ schema: Schema, _ kind: JSONValue, _ apiVersion: JSONValue
  ) -> JSONObject {
    var result: JSONObject = JSONObject()
    result.reserveCapacity(found.count + 2)
    if !kind.isNull { result.appendUnique("kind", kind) }
    if !apiVersion.isNull { result.appendUnique("apiVersion", apiVersion) }
    for (position, value) in found {
      let field: SchemaField = schema.fields[position]
      if !ZeroValue.isAbsentInRequest(value, field) { result.appendUnique(field.name, value) }
    }
    return result
  }

  private mutating func value(
    _ value: JSONValue, _ schema: Schema, _ field: SchemaField?
  ) throws(APISchemaError) -> JSONValue {
    switch schema.shape {
    case .object:
      guard case .object(let members) = value else { throw mismatch(value, schema, field) }
      return .object(try object(members, schema))
    case .list: return try list(value, schema, field)
    case .map: return try map(value, schema, field)
    case .string: return try string(value, field)
    case .boolean:
      guard case .bool = value else { throw mismatch(value, schema, field) }
      return value
    case .int32, .int64: return try integer(value, schema, field)
    case .double:
      guard value.double != nil else { throw mismatch(value, schema, field) }
      return value
    case .bytes: return try bytes(value, schema, field)
    case .quantity: return .string(try QuantityText.canonical(value))
    case .time: return try time(value, .seconds)
    case .microTime: return try time(value, .microseconds)
    case .intOrString: return try intOrString(value)
    case .duration:
      guard case .string = value else { throw goValueMismatch(value, "string") }
      return value
    case .rawExtension, .fieldsV1, .any: return value
    case .schemaOrBool, .schemaOrArray, .schemaOrStringArray: return try schemaOr(value, schema)
    }
  }

  private mutating func list(
    _ value: JSONValue, _ schema: Schema, _ field: SchemaField?
  ) throws(APISchemaError) -> JSONValue {
    guard case .array(let items) = value, let element: Schema = schema.element else {
      throw mismatch(value, schema, field)
    }
    var result: [JSONValue] = []
    result.reserveCapacity(items.count)
    for (index, item) in items.enumerated() {
      path.append(.index(index))
      if item.isNull {
        result.append(ZeroValue.of(element))
      } else {
        result.append(try self.value(item, element, field))
      }
      path.removeLast()
    }
    return .array(result)
  }

  private mutating func map(
    _ value: JSONValue, _ schema: Schema, _ field: SchemaField?
  ) throws(APISchemaError) -> JSONValue {
    guard case .object(let members) = value, let element: Schema = schema.element else {
      throw mismatch(value, schema, field)
    }
    var result: JSONObject = JSONObject()
    result.reserveCapacity(members.count)
    for (key, item) in members {
      path.append(.key(key))
      if result[key] != nil { complain("duplicate") }
      result[key] = item.isNull ? ZeroValue.of(element) : try self.value(item, element, field)
      path.removeLast()
    }
    return .object(result)
  }

  private func string(_ value: JSONValue, _ field: SchemaField?) throws(APISchemaError) -> JSONValue {
    switch value {
    case .string: return value
    case .null: return .null
    default: throw fieldMismatch(Self.word(value), Self.goScalar("string", field, owner))
    }
  }

  private func integer(
    _ value: JSONValue, _ schema: Schema, _ field: SchemaField?
  ) throws(APISchemaError) -> JSONValue {
    let type: String = Self.goScalar(schema.shape == .int32 ? "int32" : "int64", field, owner)
    switch value {
    case .int(let number):
      if schema.shape == .int64 || Int32(exactly: number) != nil { return value }
      throw fieldMismatch("number \(number)", type)
    case .double(let number): throw fieldMismatch("number \(number.sourceText)", type)
    default: throw fieldMismatch(Self.word(value), type)
    }
  }

  private func bytes(_ value: JSONValue, _ schema: Schema, _ field: SchemaField?) throws(APISchemaError) -> JSONValue {
    guard case .string(var text) = value else { throw mismatch(value, schema, field) }
    let decoded: Result<[UInt8], Base64.Offset> = text.withUTF8 { Base64.decode($0) }
    switch decoded {
    case .success(let data):
      // Line feeds within the text are not kept.
      if text.utf8.contains(0x0A) || text.utf8.contains(0x0D) { return .string(Base64.encode(data)) }
      return value
    case .failure(let offset):
      throw APISchemaError(.typeMismatch, "illegal base64 data at input byte \(offset.place)")
    }
  }

  private func time(_ value: JSONValue, _ layout: GoTime.Layout) throws(APISchemaError) -> JSONValue {
    guard case .string(let text) = value else { throw goValueMismatch(value, "string") }
    return .string(try GoTime(text, layout).text(layout))
  }

  private func intOrString(_ value: JSONValue) throws(APISchemaError) -> JSONValue {
    switch value {
    case .string: return value
    case .int(let number):
      guard Int32(exactly: number) != nil else { throw fieldMismatch("number \(number)", "int32") }
      return value
    case .double(let number): throw fieldMismatch("number \(number.sourceText)", "int32")
    default: throw fieldMismatch(Self.word(value), "int32")
    }
  }

  private mutating func schemaOr(_ value: JSONValue, _ schema: Schema) throws(APISchemaError) -> JSONValue {
    guard let element: Schema = schema.element else { return value }
    switch (value, schema.shape) {
    case (.object(let members), _): return .object(try object(members, element))
    case (.array(let items), .schemaOrArray):
      var result: [JSONValue] = []
      for item: JSONValue in items { result.append(try self.value(item, element, nil)) }
      return .array(result)
    case (.bool, .schemaOrBool), (.array, .schemaOrStringArray): return value
    default:
      let shape: String = schema.shape == .schemaOrBool ? "boolean JSON" : "array JSON"
      throw APISchemaError(
        .typeMismatch,
        "\(shape == "boolean JSON" ? "boolean or JSON schema expected" : "array or JSON schema expected")")
    }
  }
}
