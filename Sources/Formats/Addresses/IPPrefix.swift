// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// An address with the length of its network's prefix: "10.1.2.3/24". The host bits are kept.
public struct IPPrefix: Hashable, Sendable, LosslessStringConvertible {
  /// The address, host bits included.
  public var address: IPAddress
  /// The number of leading bits that name the network: 0...32 or 0...128.
  public private(set) var length: Int

  /// An address and the length of its prefix; nil where the length does not fit the family.
  public init?(address: IPAddress, length: Int) {
    guard (0...address.family.bitWidth).contains(length) else { return nil }
    self.address = address
    self.length = length
  }

  /// The prefix that holds this address alone.
  public init(host address: IPAddress) {
    self.address = address
    length = address.family.bitWidth
  }

  /// All addresses of a family: 0.0.0.0/0 or ::/0.
  public static func all(_ family: IPFamily) -> IPPrefix { IPPrefix(address: .any(family), masking: 0) }

  private init(address: IPAddress, masking length: Int) {
    self.address = address
    self.length = length
  }

  /// Parses "address/length" as Go's `net.ParseCIDR` does.
  public init?(_ text: String) {
    guard let slash: String.Index = text.lastIndex(of: "/") else { return nil }
    let digits: Substring = text[text.index(after: slash)...]
    guard let address: IPAddress = IPAddress(String(text[..<slash])), !digits.isEmpty, digits.utf8.count <= 3,
      digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      digits == "0" || !digits.hasPrefix("0"), let length: Int = Int(digits)
    else { return nil }
    self.init(address: address, length: length)
  }

  /// Parses as `init(_:)`, and says what was wrong.
  public init(parsing text: String) throws(AddressError) {
    guard let prefix: IPPrefix = IPPrefix(text) else { throw AddressError(.invalidPrefix, text) }
    self = prefix
  }

  /// The family.
  public var family: IPFamily { address.family }

  /// The mask as a number: of /24, 0xFFFFFF00.
  public var maskBits: UInt128 {
    let width: Int = family.bitWidth
    let all: UInt128 = width == 128 ? UInt128.max : UInt128(UInt32.max)
    return length == 0 ? 0 : all & ~(hostBits)
  }

  private var hostBits: UInt128 {
    let free: Int = family.bitWidth - length
    return free == 128 ? UInt128.max : (UInt128(1) << UInt128(free)) - 1
  }

  /// The mask as an address: of /24, 255.255.255.0.
  public var mask: IPAddress { IPAddress(family: family, bits: maskBits) }

  /// The network's own address: all host bits 0.
  public var network: IPAddress { IPAddress(family: family, bits: address.bits & maskBits) }

  /// The highest address: all host bits 1 (the broadcast address of an IPv4 network).
  public var last: IPAddress { IPAddress(family: family, bits: address.bits | hostBits) }

  /// The prefix without host bits.
  public var masked: IPPrefix { IPPrefix(address: network, masking: length) }

  /// Whether the address lies within.
  public func contains(_ other: IPAddress) -> Bool {
    other.family == family && other.bits & maskBits == address.bits & maskBits
  }

  /// Whether the two have an address in common.
  public func overlaps(_ other: IPPrefix) -> Bool {
    other.family == family && (length <= other.length ? contains(other.address) : other.contains(address))
  }

  public var description: String { "\(address)/\(length)" }
}
