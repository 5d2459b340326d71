// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Base64 with padding (RFC 4648, 4).
public enum Base64Text {
  private static let alphabet: [UInt8] = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// Bytes as ASCII.
  public static func encodeBytes(_ bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start: Int in stride(from: 0, to: bytes.count, by: 3) {
      let end: Int = min(start + 3, bytes.count)
      var group: UInt32 = 0
      for index: Int in start..<(start + 3) { group = group << 8 | (index < end ? UInt32(bytes[index]) : 0) }
      for place: Int in 0..<4 {
        output.append(place <= end - start ? alphabet[Int(group >> (18 - 6 * UInt32(place)) & 63)] : UInt8(ascii: "="))
      }
    }
    return output
  }

  /// Bytes as text.
  public static func encode(_ bytes: [UInt8]) -> String { String(decoding: encodeBytes(bytes), as: UTF8.self) }

  /// The bytes of a text; nil where it is no Base64. White space is no part of it.
  public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    var output: [UInt8] = []
    var group: UInt32 = 0
    var count: Int = 0
    var padding: Int = 0
    for byte: UInt8 in text {
      let value: UInt32
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = UInt32(byte - UInt8(ascii: "A"))
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = UInt32(byte - UInt8(ascii: "a")) + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt32(byte - UInt8(ascii: "0")) + 52
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      case UInt8(ascii: "="):
        padding += 1
        value = 0
      default: return nil
      }
      guard padding == 0 || byte == UInt8(ascii: "=") else { return nil }
      group = group << 6 | value
      count += 1
      if count % 4 == 0 {
        guard padding <= 2 else { return nil }
        output += [UInt8(group >> 16 & 0xff), UInt8(group >> 8 & 0xff), UInt8(group & 0xff)].dropLast(padding)
        group = 0
      }
    }
    return count % 4 == 0 ? output : nil
  }
}
