// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Brings objects of built-in kinds into the form that clients get: fields in the order of the schema, empty
/// optional ones left out, those that Go's encoder always writes put in.
enum ObjectEncoder {
  /// The members that the schema knows, in its order.
  private static func arranged(
    _ members: JSONObject, _ schema: Schema, keepsEmpty: Bool, asRequested: Bool = false
  ) -> [(position: Int, value: JSONValue)] {
    var found: [(position: Int, value: JSONValue)] = []
    found.reserveCapacity(members.count + schema.alwaysWritten.count)
    var isOrdered: Bool = true
    for (name, value) in members {
      guard let position: Int = schema.position(of: name) else { continue }
      let field: SchemaField = schema.fields[position]
      let isAbsent: Bool =
        asRequested
        ? ZeroValue.isAbsentInRequest(value, field) : ZeroValue.isAbsent(value, field, keepsEmpty: keepsEmpty)
      if isAbsent { continue }
      if let last = found.last, last.position > position { isOrdered = false }
      found.append((position, value))
    }
    if !isOrdered { found.sort { $0.position < $1.position } }
    guard !schema.alwaysWritten.isEmpty else { return found }
    var result: [(position: Int, value: JSONValue)] = []
    result.reserveCapacity(found.count + schema.alwaysWritten.count)
    var next: Int = 0
    for position: Int in schema.alwaysWritten {
      while next < found.count, found[next].position < position {
        result.append(found[next])
        next += 1
      }
      if next < found.count, found[next].position == position { continue }
      let field: SchemaField = schema.fields[position]
      result.append((position, field.isPointer ? .null : Self.zero(field, schema)))
    }
    result += found[next...]
    return result
  }

  /// The value that a field has when nothing is set; the items of a list kind are never null.
  private static func zero(_ field: SchemaField, _ schema: Schema) -> JSONValue {
    if schema.hasTypeMeta, field.name == "items", field.schema.shape == .list { return .array([]) }
    return ZeroValue.of(field.schema)
  }

  /// The normalized tree.
  ///
  /// - Parameter asRequested: Empty optional lists and maps stay, as in an object that is being checked.
  static func normalized(_ value: JSONValue, _ schema: Schema, asRequested: Bool = false) -> JSONValue {
    switch (value, schema.shape) {
    case (.object(let members), .object):
      var result: JSONObject = JSONObject()
      if schema.hasTypeMeta {
        if let kind = members["kind"] { result.appendUnique("kind", kind) }
        if let version = members["apiVersion"] { result.appendUnique("apiVersion", version) }
      }
      for (position, value) in arranged(members, schema, keepsEmpty: true, asRequested: asRequested) {
        let field: SchemaField = schema.fields[position]
        result.appendUnique(field.name, normalized(value, field.schema, asRequested: asRequested))
      }
      return .object(result)
    case (.array(let items), .list), (.array(let items), .schemaOrArray):
      guard let element: Schema = schema.element, element.shape.isNested else { return value }
      return .array(items.map { normalized($0, element, asRequested: asRequested) })
    case (.object(let members), .map):
      guard let element: Schema = schema.element else { return value }
      var result: JSONObject = JSONObject()
      result.reserveCapacity(members.count)
      for (key, item) in members.sorted(by: { $0.key < $1.key }) {
        result.appendUnique(key, normalized(item, element, asRequested: asRequested))
      }
      return .object(result)
    case (.object, .schemaOrBool), (.object, .schemaOrArray), (.object, .schemaOrStringArray):
      return schema.element.map { normalized(value, $0, asRequested: asRequested) } ?? value
    default: return value
    }
  }

  /// Writes the normalized form.
  static func write(_ value: JSONValue, _ schema: Schema, to output: inout [UInt8]) {
    switch (value, schema.shape) {
    case (.object(let members), .object): write(members, schema, to: &output)
    case (.array(let items), .list), (.array(let items), .schemaOrArray):
      guard let element: Schema = schema.element, element.shape.isNested else { return value.write(to: &output) }
      output.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        write(item, element, to: &output)
      }
      output.append(UInt8(ascii: "]"))
    case (.object(let members), .map):
      guard let element: Schema = schema.element else { return value.write(to: &output) }
      output.append(UInt8(ascii: "{"))
      for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        JSONValue.write(member.key, to: &output)
        output.append(UInt8(ascii: ":"))
        write(member.value, element, to: &output)
      }
      output.append(UInt8(ascii: "}"))
    case (.object, .schemaOrBool), (.object, .schemaOrArray), (.object, .schemaOrStringArray):
      if let element: Schema = schema.element { write(value, element, to: &output) } else { value.write(to: &output) }
    default: value.write(to: &output)
    }
  }

  private static func write(_ members: JSONObject, _ schema: Schema, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "{"))
    var isFirst: Bool = true
    func begin(_ name: String) {
      if !isFirst { output.append(UInt8(ascii: ",")) }
      isFirst = false
      JSONValue.write(name, to: &output)
      output.append(UInt8(ascii: ":"))
    }
    if schema.hasTypeMeta {
      if let kind = members["kind"] {
        begin("kind")
        kind.write(to: &output)
      }
      if let version = members["apiVersion"] {
        begin("apiVersion")
        version.write(to: &output)
      }
    }
    for (position, value) in arranged(members, schema, keepsEmpty: false) {
      let field: SchemaField = schema.fields[position]
      begin(field.name)
      write(value, field.schema, to: &output)
    }
    output.append(UInt8(ascii: "}"))
  }
}

extension Schema.Shape {
  /// Whether values of the shape have an inside that is brought into order.
  var isNested: Bool {
    switch self {
    case .object, .map, .list, .schemaOrBool, .schemaOrArray, .schemaOrStringArray: true
    default: false
    }
  }
}

extension JSONValue {
  /// The value with the members of every object sorted by name, as Go writes maps.
  var sortedByKey: JSONValue {
    switch self {
    case .object(let members):
      var result: JSONObject = JSONObject()
      result.reserveCapacity(members.count)
      for (key, value) in members.sorted(by: { $0.key < $1.key }) { result.appendUnique(key, value.sortedByKey) }
      return .object(result)
    case .array(let items): return .array(items.map(\.sortedByKey))
    default: return self
    }
  }
}
