// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What is wrong with a JSON text, and at which byte.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong, in the words of Go's decoder, which clients of Kubernetes know.
  public var message: String
  /// The offset of the byte at which it was noticed.
  public var offset: Int

  public var description: String { "invalid JSON at byte \(offset): \(message)" }
}

extension JSONValue {
  /// Parses one JSON text.
  ///
  /// - Parameters:
  ///   - bytes: UTF-8; white space may surround the value. Invalid UTF-8 becomes U+FFFD.
  ///   - maximumDepth: how deep arrays and objects may nest.
  ///   - duplicates: called with the path-less name of every member that an object has twice (the last wins).
  public init(
    parsing bytes: some Collection<UInt8>, maximumDepth: Int = 1000, duplicates: ((String) -> Void)? = nil
  ) throws(JSONError) {
    let result: Result<JSONValue, JSONError>? = bytes.withContiguousStorageIfAvailable { buffer in
      Self.parse(buffer, maximumDepth, .last(duplicates))
    }
    if let result {
      self = try result.get()
    } else {
      let copy: [UInt8] = Array(bytes)
      self = try copy.withUnsafeBufferPointer { Self.parse($0, maximumDepth, .last(duplicates)) }.get()
    }
  }

  /// Parses one JSON text and keeps members that have the same name, in their order.
  ///
  /// For who has to tell the user of them; such objects are for walking only.
  public init(parsingWithDuplicates bytes: [UInt8]) throws(JSONError) {
    self = try bytes.withUnsafeBufferPointer { Self.parse($0, 1000, .keep) }.get()
  }

  /// Parses one JSON text.
  public init(parsing text: String) throws(JSONError) {
    var text: String = text
    self = try text.withUTF8 { Self.parse($0, 1000, .last(nil)) }.get()
  }

  private static func parse(
    _ buffer: UnsafeBufferPointer<UInt8>, _ maximumDepth: Int, _ duplicates: DuplicateMembers
  ) -> Result<JSONValue, JSONError> {
    var parser: JSONParser = JSONParser(buffer: buffer, maximumDepth: maximumDepth, duplicates: duplicates)
    do throws(JSONError) {
      let value: JSONValue = try parser.value(depth: 0)
      if parser.next() != nil { throw parser.invalidCharacter("after top-level value") }
      return .success(value)
    } catch {
      return .failure(error)
    }
  }
}

/// What to do with members of one name.
private enum DuplicateMembers {
  /// The last one stays; each name is reported.
  case last(((String) -> Void)?)
  /// All stay.
  case keep
}

/// A recursive-descent parser over bytes in memory.
private struct JSONParser {
  let buffer: UnsafeBufferPointer<UInt8>
  let maximumDepth: Int
  let duplicates: DuplicateMembers
  var offset: Int = 0

  func error(_ message: String) -> JSONError { JSONError(message: message, offset: offset) }

  /// The byte at `offset` does not belong there; at the end of the text, the text is too short.
  func invalidCharacter(_ context: String) -> JSONError {
    guard offset < buffer.count else { return error("unexpected end of JSON input") }
    return error("invalid character \(Self.quoted(buffer[offset])) \(context)")
  }

  /// A byte as Go's scanner quotes it.
  private static func quoted(_ byte: UInt8) -> String {
    switch byte {
    case UInt8(ascii: "'"): return #"'\''"#
    case UInt8(ascii: "\""): return #"'"'"#
    case UInt8(ascii: "\\"): return #"'\\'"#
    case 0x07: return #"'\a'"#
    case 0x08: return #"'\b'"#
    case 0x0C: return #"'\f'"#
    case 0x0A: return #"'\n'"#
    case 0x0D: return #"'\r'"#
    case 0x09: return #"'\t'"#
    case 0x0B: return #"'\v'"#
    case 0..<0x20, 0x7F: return #"'\x"# + (byte < 16 ? "0" : "") + String(byte, radix: 16) + "'"
    case 0x80..<0xA0: return #"'\u00"# + String(byte, radix: 16) + "'"
    default: return "'\(Character(UnicodeScalar(byte)))'"
    }
  }

  /// Skips white space; the byte after it, nil at the end.
  @inline(__always)
  mutating func next() -> UInt8? {
    while offset < buffer.count {
      let byte: UInt8 = buffer[offset]
      if byte > 0x20 { return byte }
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
      offset += 1
    }
    return nil
  }

  mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    guard let byte: UInt8 = next() else { throw error("unexpected end of JSON input") }
    switch byte {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw invalidCharacter("looking for beginning of value")
    }
  }

  mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for place: Int in 0..<text.utf8CodeUnitCount {
      guard offset < buffer.count, buffer[offset] == text.utf8Start[place] else {
        let expected: Character = Character(UnicodeScalar(text.utf8Start[place]))
        throw invalidCharacter("in literal \(text) (expecting '\(expected)')")
      }
      offset += 1
    }
    return value
  }

  mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    guard depth < maximumDepth else { throw error("exceeded max depth") }
    offset += 1
    var members: JSONObject = JSONObject()
    if next() == UInt8(ascii: "}") {
      offset += 1
      return .object(members)
    }
    while true {
      guard next() == UInt8(ascii: "\"") else {
        throw invalidCharacter("looking for beginning of object key string")
      }
      let key: String = try string()
      guard next() == UInt8(ascii: ":") else { throw invalidCharacter("after object key") }
      offset += 1
      add(key, try value(depth: depth + 1), to: &members)
      switch next() {
      case UInt8(ascii: ","): offset += 1
      case UInt8(ascii: "}"):
        offset += 1
        return .object(members)
      default: throw invalidCharacter("after object key:value pair")
      }
    }
  }

  @inline(__always)
  private func add(_ key: String, _ value: JSONValue, to members: inout JSONObject) {
    switch duplicates {
    case .keep: members.append(key, value)
    case .last(let report):
      if !members.appendIfAbsent(key, value) {
        report?(key)
        members[key] = value
      }
    }
  }

  mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    guard depth < maximumDepth else { throw error("exceeded max depth") }
    offset += 1
    var items: [JSONValue] = []
    if next() == UInt8(ascii: "]") {
      offset += 1
      return .array(items)
    }
    while true {
      items.append(try value(depth: depth + 1))
      switch next() {
      case UInt8(ascii: ","): offset += 1
      case UInt8(ascii: "]"):
        offset += 1
        return .array(items)
      default: throw invalidCharacter("after array element")
      }
    }
  }
}

extension JSONParser {
  mutating func string() throws(JSONError) -> String {
    offset += 1
    let start: Int = offset
    while offset < buffer.count {
      let byte: UInt8 = buffer[offset]
      if byte == UInt8(ascii: "\"") {
        let text: String = String(decoding: UnsafeBufferPointer(rebasing: buffer[start..<offset]), as: UTF8.self)
        offset += 1
        return text
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      if byte < 0x20 { throw invalidCharacter("in string literal") }
      offset += 1
    }
    throw invalidCharacter("in string literal")
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
      case 0..<0x20: throw invalidCharacter("in string literal")
      default:
        bytes.append(byte)
        offset += 1
      }
    }
    throw invalidCharacter("in string literal")
  }

  mutating func escape(into bytes: inout [UInt8]) throws(JSONError) {
    guard offset < buffer.count else { throw invalidCharacter("in string escape code") }
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
      bytes.append(contentsOf: String(Character(try escapedScalar())).utf8)
      return
    default: throw invalidCharacter("in string escape code")
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
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard offset < buffer.count else { throw invalidCharacter("") }
      let byte: UInt8 = buffer[offset]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw invalidCharacter("in \\u hexadecimal character escape")
      }
      value = value << 4 | UInt32(digit)
      offset += 1
    }
    return value
  }

  /// Skips digits; whether there was one.
  private mutating func digits() -> Bool {
    let start: Int = offset
    while offset < buffer.count, buffer[offset] &- UInt8(ascii: "0") < 10 { offset += 1 }
    return offset > start
  }

  mutating func number() throws(JSONError) -> JSONValue {
    let start: Int = offset
    if buffer[offset] == UInt8(ascii: "-") { offset += 1 }
    let first: Int = offset
    if offset < buffer.count, buffer[offset] == UInt8(ascii: "0") {
      offset += 1
    } else if !digits() {
      throw invalidCharacter("in numeric literal")
    }
    var isInteger: Bool = true
    if offset < buffer.count, buffer[offset] == UInt8(ascii: ".") {
      isInteger = false
      offset += 1
      guard digits() else { throw invalidCharacter("after decimal point in numeric literal") }
    }
    if offset < buffer.count, buffer[offset] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      offset += 1
      if offset < buffer.count, buffer[offset] == UInt8(ascii: "+") || buffer[offset] == UInt8(ascii: "-") {
        offset += 1
      }
      guard digits() else { throw invalidCharacter("in exponent of numeric literal") }
    }
    if isInteger, offset - first <= 18 {
      var value: Int64 = 0
      for place: Int in first..<offset { value = value &* 10 &+ Int64(buffer[place] &- UInt8(ascii: "0")) }
      return .int(first > start ? -value : value)
    }
    let text: String = String(decoding: UnsafeBufferPointer(rebasing: buffer[start..<offset]), as: UTF8.self)
    if isInteger, let value: Int64 = Int64(text) { return .int(value) }
    guard let value: Double = Double(text), value.isFinite else {
      throw error("cannot unmarshal number \(text) into Go value of type float64")
    }
    return .double(value)
  }
}
