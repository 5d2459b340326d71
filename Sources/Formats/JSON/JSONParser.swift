// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What is wrong with a JSON text, and at which byte.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public var message: String
  /// The offset of the byte at which it was noticed.
  public var offset: Int

  public var description: String { "invalid JSON at byte \(offset): \(message)" }
}

extension JSONValue {
  /// Parses one JSON text.
  ///
  /// - Parameters:
  ///   - bytes: UTF-8; white space may surround the value.
  ///   - maximumDepth: how deep arrays and objects may nest.
  ///   - duplicates: called with the path-less name of every member that an object has twice (the last wins).
  public init(
    parsing bytes: some Collection<UInt8>, maximumDepth: Int = 1000, duplicates: ((String) -> Void)? = nil
  ) throws(JSONError) {
    let result: Result<JSONValue, JSONError>? = bytes.withContiguousStorageIfAvailable { buffer in
      Self.parse(buffer, maximumDepth, duplicates)
    }
    if let result {
      self = try result.get()
    } else {
      let copy: [UInt8] = Array(bytes)
      self = try copy.withUnsafeBufferPointer { Self.parse($0, maximumDepth, duplicates) }.get()
    }
  }

  /// Parses one JSON text.
  public init(parsing text: String) throws(JSONError) {
    var text: String = text
    self = try text.withUTF8 { Self.parse($0, 1000, nil) }.get()
  }

  private static func parse(
    _ buffer: UnsafeBufferPointer<UInt8>, _ maximumDepth: Int, _ duplicates: ((String) -> Void)?
  ) -> Result<JSONValue, JSONError> {
    var parser: JSONParser = JSONParser(buffer: buffer, maximumDepth: maximumDepth, duplicates: duplicates)
    do throws(JSONError) {
      let value: JSONValue = try parser.value(depth: 0)
      parser.skipSpace()
      guard parser.offset == buffer.count else {
        throw parser.error("unexpected \(parser.here) after the value")
      }
      return .success(value)
    } catch {
      return .failure(error)
    }
  }
}

/// A recursive-descent parser over bytes in memory.
private struct JSONParser {
  let buffer: UnsafeBufferPointer<UInt8>
  let maximumDepth: Int
  let duplicates: ((String) -> Void)?
  var offset: Int = 0

  var here: String {
    guard offset < buffer.count else { return "end of input" }
    let byte: UInt8 = buffer[offset]
    return byte > 0x20 && byte < 0x7F ? "character '\(Character(UnicodeScalar(byte)))'" : "byte \(byte)"
  }

  func error(_ message: String) -> JSONError { JSONError(message: message, offset: offset) }

  mutating func skipSpace() {
    while offset < buffer.count {
      switch buffer[offset] {
      case 0x20, 0x0A, 0x0D, 0x09: offset += 1
      default: return
      }
    }
  }

  mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    skipSpace()
    guard offset < buffer.count else { throw error("unexpected end of input") }
    switch buffer[offset] {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw error("unexpected \(here) where a value should begin")
    }
  }

  mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for place: Int in 0..<text.utf8CodeUnitCount {
      guard offset + place < buffer.count, buffer[offset + place] == text.utf8Start[place] else {
        throw error("expected \(text)")
      }
    }
    offset += text.utf8CodeUnitCount
    return value
  }

  mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    guard depth < maximumDepth else { throw error("nested deeper than \(maximumDepth) levels") }
    offset += 1
    var members: JSONObject = JSONObject()
    skipSpace()
    if offset < buffer.count, buffer[offset] == UInt8(ascii: "}") {
      offset += 1
      return .object(members)
    }
    while true {
      skipSpace()
      guard offset < buffer.count, buffer[offset] == UInt8(ascii: "\"") else {
        throw error("expected a member name, found \(here)")
      }
      let key: String = try string()
      skipSpace()
      guard offset < buffer.count, buffer[offset] == UInt8(ascii: ":") else {
        throw error("expected ':' after a member name, found \(here)")
      }
      offset += 1
      let member: JSONValue = try value(depth: depth + 1)
      if members[key] != nil {
        duplicates?(key)
        members[key] = member
      } else {
        members.append(key, member)
      }
      skipSpace()
      guard offset < buffer.count else { throw error("unexpected end of input in an object") }
      switch buffer[offset] {
      case UInt8(ascii: ","): offset += 1
      case UInt8(ascii: "}"):
        offset += 1
        return .object(members)
      default: throw error("expected ',' or '}' in an object, found \(here)")
      }
    }
  }

  mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    guard depth < maximumDepth else { throw error("nested deeper than \(maximumDepth) levels") }
    offset += 1
    var items: [JSONValue] = []
    skipSpace()
    if offset < buffer.count, buffer[offset] == UInt8(ascii: "]") {
      offset += 1
      return .array(items)
    }
    while true {
      items.append(try value(depth: depth + 1))
      skipSpace()
      guard offset < buffer.count else { throw error("unexpected end of input in an array") }
      switch buffer[offset] {
      case UInt8(ascii: ","): offset += 1
      case UInt8(ascii: "]"):
        offset += 1
        return .array(items)
      default: throw error("expected ',' or ']' in an array, found \(here)")
      }
    }
  }

  mutating func string() throws(JSONError) -> String {
    offset += 1
    let start: Int = offset
    while offset < buffer.count {
      switch buffer[offset] {
      case UInt8(ascii: "\""):
        let text: String = String(decoding: buffer[start..<offset], as: UTF8.self)
        offset += 1
        return text
      case UInt8(ascii: "\\"): return try escapedString(from: start)
      case 0..<0x20: throw error("a control character must be escaped in a string")
      default: offset += 1
      }
    }
    throw error("unexpected end of input in a string")
  }

  /// A string that has escapes, from its first byte; `offset` is at the first backslash.
  mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var bytes: [UInt8] = Array(buffer[start..<offset])
    while offset < buffer.count {
      let byte: UInt8 = buffer[offset]
      switch byte {
      case UInt8(ascii: "\""):
        offset += 1
        return String(decoding: bytes, as: UTF8.self)
      case UInt8(ascii: "\\"):
        offset += 1
        try escape(into: &bytes)
      case 0..<0x20: throw error("a control character must be escaped in a string")
      default:
        bytes.append(byte)
        offset += 1
      }
    }
    throw error("unexpected end of input in a string")
  }

  mutating func escape(into bytes: inout [UInt8]) throws(JSONError) {
    guard offset < buffer.count else { throw error("unexpected end of input in a string") }
    let plain: UInt8
    switch buffer[offset] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = buffer[offset]
    case UInt8(ascii: "b"): plain = 0x08
    case UInt8(ascii: "f"): plain = 0x0C
    case UInt8(ascii: "n"): plain = 0x0A
    case UInt8(ascii: "r"): plain = 0x0D
    case UInt8(ascii: "t"): plain = 0x09
    case UInt8(ascii: "u"):
      offset += 1
      bytes.append(contentsOf: Array(String(Character(try escapedScalar())).utf8))
      return
    default: throw error("unknown escape in a string: \(here)")
    }
    bytes.append(plain)
    offset += 1
  }

  /// The scalar of `XXXX` or `XXXX\uXXXX`; a lone surrogate becomes U+FFFD, as Go's decoder has it.
  mutating func escapedScalar() throws(JSONError) -> UnicodeScalar {
    let replacement: UnicodeScalar = "\u{FFFD}"
    let high: UInt32 = try hexadecimal()
    guard (0xD800..<0xDC00).contains(high) else { return UnicodeScalar(high) ?? replacement }
    guard offset + 1 < buffer.count, buffer[offset] == UInt8(ascii: "\\"),
      buffer[offset + 1] == UInt8(ascii: "u")
    else { return replacement }
    let retreat: Int = offset
    offset += 2
    let low: UInt32 = try hexadecimal()
    guard (0xDC00..<0xE000).contains(low) else {
      offset = retreat
      return replacement
    }
    return UnicodeScalar(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)) ?? replacement
  }

  mutating func hexadecimal() throws(JSONError) -> UInt32 {
    guard offset + 4 <= buffer.count else { throw error("unexpected end of input in a string") }
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit: Int = Character(UnicodeScalar(buffer[offset])).hexDigitValue, buffer[offset] < 0x80 else {
        throw error("expected a hexadecimal digit, found \(here)")
      }
      value = value << 4 | UInt32(digit)
      offset += 1
    }
    return value
  }

  mutating func digits() throws(JSONError) {
    let start: Int = offset
    while offset < buffer.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(buffer[offset]) { offset += 1 }
    guard offset > start else { throw error("expected a digit, found \(here)") }
  }

  mutating func number() throws(JSONError) -> JSONValue {
    let start: Int = offset
    if buffer[offset] == UInt8(ascii: "-") { offset += 1 }
    let first: Int = offset
    try digits()
    if buffer[first] == UInt8(ascii: "0"), offset - first > 1 {
      offset = first
      throw error("a number must not begin with 0")
    }
    var isInteger: Bool = true
    if offset < buffer.count, buffer[offset] == UInt8(ascii: ".") {
      isInteger = false
      offset += 1
      try digits()
    }
    if offset < buffer.count, buffer[offset] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      offset += 1
      if offset < buffer.count, buffer[offset] == UInt8(ascii: "+") || buffer[offset] == UInt8(ascii: "-") {
        offset += 1
      }
      try digits()
    }
    let text: String = String(decoding: buffer[start..<offset], as: UTF8.self)
    if isInteger, let value: Int64 = Int64(text) { return .int(value) }
    guard let value: Double = Double(text), value.isFinite else { throw error("the number \(text) is out of range") }
    return .double(value)
  }
}
