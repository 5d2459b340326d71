// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// An EUI-48 hardware address.
public struct MACAddress: Hashable, Sendable, LosslessStringConvertible {
  /// The address in the low 48 bits.
  public let bits: UInt64

  /// The address with these bits; those above 48 are ignored.
  public init(bits: UInt64) { self.bits = bits & 0xFFFF_FFFF_FFFF }

  /// Six bytes in the order of transmission; nil for any other number of bytes.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 6 else { return nil }
    bits = bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Parses "00:11:22:33:44:55", "00-11-22-33-44-55" or "0011.2233.4455".
  public init?(_ text: String) {
    let separator: Character = text.contains(":") ? ":" : text.contains("-") ? "-" : "."
    let width: Int = separator == "." ? 4 : 2
    let words: [Substring] = text.split(separator: separator, omittingEmptySubsequences: false)
    guard words.count == 12 / width else { return nil }
    var value: UInt64 = 0
    for word: Substring in words {
      guard word.utf8.count == width, !word.hasPrefix("+"), !word.hasPrefix("-"), let part = UInt64(word, radix: 16)
      else { return nil }
      value = value << UInt64(4 * width) | part
    }
    bits = value
  }

  /// The six bytes in the order of transmission.
  public var bytes: [UInt8] { (0..<6).map { UInt8(truncatingIfNeeded: bits >> UInt64(40 - 8 * $0)) } }

  public var description: String {
    let digits: [UInt8] = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte: UInt8 in bytes {
      if !text.isEmpty { text.append(UInt8(ascii: ":")) }
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The EUI-64 link-local IPv6 address that goes with this hardware address (RFC 4291 appendix A).
  public var linkLocalIPv6: IPv6Address {
    let flipped: UInt64 = bits ^ 0x0200_0000_0000
    let identifier: UInt64 = (flipped >> 24) << 40 | 0xFFFE << 24 | flipped & 0xFF_FFFF
    return IPv6Address(bits: UInt128(0xFE80_0000_0000_0000) << 64 | UInt128(identifier))
  }
}
