// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// `"%s has %d".format([...])`.
enum Formatting {
  static func format(_ text: String, _ values: [CELValue]) throws(CELError) -> String {
    var output: String = ""
    var rest: Substring.UnicodeScalarView = text[...].unicodeScalars
    var place: Int = 0
    while let scalar: Unicode.Scalar = rest.popFirst() {
      guard scalar == "%" else {
        output.unicodeScalars.append(scalar)
        continue
      }
      if rest.first == "%" {
        rest.removeFirst()
        output += "%"
        continue
      }
      var precision: Int?
      if rest.first == "." {
        rest.removeFirst()
        var digits: String = ""
        while let digit: Unicode.Scalar = rest.first, Lexer.isDigit(digit) {
          digits.unicodeScalars.append(digit)
          rest.removeFirst()
        }
        precision = Int(digits)
      }
      guard let verb: Unicode.Scalar = rest.popFirst() else { throw CELError("unexpected end of format string") }
      guard values.indices.contains(place) else { throw CELError("index \(place) out of range") }
      output += try self.text(values[place], verb, min(precision ?? 6, 100))
      place += 1
      try StringFunctions.checkSize(output.utf8.count)
    }
    return output
  }

  private static func text(_ value: CELValue, _ verb: Unicode.Scalar, _ precision: Int) throws(CELError) -> String {
    switch verb {
    case "s": return plain(value)
    case "d":
      guard value.number != nil else { throw wrong(verb, "integer", value) }
      return plain(value)
    case "f", "e":
      guard let number: Double = value.number else { throw wrong(verb, "double", value) }
      return verb == "f" ? Decimal.fixed(number, precision) : Decimal.scientific(number, precision)
    case "b", "o", "x", "X":
      let radix: Int = verb == "b" ? 2 : verb == "o" ? 8 : 16
      switch value {
      case .int(let number): return String(number, radix: radix, uppercase: verb == "X")
      case .uint(let number): return String(number, radix: radix, uppercase: verb == "X")
      case .bool(let truth) where verb == "b": return truth ? "1" : "0"
      case .string(let text) where radix == 16: return hex(Array(text.utf8), verb == "X")
      case .bytes(let bytes) where radix == 16: return hex(bytes, verb == "X")
      default: throw wrong(verb, "integer", value)
      }
    default: throw CELError("could not parse formatting clause: unrecognized formatting clause \"\(verb)\"")
    }
  }

  private static func wrong(_ verb: Unicode.Scalar, _ wanted: String, _ value: CELValue) -> CELError {
    CELError("error during formatting: \(wanted) clause can only be used on \(wanted)s, was given \(value.typeName)")
  }

  private static func hex(_ bytes: [UInt8], _ upper: Bool) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: upper) }.joined()
  }

  static func plain(_ value: CELValue) -> String {
    switch value {
    case .null: return "null"
    case .list(let items): return "[" + items.map(plain).joined(separator: ", ") + "]"
    case .map(let map):
      let parts: [String] = map.entries.map { "\(plain($0.key)): \(plain($0.value))" }.sorted()
      return "{" + parts.joined(separator: ", ") + "}"
    default: return StringFunctions.text(value)
    }
  }
}

/// Doubles in decimal, without the C library's locale.
enum Decimal {
  static func fixed(_ number: Double, _ precision: Int) -> String {
    if !number.isFinite { return StringFunctions.text(number) }
    let sign: String = number.sign == .minus ? "-" : ""
    var scaled: Double = number.magnitude
    guard scaled < 1e18 else { return number.description }
    var whole: UInt64 = UInt64(scaled)
    scaled -= Double(whole)
    var digits: [UInt8] = []
    for _ in 0..<precision {
      scaled *= 10
      let digit: Int = min(9, Int(scaled))
      digits.append(UInt8(digit))
      scaled -= Double(digit)
    }
    if scaled >= 0.5 {
      var place: Int = digits.count - 1
      while place >= 0, digits[place] == 9 {
        digits[place] = 0
        place -= 1
      }
      if place >= 0 { digits[place] += 1 } else { whole += 1 }
    }
    return sign + String(whole) + (precision == 0 ? "" : "." + digits.map { String($0) }.joined())
  }

  static func scientific(_ number: Double, _ precision: Int) -> String {
    if !number.isFinite { return StringFunctions.text(number) }
    var mantissa: Double = number.magnitude
    var exponent: Int = 0
    while mantissa >= 10 { mantissa /= 10; exponent += 1 }
    while mantissa > 0, mantissa < 1 { mantissa *= 10; exponent -= 1 }
    let digits: String = String(exponent.magnitude)
    return (number.sign == .minus ? "-" : "") + fixed(mantissa, precision) + "e" + (exponent < 0 ? "-" : "+")
      + (digits.count < 2 ? "0" : "") + digits
  }
}

/// Base64 with the standard letters.
enum Base64Text {
  private static let letters: [UInt8] = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func encode(_ bytes: [UInt8]) -> String {
    var output: [UInt8] = []
    for start: Int in stride(from: 0, to: bytes.count, by: 3) {
      let group: [UInt8] = Array(bytes[start..<min(start + 3, bytes.count)])
      var word: UInt32 = 0
      for index: Int in 0..<3 { word = word << 8 | UInt32(index < group.count ? group[index] : 0) }
      for index: Int in 0..<4 {
        output.append(index <= group.count ? letters[Int(word >> UInt32(18 - 6 * index) & 63)] : UInt8(ascii: "="))
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  static func decode(_ text: String) -> [UInt8]? {
    var output: [UInt8] = []
    var word: UInt32 = 0
    var bits: Int = 0
    for byte: UInt8 in text.utf8 where byte != UInt8(ascii: "=") {
      guard let value: Int = letters.firstIndex(of: byte) else { return nil }
      word = (word << 6 | UInt32(value)) & 0xFFFF
      bits += 6
      if bits >= 8 {
        bits -= 8
        output.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
      }
    }
    return bits < 6 ? output : nil
  }
}
