// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Writes objects in protobuf as Go's generated marshallers do: fields in the order of their numbers, those that
/// are no pointers always, maps sorted by key.
enum ProtobufEncoder {
  /// Writes the fields of a message.
  static func write(_ value: JSONValue, _ schema: Schema, to writer: inout ProtoWriter) {
    switch schema.shape {
    case .object: object(value, schema, to: &writer)
    case .list:
      guard let field: WireField = schema.message?.wireFields.first else { return }
      for item: JSONValue in value.items { self.value(item, field, to: &writer) }
    default: custom(value, schema, to: &writer)
    }
  }

  private static func object(_ value: JSONValue, _ schema: Schema, to writer: inout ProtoWriter) {
    guard let facts: MessageFacts = schema.message else { return }
    let members: JSONObject = value.object ?? JSONObject()
    for field: WireField in facts.wireFields {
      if field.isInline {
        writer.message(field.number) { object(value, field.schema, to: &$0) }
        continue
      }
      guard let position: Int = field.position else {
        // A field that JSON does not have.
        if !field.isRepeated, !field.isPointer { self.value(.null, field, to: &writer) }
        continue
      }
      let member: JSONValue = members[schema.fields[position].name] ?? .null
      if field.isMap {
        map(member, field, to: &writer)
      } else if field.isRepeated {
        for item: JSONValue in member.items { self.value(item, field, to: &writer) }
      } else if !member.isNull || !field.isPointer {
        self.value(member, field, to: &writer)
      }
    }
  }

  private static func map(_ value: JSONValue, _ field: WireField, to writer: inout ProtoWriter) {
    guard let members: JSONObject = value.object else { return }
    var entry: WireField = field
    entry.number = 2
    for (key, item) in members.sorted(by: { $0.key < $1.key }) {
      writer.message(field.number) { writer in
        writer.string(1, key)
        self.value(item, entry, to: &writer)
      }
    }
  }

  /// One value with its tag.
  private static func value(_ value: JSONValue, _ field: WireField, to writer: inout ProtoWriter) {
    switch field.encoding {
    case .string: writer.string(field.number, value.string ?? "")
    case .boolean: writer.integer(field.number, value.bool == true ? 1 : 0)
    case .varint: writer.integer(field.number, value.int ?? 0)
    case .double, .float: writer.double(field.number, value.double ?? 0)
    case .bytes:
      var text: String = value.string ?? ""
      let decoded: Result<[UInt8], Base64.Offset> = text.withUTF8 { Base64.decode($0) }
      if case .success(let data) = decoded { writer.data(field.number, data) } else { writer.data(field.number, []) }
    case .message: writer.message(field.number) { write(value, field.schema, to: &$0) }
    }
  }

  /// The messages whose JSON form is not an object of their fields.
  private static func custom(_ value: JSONValue, _ schema: Schema, to writer: inout ProtoWriter) {
    switch schema.shape {
    case .quantity: writer.string(1, value.string ?? (value.isNull ? "0" : value.text))
    case .time, .microTime:
      let layout: GoTime.Layout = schema.shape == .time ? .seconds : .microseconds
      // Objects hold times in their canonical form; the zero time is an empty message.
      guard let text: String = value.string, let time: GoTime = try? GoTime(text, layout) else { return }
      writer.integer(1, time.seconds)
      writer.integer(2, schema.shape == .time ? 0 : Int64(time.nanoseconds))
    case .intOrString:
      writer.integer(1, value.string == nil ? 0 : 1)
      writer.integer(2, value.int ?? 0)
      writer.string(3, value.string ?? "")
    case .duration: writer.integer(1, GoDuration.nanoseconds(value.string ?? "") ?? 0)
    case .rawExtension, .fieldsV1, .any:
      if !value.isNull { writer.data(1, value.bytes) }
    case .schemaOrBool:
      writer.integer(1, value.bool == false ? 0 : 1)
      if value.object != nil { nested(2, value, schema, to: &writer) }
    case .schemaOrArray, .schemaOrStringArray:
      if value.object != nil { nested(1, value, schema, to: &writer) }
      for item: JSONValue in value.items {
        if schema.shape == .schemaOrArray {
          nested(2, item, schema, to: &writer)
        } else {
          writer.string(2, item.string ?? "")
        }
      }
    default: break
    }
  }

  private static func nested(_ number: Int, _ value: JSONValue, _ schema: Schema, to writer: inout ProtoWriter) {
    guard let element: Schema = schema.element else { return }
    writer.message(number) { write(value, element, to: &$0) }
  }
}

/// Go's duration text.
enum GoDuration {
  private static let units: [(name: String, nanoseconds: Double)] = [
    ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
  ]

  /// The length of `1h0m0.5s` in nanoseconds; nil where it is none.
  static func nanoseconds(_ text: String) -> Int64? {
    if text == "0" { return 0 }
    var rest: Substring = text[...]
    var sign: Double = 1
    if rest.first == "-" || rest.first == "+" { sign = rest.removeFirst() == "-" ? -1 : 1 }
    var total: Double = 0
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits: Substring = rest.prefix { $0.isNumber || $0 == "." }
      rest = rest.dropFirst(digits.count)
      let unit: Substring = rest.prefix { !$0.isNumber && $0 != "." }
      rest = rest.dropFirst(unit.count)
      guard let value: Double = Double(digits), let factor = units.first(where: { $0.name == unit }) else { return nil }
      total += value * factor.nanoseconds
    }
    return Int64(exactly: (sign * total).rounded())
  }

  /// A length as Go prints it.
  static func text(_ nanoseconds: Int64) -> String {
    if nanoseconds == 0 { return "0s" }
    let sign: String = nanoseconds < 0 ? "-" : ""
    let value: UInt64 = nanoseconds.magnitude
    if value < 1_000_000_000 {
      for (name, factor) in [("ms", 1_000_000), ("µs", 1000), ("ns", 1)] as [(String, UInt64)] where value >= factor {
        return sign + decimal(value, factor) + name
      }
    }
    let seconds: UInt64 = value / 1_000_000_000
    var text: String = decimal(value - seconds / 60 * 60_000_000_000, 1_000_000_000) + "s"
    if seconds >= 60 { text = "\(seconds / 60 % 60)m" + text }
    if seconds >= 3600 { text = "\(seconds / 3600)h" + text }
    return sign + text
  }

  private static func decimal(_ value: UInt64, _ unit: UInt64) -> String {
    var fraction: String = String(value % unit + unit).dropFirst().description
    while fraction.last == "0" { fraction.removeLast() }
    return fraction.isEmpty ? "\(value / unit)" : "\(value / unit).\(fraction)"
  }
}
