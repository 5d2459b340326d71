// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

/// An address of a link.
public struct InterfaceAddress: Hashable, Sendable {
  /// Flags of an address (linux/if_addr.h).
  public struct Flags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// No duplicate address detection.
    public static let noDAD: Flags = Flags(rawValue: 0x02)
    /// Duplicate address detection found another.
    public static let dadFailed: Flags = Flags(rawValue: 0x08)
    /// Duplicate address detection is going on.
    public static let tentative: Flags = Flags(rawValue: 0x40)
    /// Does not expire.
    public static let permanent: Flags = Flags(rawValue: 0x80)
    /// The kernel adds no route to the prefix.
    public static let noPrefixRoute: Flags = Flags(rawValue: 0x200)
  }

  /// The index of the link.
  public var link: Int32
  /// The address and the length of its prefix.
  public var prefix: IPPrefix
  /// The address of the other end of a point-to-point link.
  public var peer: IPAddress?
  /// The IPv4 broadcast address.
  public var broadcast: IPAddress?
  /// The scope: 0 global, 253 link, 254 host.
  public var scope: UInt8 = 0
  /// Flags.
  public var flags: Flags = []

  /// An address to be added.
  public init(link: Int32, prefix: IPPrefix, broadcast: IPAddress? = nil, flags: Flags = []) {
    self.link = link
    self.prefix = prefix
    self.broadcast = broadcast
    self.flags = flags
  }

  init?(_ message: NetlinkMessage) {
    let body: ArraySlice<UInt8> = message.payload
    guard message.type == RouteMessage.newAddress, body.count >= 8 else { return nil }
    let attributes: NetlinkAttributes = NetlinkAttributes(body.dropFirst(8))
    let address: IPAddress? = attributes.address(AddressAttribute.address)
    let local: IPAddress? = attributes.address(AddressAttribute.local)
    guard let own: IPAddress = local ?? address, let prefix = IPPrefix(address: own, length: Int(body.number(at: 1) as UInt8))
    else { return nil }
    self.prefix = prefix
    link = body.number(at: 4)
    scope = body.number(at: 3)
    flags = Flags(rawValue: attributes.number(AddressAttribute.flags) ?? UInt32(body.number(at: 2) as UInt8))
    broadcast = attributes.address(AddressAttribute.broadcast)
    if let address, address != own { peer = address }
  }
}

extension IPFamily {
  /// AF_INET or AF_INET6.
  var number: UInt8 { self == .v4 ? Family.v4 : Family.v6 }
}

extension NetlinkRequest {
  private static func address(_ type: UInt16, _ address: InterfaceAddress, flags: NetlinkFlags, _ verb: String)
    -> NetlinkRequest
  {
    var request: NetlinkRequest = NetlinkRequest(
      type: type, flags: flags, operation: "\(verb) address \(address.prefix) of link \(address.link)")
    request.append(address.prefix.family.number)
    request.append(UInt8(address.prefix.length))
    request.append(UInt8(truncatingIfNeeded: address.flags.rawValue))
    request.append(address.scope)
    request.append(address.link)
    request.attribute(AddressAttribute.local, address.prefix.address)
    request.attribute(AddressAttribute.address, address.peer ?? address.prefix.address)
    if let broadcast = address.broadcast { request.attribute(AddressAttribute.broadcast, broadcast) }
    if address.flags.rawValue > 255 { request.attribute(AddressAttribute.flags, address.flags.rawValue) }
    return request
  }

  /// Adds an address to a link; fails where it has it.
  public static func addAddress(_ address: InterfaceAddress) -> NetlinkRequest {
    self.address(RouteMessage.newAddress, address, flags: [.acknowledge, .create, .exclusive], "add")
  }

  /// Takes an address from a link.
  public static func deleteAddress(_ address: InterfaceAddress) -> NetlinkRequest {
    self.address(RouteMessage.deleteAddress, address, flags: [.acknowledge], "delete")
  }
}

extension NetlinkSocket {
  /// The addresses of a link, or of all; of one family, or of both.
  public mutating func addresses(link: Int32? = nil, family: IPFamily? = nil) throws(NetlinkError) -> [InterfaceAddress] {
    var request: NetlinkRequest = NetlinkRequest(
      type: RouteMessage.getAddress, flags: .dump, operation: "list addresses")
    request.append(family?.number ?? Family.unspecified)
    request.append(UInt8(0))
    request.append(UInt16(0))
    request.append(Int32(0))
    return try query(request).compactMap(InterfaceAddress.init).filter { link == nil || $0.link == link }
  }
}
