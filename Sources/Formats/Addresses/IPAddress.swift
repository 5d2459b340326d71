// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The two families of IP addresses.
public enum IPFamily: UInt8, Hashable, Sendable, CaseIterable, CustomStringConvertible {
  case v4 = 4
  case v6 = 6

  /// 32 or 128.
  public var bitWidth: Int { self == .v4 ? 32 : 128 }
  public var description: String { self == .v4 ? "IPv4" : "IPv6" }
}

/// An IP address of either family. IPv4 sorts before IPv6.
public enum IPAddress: Hashable, Sendable, Comparable, LosslessStringConvertible {
  case v4(IPv4Address)
  case v6(IPv6Address)

  /// Parses as Go's `net.ParseIP` does: an IPv4-mapped IPv6 address becomes the IPv4 address.
  public init?(_ text: String) {
    if let address: IPv4Address = IPv4Address(text) {
      self = .v4(address)
    } else if let address: IPv6Address = IPv6Address(text) {
      self = address.mappedIPv4.map(IPAddress.v4) ?? .v6(address)
    } else {
      return nil
    }
  }

  /// Parses as `init(_:)`, and says what was wrong.
  public init(parsing text: String) throws(AddressError) {
    guard let address: IPAddress = IPAddress(text) else { throw AddressError(.invalidAddress, text) }
    self = address
  }

  /// 4 bytes are an IPv4, 16 bytes an IPv6 address.
  public init?(bytes: some Collection<UInt8>) {
    switch bytes.count {
    case 4: self = .v4(IPv4Address(bits: bytes.reduce(0) { $0 << 8 | UInt32($1) }))
    case 16: self = .v6(IPv6Address(bits: bytes.reduce(0) { $0 << 8 | UInt128($1) }))
    default: return nil
    }
  }

  /// The address of a family with these bits; those above the family's width are ignored.
  public init(family: IPFamily, bits: UInt128) {
    switch family {
    case .v4: self = .v4(IPv4Address(bits: UInt32(truncatingIfNeeded: bits)))
    case .v6: self = .v6(IPv6Address(bits: bits))
    }
  }

  /// The unspecified address of a family.
  public static func any(_ family: IPFamily) -> IPAddress { IPAddress(family: family, bits: 0) }

  /// The family.
  public var family: IPFamily { if case .v4 = self { .v4 } else { .v6 } }
  /// Whether this is an IPv4 address.
  public var isIPv4: Bool { family == .v4 }
  /// Whether this is an IPv6 address.
  public var isIPv6: Bool { family == .v6 }

  /// The address as a number.
  public var bits: UInt128 {
    switch self {
    case .v4(let address): UInt128(address.bits)
    case .v6(let address): address.bits
    }
  }

  /// The 4 or 16 bytes in network order.
  public var bytes: [UInt8] {
    switch self {
    case .v4(let address): address.bytes
    case .v6(let address): address.bytes
    }
  }

  public var description: String {
    switch self {
    case .v4(let address): address.description
    case .v6(let address): address.description
    }
  }

  public static func < (left: IPAddress, right: IPAddress) -> Bool {
    left.family == right.family ? left.bits < right.bits : left.family == .v4
  }

  /// The address `distance` further on, or nil past either end of the family.
  public func advanced(by distance: Int) -> IPAddress? {
    let step: UInt128 = UInt128(distance.magnitude)
    let (sum, overflow) = distance < 0 ? bits.subtractingReportingOverflow(step) : bits.addingReportingOverflow(step)
    if overflow || (isIPv4 && sum > UInt128(UInt32.max)) { return nil }
    return IPAddress(family: family, bits: sum)
  }

  /// 0.0.0.0 or ::.
  public var isUnspecified: Bool { bits == 0 }
  /// 127.0.0.0/8 or ::1.
  public var isLoopback: Bool { isIPv4 ? bits >> 24 == 127 : bits == 1 }
  /// 224.0.0.0/4 or ff00::/8.
  public var isMulticast: Bool { isIPv4 ? bits >> 28 == 14 : bits >> 120 == 0xFF }
  /// 169.254.0.0/16 or fe80::/10.
  public var isLinkLocalUnicast: Bool { isIPv4 ? bits >> 16 == 0xA9FE : bits >> 118 == 0x3FA }
}
