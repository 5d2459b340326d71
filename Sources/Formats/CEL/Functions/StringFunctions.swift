// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Patterns

/// What can be done with strings.
enum StringFunctions {
  /// Bytes: ten for each unit of the largest budget.
  private static let resultLimit: Int = 10_000_000

  static func call(_ name: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    if name == "join", case .list(let items)? = arguments.first { return .string(try join(items, arguments.dropFirst().first)) }
    guard case .string(let text)? = arguments.first else {
      if name == "base64.encode", case .bytes(let bytes)? = arguments.first { return .string(Base64Text.encode(bytes)) }
      return nil
    }
    switch arguments.count {
    case 1: return try alone(name, text)
    case 2:
      if case .string(let other) = arguments[1] { return try with(name, text, other) }
      if case .int(let number) = arguments[1] { return try with(name, text, number) }
      if name == "format", case .list(let values) = arguments[1] { return .string(try Formatting.format(text, values)) }
    default:
      let numbers: [Int64] = arguments.dropFirst().compactMap(\.int)
      if name == "substring", numbers.count == 2 { return .string(try substring(text, numbers[0], numbers[1])) }
      guard case .string(let other) = arguments[1] else { return nil }
      if name == "replace", arguments.count >= 3, case .string(let new) = arguments[2] {
        return .string(try replace(text, other, new, arguments.count == 4 ? arguments[3].int ?? -1 : -1))
      }
      guard let number: Int64 = arguments[2].int, arguments.count == 3 else { return nil }
      switch name {
      case "split": return strings(split(text, other, number))
      case "indexOf", "lastIndexOf": return .int(try find(text, other, from: number, last: name == "lastIndexOf"))
      case "findAll": return strings(try pattern(other).occurrences(in: text, limit: number < 0 ? .max : Int(number)))
      default: return nil
      }
    }
    return nil
  }

  private static func strings(_ items: [String]) -> CELValue { .list(items.map { .string($0) }) }

  private static func alone(_ name: String, _ text: String) throws(CELError) -> CELValue? {
    switch name {
    case "lowerAscii": return .string(String(String.UnicodeScalarView(text.unicodeScalars.map(lower))))
    case "upperAscii": return .string(String(String.UnicodeScalarView(text.unicodeScalars.map(upper))))
    case "trim":
      let scalars: [Unicode.Scalar] = Array(text.unicodeScalars)
      let start: Int = scalars.firstIndex { !$0.properties.isWhitespace } ?? scalars.count
      let end: Int = (scalars.lastIndex { !$0.properties.isWhitespace } ?? start - 1) + 1
      return .string(String(String.UnicodeScalarView(scalars[start..<end])))
    case "reverse": return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
    case "strings.quote": return .string(quoted(text))
    case "base64.decode":
      guard let bytes: [UInt8] = Base64Text.decode(text) else { throw CELError("illegal base64 data at input byte 0") }
      return .bytes(bytes)
    default: return nil
    }
  }

  private static func pattern(_ text: String) throws(CELError) -> Pattern {
    do throws(Pattern.Failure) { return try Pattern(text) } catch { throw CELError(error.description) }
  }

  private static func lower(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    scalar >= "A" && scalar <= "Z" ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar
  }

  private static func upper(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    scalar >= "a" && scalar <= "z" ? Unicode.Scalar(UInt8(scalar.value) - 32) : scalar
  }

  private static func with(_ name: String, _ text: String, _ other: String) throws(CELError) -> CELValue? {
    switch name {
    case "contains": return .bool(find(Array(text.utf8), Array(other.utf8), 0) != nil)
    case "startsWith": return .bool(text.utf8.starts(with: other.utf8))
    case "endsWith": return .bool(text.utf8.reversed().starts(with: other.utf8.reversed()))
    case "matches": return .bool(try pattern(other).occurs(in: text))
    case "indexOf": return .int(try find(text, other, from: 0, last: false))
    case "lastIndexOf":
      return .int(try find(text, other, from: Int64(text.unicodeScalars.count), last: true))
    case "split": return strings(split(text, other, -1))
    case "find": return .string(try pattern(other).occurrences(in: text, limit: 1).first ?? "")
    case "findAll": return strings(try pattern(other).occurrences(in: text))
    default: return nil
    }
  }

  private static func with(_ name: String, _ text: String, _ number: Int64) throws(CELError) -> CELValue? {
    let scalars: [Unicode.Scalar] = Array(text.unicodeScalars)
    switch name {
    case "charAt":
      guard let place: Int = Int(exactly: number), place >= 0, place <= scalars.count else {
        throw CELError("index out of range: \(number)")
      }
      return .string(place == scalars.count ? "" : String(scalars[place]))
    case "substring": return .string(try substring(text, number, Int64(scalars.count)))
    default: return nil
    }
  }

