// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

extension JSONValue {
  /// The compact JSON text.
  public var bytes: [UInt8] {
    var output: [UInt8] = []
    write(to: &output)
    return output
  }

  /// The compact JSON text as a string.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The JSON text on several lines, two spaces a level, for people.
  public var prettyText: String {
    var output: [UInt8] = []
    write(to: &output, indentation: 0)
    return String(decoding: output, as: UTF8.self)
  }

  /// Appends the compact JSON text.
  public func write(to output: inout [UInt8]) {
    write(to: &output, indentation: nil)
  }

  private func write(to output: inout [UInt8], indentation: Int?) {
    switch self {
    case .null: output.append(contentsOf: "null".utf8)
    case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
    case .int(let value): Self.write(value, to: &output)
    case .double(let value): Self.write(value, to: &output)
    case .string(let value): Self.write(value, to: &output)
    case .array(let items):
      output.append(UInt8(ascii: "["))
      var isFirst: Bool = true
      for item: JSONValue in items {
        if !isFirst { output.append(UInt8(ascii: ",")) }
        isFirst = false
        Self.newLine(&output, indentation.map { $0 + 1 })
        item.write(to: &output, indentation: indentation.map { $0 + 1 })
      }
      if !isFirst { Self.newLine(&output, indentation) }
      output.append(UInt8(ascii: "]"))
    case .object(let members):
      output.append(UInt8(ascii: "{"))
      var isFirst: Bool = true
      for (key, value) in members {
        if !isFirst { output.append(UInt8(ascii: ",")) }
        isFirst = false
        Self.newLine(&output, indentation.map { $0 + 1 })
        Self.write(key, to: &output)
        output.append(UInt8(ascii: ":"))
        if indentation != nil { output.append(0x20) }
        value.write(to: &output, indentation: indentation.map { $0 + 1 })
      }
      if !isFirst { Self.newLine(&output, indentation) }
      output.append(UInt8(ascii: "}"))
    }
  }

  private static func newLine(_ output: inout [UInt8], _ indentation: Int?) {
    guard let indentation else { return }
    output.append(0x0A)
    for _ in 0..<(2 * indentation) { output.append(0x20) }
  }

  /// Writes an integer.
  public static func write(_ value: Int64, to output: inout [UInt8]) {
    if value >= 0, value < 10 {
      output.append(UInt8(ascii: "0") + UInt8(value))
    } else {
      output.append(contentsOf: String(value).utf8)
    }
  }

  /// Writes a double; one without a fraction is written as an integer, as Go's encoder does.
  static func write(_ value: Double, to output: inout [UInt8]) {
    if let integer: Int64 = Int64(exactly: value), integer.magnitude < 1 << 53 {
      output.append(contentsOf: String(integer).utf8)
    } else {
      output.append(contentsOf: value.description.utf8)
    }
  }

  /// Writes a string with its quotes, escaping what must be, and what Go's encoder escapes for HTML
  /// (`<`, `>`, `&`, U+2028, U+2029), so that texts are equal byte by byte.
  public static func write(_ value: String, to output: inout [UInt8]) {
    var value: String = value
    output.append(UInt8(ascii: "\""))
    value.withUTF8 { bytes in
      var clean: Int = 0
      var place: Int = 0
      while place < bytes.count {
        let byte: UInt8 = bytes[place]
        if !isPlain[Int(byte)] {
          if byte == 0xE2 {
            // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
            if place + 2 < bytes.count, bytes[place + 1] == 0x80, bytes[place + 2] & 0xFE == 0xA8 {
              output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[clean..<place]))
              output.append(contentsOf: "\\u202".utf8)
              output.append(bytes[place + 2] == 0xA8 ? UInt8(ascii: "8") : UInt8(ascii: "9"))
              place += 3
              clean = place
              continue
            }
          } else {
            output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[clean..<place]))
            clean = place + 1
            escape(byte, to: &output)
          }
        }
        place += 1
      }
      output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[clean...]))
    }
    output.append(UInt8(ascii: "\""))
  }

  /// Which bytes need no look.
  private static let isPlain: [Bool] = (0..<256).map { byte in
    byte >= 0x20 && ![0x22, 0x5C, 0x3C, 0x3E, 0x26, 0xE2].contains(byte)
  }

  private static func escape(_ byte: UInt8, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\\"))
    switch byte {
    case 0x22, 0x5C: output.append(byte)
    case 0x0A: output.append(UInt8(ascii: "n"))
    case 0x0D: output.append(UInt8(ascii: "r"))
    case 0x09: output.append(UInt8(ascii: "t"))
    case 0x08: output.append(UInt8(ascii: "b"))
    case 0x0C: output.append(UInt8(ascii: "f"))
    default:
      let digits: StaticString = "0123456789abcdef"
      output.append(contentsOf: "u00".utf8)
      output.append(digits.utf8Start[Int(byte >> 4)])
      output.append(digits.utf8Start[Int(byte & 15)])
    }
  }
}
