// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

/// What the kernel knows of a neighbour's hardware address.
public struct Neighbour: Hashable, Sendable {
  /// An entry that does not age.
  public static let permanent: UInt16 = 0x80
  /// An entry that is known to be right.
  public static let reachable: UInt16 = 0x02

  /// The index of the link.
  public var link: Int32
  /// Its IP address.
  public var address: IPAddress
  /// Its hardware address.
  public var mac: MACAddress?
  /// The state NUD_*.
  public var state: UInt16 = Neighbour.permanent

  /// An entry to be added.
  public init(link: Int32, address: IPAddress, mac: MACAddress) {
    self.link = link
    self.address = address
    self.mac = mac
  }

  init?(_ message: NetlinkMessage) {
    guard message.type == RouteMessage.newNeighbour, message.payload.count >= 12 else { return nil }
    let attributes: NetlinkAttributes = NetlinkAttributes(message.payload.dropFirst(12))
    guard let address = attributes.address(NeighbourAttribute.destination) else { return nil }
    self.address = address
    link = message.payload.number(at: 4)
    state = message.payload.number(at: 8)
    mac = attributes[NeighbourAttribute.linkAddress].flatMap { MACAddress(bytes: $0) }
  }
}

/// An entry of a bridge's or VXLAN device's forwarding database.
public struct ForwardingEntry: Hashable, Sendable {
  /// The index of the link.
  public var link: Int32
  /// The hardware address; all zero stands for every unknown address of a VXLAN device.
  public var mac: MACAddress
  /// The address of the tunnel's other end (VXLAN).
  public var destination: IPAddress?

  /// An entry to be added.
  public init(link: Int32, mac: MACAddress, destination: IPAddress? = nil) {
    self.link = link
    self.mac = mac
    self.destination = destination
  }

  init?(_ message: NetlinkMessage) {
    guard message.type == RouteMessage.newNeighbour, message.payload.count >= 12 else { return nil }
    let attributes: NetlinkAttributes = NetlinkAttributes(message.payload.dropFirst(12))
    guard let mac = attributes[NeighbourAttribute.linkAddress].flatMap({ MACAddress(bytes: $0) }) else { return nil }
    link = message.payload.number(at: 4)
    self.mac = mac
    destination = attributes.address(NeighbourAttribute.destination)
  }
}

extension NetlinkRequest {
  private static func neighbour(
    _ type: UInt16, family: UInt8, link: Int32, state: UInt16, flags: UInt8, netlinkFlags: NetlinkFlags,
    operation: String
  ) -> NetlinkRequest {
    var request: NetlinkRequest = NetlinkRequest(type: type, flags: netlinkFlags, operation: operation)
    request.append(family)
    request.append(UInt8(0))
    request.append(UInt16(0))
    request.append(link)
    request.append(state)
    request.append(flags)
    request.append(UInt8(0))
    return request
  }

  /// Adds a neighbour or replaces what is known of it.
  public static func replaceNeighbour(_ neighbour: Neighbour) -> NetlinkRequest {
    var request: NetlinkRequest = self.neighbour(
      RouteMessage.newNeighbour, family: neighbour.address.family.number, link: neighbour.link, state: neighbour.state,
      flags: 0, netlinkFlags: [.acknowledge, .create, .replace], operation: "replace neighbour \(neighbour.address)")
    request.attribute(NeighbourAttribute.destination, neighbour.address)
    if let mac = neighbour.mac { request.attribute(NeighbourAttribute.linkAddress, bytes: mac.bytes) }
    return request
  }

  /// Deletes a neighbour.
  public static func deleteNeighbour(link: Int32, address: IPAddress) -> NetlinkRequest {
    var request: NetlinkRequest = neighbour(
      RouteMessage.deleteNeighbour, family: address.family.number, link: link, state: 0, flags: 0,
      netlinkFlags: [.acknowledge], operation: "delete neighbour \(address)")
    request.attribute(NeighbourAttribute.destination, address)
    return request
  }

  /// NTF_SELF: the device's own table, and not its master's.
  private static let selfFlag: UInt8 = 2

  /// Adds an entry to the device's own forwarding database or replaces it.
  public static func replaceForwarding(_ entry: ForwardingEntry) -> NetlinkRequest {
    var request: NetlinkRequest = neighbour(
      RouteMessage.newNeighbour, family: Family.bridge, link: entry.link, state: Neighbour.permanent, flags: selfFlag,
      netlinkFlags: [.acknowledge, .create, .replace], operation: "replace FDB entry \(entry.mac)")
    request.attribute(NeighbourAttribute.linkAddress, bytes: entry.mac.bytes)
    if let destination = entry.destination { request.attribute(NeighbourAttribute.destination, destination) }
    return request
  }

  /// Deletes an entry of the device's own forwarding database.
  public static func deleteForwarding(_ entry: ForwardingEntry) -> NetlinkRequest {
    var request: NetlinkRequest = neighbour(
      RouteMessage.deleteNeighbour, family: Family.bridge, link: entry.link, state: 0, flags: selfFlag,
      netlinkFlags: [.acknowledge], operation: "delete FDB entry \(entry.mac)")
    request.attribute(NeighbourAttribute.linkAddress, bytes: entry.mac.bytes)
    if let destination = entry.destination { request.attribute(NeighbourAttribute.destination, destination) }
    return request
  }
}

extension NetlinkSocket {
  private mutating func neighbourMessages(family: UInt8) throws(NetlinkError) -> [NetlinkMessage] {
    var request: NetlinkRequest = NetlinkRequest(
      type: RouteMessage.getNeighbour, flags: .dump, operation: "list neighbours")
    request.append(family)
    request.append(bytes: [UInt8](repeating: 0, count: 11))
    return try query(request)
  }

  /// The neighbours of one family.
  public mutating func neighbours(_ family: IPFamily) throws(NetlinkError) -> [Neighbour] {
    try neighbourMessages(family: family.number).compactMap(Neighbour.init)
  }

  /// The entries of all forwarding databases.
  public mutating func forwardingEntries() throws(NetlinkError) -> [ForwardingEntry] {
    try neighbourMessages(family: Family.bridge).compactMap(ForwardingEntry.init)
  }
}