  private static func substring(_ text: String, _ start: Int64, _ end: Int64) throws(CELError) -> String {
    let scalars: [Unicode.Scalar] = Array(text.unicodeScalars)
    if start > end { throw CELError("invalid substring range. start: \(start), end: \(end)") }
    for bound: Int64 in [start, end] where bound < 0 || bound > scalars.count {
      throw CELError("index out of range: \(bound)")
    }
    return String(String.UnicodeScalarView(scalars[Int(start)..<Int(end)]))
  }

  private static func find<T: Equatable>(_ text: [T], _ other: [T], _ from: Int) -> Int? {
    guard from >= 0, other.count <= text.count else { return nil }
    var place: Int = from
    while place + other.count <= text.count {
      if text[place..<(place + other.count)].elementsEqual(other) { return place }
      place += 1
    }
    return nil
  }

  private static func find(_ text: String, _ other: String, from: Int64, last: Bool) throws(CELError) -> Int64 {
    let scalars: [Unicode.Scalar] = Array(text.unicodeScalars)
    let wanted: [Unicode.Scalar] = Array(other.unicodeScalars)
    guard let start: Int = Int(exactly: from), start >= 0, start <= scalars.count else {
      throw CELError("index out of range: \(from)")
    }
    guard last else { return Int64(find(scalars, wanted, start) ?? -1) }
    var place: Int = min(start, scalars.count - wanted.count)
    while place >= 0 {
      if scalars[place..<(place + wanted.count)].elementsEqual(wanted) { return Int64(place) }
      place -= 1
    }
    return -1
  }

  private static func split(_ text: String, _ separator: String, _ limit: Int64) -> [String] {
    if limit == 0 { return [] }
    let scalars: [Unicode.Scalar] = Array(text.unicodeScalars)
    let mark: [Unicode.Scalar] = Array(separator.unicodeScalars)
    var parts: [String] = []
    var start: Int = 0
    func part(_ range: Range<Int>) -> String { String(String.UnicodeScalarView(scalars[range])) }
    while limit < 0 || parts.count < limit - 1 {
      let found: Int? = mark.isEmpty ? (start + 1 < scalars.count ? start + 1 : nil) : find(scalars, mark, start)
      guard let found else { break }
      parts.append(part(start..<found))
      start = found + mark.count
    }
    return parts + [part(start..<scalars.count)]
  }

  private static func replace(_ text: String, _ old: String, _ new: String, _ limit: Int64) throws(CELError) -> String {
    if limit == 0 { return text }
    let longest: Int = (text.utf8.count / max(1, old.utf8.count) + 1).multipliedReportingOverflow(by: new.utf8.count).partialValue
    try checkSize(old == new ? 0 : longest)
    if old.isEmpty {
      let parts: [String] = text.unicodeScalars.map { String($0) }
      var result: String = ""
      for (place, part) in (parts + [""]).enumerated() { result += (limit < 0 || place < limit ? new : "") + part }
      return result
    }
    return split(text, old, limit < 0 ? -1 : limit + 1).joined(separator: new)
  }

  /// No result may be larger than what the budget could pay for.
  static func checkSize(_ count: Int) throws(CELError) {
    if count > resultLimit { throw .overBudget }
  }

  private static func join(_ items: [CELValue], _ separator: CELValue?) throws(CELError) -> String {
    var texts: [String] = []
    for item: CELValue in items {
      guard let text: String = item.string else { throw .noOverload }
      texts.append(text)
    }
    let between: String = separator?.string ?? ""
    try checkSize(texts.reduce(0) { $0 + $1.utf8.count + between.utf8.count })
    return texts.joined(separator: between)
  }

  static func quoted(_ text: String) -> String {
    var result: String = "\""
    for scalar: Unicode.Scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{07}": result += "\\a"
      case "\u{08}": result += "\\b"
      case "\u{0B}": result += "\\v"
      case "\u{0C}": result += "\\f"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// What string() makes of a value.
  static func string(_ value: CELValue) throws(CELError) -> String {
    switch value {
    case .string(let text): return text
    case .bool(let truth): return truth ? "true" : "false"
    case .int(let number): return String(number)
    case .uint(let number): return String(number)
    case .double(let number): return text(number)
    case .bytes(let bytes):
      guard let text: String = String(validating: bytes, as: UTF8.self) else {
        throw CELError("invalid UTF-8 in bytes, cannot convert to string")
      }
      return text
    case .timestamp(let time): return time.description
    case .duration(let nanoseconds): return TimeFunctions.seconds(nanoseconds)
    case .type(let name): return name
    case .object(let object):
      if case .string(let text)? = try object.call("string", []) { return text }
      throw .noOverload
    default: throw .noOverload
    }
  }

  static func text(_ number: Double) -> String {
    if number.isNaN { return "NaN" }
    if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
    if let whole: Int64 = Int64(exactly: number), abs(whole) < 1_000_000_000_000_000 { return String(whole) }
    return number.description
  }

  /// A value as messages show it.
  static func text(_ value: CELValue) -> String { (try? string(value)) ?? value.typeName }
}
