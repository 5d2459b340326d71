// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Base64 with padding (RFC 4648), as the values of Secrets have it.
enum Base64 {
  private static let alphabet: [UInt8] = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func encoded(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var place: Int = 0
    while place < bytes.count {
      let rest: Int = bytes.count - place
      var group: UInt32 = UInt32(bytes[place]) << 16
      if rest > 1 { group |= UInt32(bytes[place + 1]) << 8 }
      if rest > 2 { group |= UInt32(bytes[place + 2]) }
      text.append(alphabet[Int(group >> 18)])
      text.append(alphabet[Int(group >> 12 & 63)])
      text.append(rest > 1 ? alphabet[Int(group >> 6 & 63)] : UInt8(ascii: "="))
      text.append(rest > 2 ? alphabet[Int(group & 63)] : UInt8(ascii: "="))
      place += 3
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The bytes of a text; nil where it is none.
  static func decoded(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var group: UInt32 = 0
    var count: Int = 0
    for byte: UInt8 in text.utf8 {
      if byte == UInt8(ascii: "=") || byte == 0x0A || byte == 0x0D { continue }
      guard let digit: UInt32 = value(byte) else { return nil }
      group = group << 6 | digit
      count += 1
      guard count == 4 else { continue }
      bytes += [UInt8(group >> 16 & 255), UInt8(group >> 8 & 255), UInt8(group & 255)]
      group = 0
      count = 0
    }
    switch count {
    case 0: break
    case 2: bytes.append(UInt8(group >> 4 & 255))
    case 3: bytes += [UInt8(group >> 10 & 255), UInt8(group >> 2 & 255)]
    default: return nil
    }
    return bytes
  }

  private static func value(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - 65)
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - 71)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte + 4)
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
