// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// An IPv4 address (RFC 791).
public struct IPv4Address: Hashable, Sendable, Comparable, LosslessStringConvertible {
  /// The address as a number: 10.0.0.1 is 0x0A000001.
  public var bits: UInt32

  /// The address with these bits.
  public init(bits: UInt32) { self.bits = bits }

  /// The address a.b.c.d.
  public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
    bits = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
  }

  /// Parses dotted decimal; as in Go, four fields without leading zeros.
  public init?(_ text: String) {
    var value: UInt32 = 0
    var field: UInt32 = 0
    var digits: Int = 0
    var fields: Int = 0
    for byte: UInt8 in text.utf8 {
      if byte == UInt8(ascii: ".") {
        guard digits > 0, fields < 3 else { return nil }
        value = value << 8 | field
        fields += 1
        field = 0
        digits = 0
        continue
      }
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      if digits > 0, field == 0 { return nil }
      field = field * 10 + UInt32(byte - UInt8(ascii: "0"))
      digits += 1
      guard field <= 255 else { return nil }
    }
    guard digits > 0, fields == 3 else { return nil }
    bits = value << 8 | field
  }

  /// The four bytes in network order.
  public var bytes: [UInt8] {
    [UInt8(truncatingIfNeeded: bits >> 24), UInt8(truncatingIfNeeded: bits >> 16),
     UInt8(truncatingIfNeeded: bits >> 8), UInt8(truncatingIfNeeded: bits)]
  }

  public var description: String {
    "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)"
  }

  public static func < (left: IPv4Address, right: IPv4Address) -> Bool { left.bits < right.bits }

  /// 0.0.0.0.
  public static let any: IPv4Address = IPv4Address(bits: 0)
  /// 127.0.0.1.
  public static let loopback: IPv4Address = IPv4Address(127, 0, 0, 1)
}
