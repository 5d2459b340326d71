// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

/// A network device as the kernel tells it.
public struct Link: Hashable, Sendable {
  /// The number that names it in its namespace.
  public var index: Int32
  /// The name.
  public var name: String = ""
  /// The flags IFF_*.
  public var flags: UInt32
  /// The hardware address, if it has one of six bytes.
  public var mac: MACAddress?
  /// The largest packet.
  public var mtu: Int = 0
  /// The index of the bridge (or other master) that it is a port of.
  public var master: Int32?
  /// The index of the other end of a veth pair, or of the device beneath.
  public var parent: Int32?
  /// "veth", "bridge", "vxlan"...; empty for hardware.
  public var kind: String = ""
  /// How many asked for promiscuous mode.
  public var promiscuity: Int = 0
  /// The transmit queue's length, in packets.
  public var transmitQueueLength: Int = 0
  /// The free text that goes with it.
  public var alias: String = ""
  /// Bytes and packets received and sent, errors and drops.
  public var statistics: LinkStatistics = LinkStatistics()

  /// Whether it is administratively up.
  public var isUp: Bool { flags & 1 != 0 }
  /// Whether promiscuous mode was asked for on the link itself.
  public var isPromiscuous: Bool { flags & 0x100 != 0 }
  /// Whether all multicast was asked for.
  public var receivesAllMulticast: Bool { flags & 0x200 != 0 }
  /// Whether it is the loopback device.
  public var isLoopback: Bool { flags & 8 != 0 }

  /// Reads an RTM_NEWLINK message; nil for other messages.
  public init?(_ message: NetlinkMessage) {
    guard message.type == RouteMessage.newLink, message.payload.count >= 16 else { return nil }
    index = message.payload.number(at: 4)
    flags = message.payload.number(at: 8)
    let attributes: NetlinkAttributes = NetlinkAttributes(message.payload.dropFirst(16))
    name = attributes.text(LinkAttribute.name) ?? ""
    mac = attributes[LinkAttribute.address].flatMap { MACAddress(bytes: $0) }
    mtu = Int(attributes.number(LinkAttribute.mtu, as: UInt32.self) ?? 0)
    master = attributes.number(LinkAttribute.master)
    parent = attributes.number(LinkAttribute.link)
    alias = attributes.text(LinkAttribute.alias) ?? ""
    promiscuity = Int(attributes.number(LinkAttribute.promiscuity, as: UInt32.self) ?? 0)
    transmitQueueLength = Int(attributes.number(LinkAttribute.transmitQueueLength, as: UInt32.self) ?? 0)
    kind = attributes.nested(LinkAttribute.linkInformation)?.text(LinkAttribute.kind) ?? ""
    if let raw: ArraySlice<UInt8> = attributes[LinkAttribute.statistics64] { statistics = LinkStatistics(raw) }
  }
}

/// Counters of a device.
public struct LinkStatistics: Hashable, Sendable {
  /// Received and sent packets, bytes, errors and drops.
  public var receivedPackets: UInt64 = 0, sentPackets: UInt64 = 0, receivedBytes: UInt64 = 0, sentBytes: UInt64 = 0
  /// Errors and drops of both directions.
  public var receiveErrors: UInt64 = 0, sendErrors: UInt64 = 0, receiveDrops: UInt64 = 0, sendDrops: UInt64 = 0

  /// All zero.
  public init() {}

  init(_ raw: ArraySlice<UInt8>) {
    receivedPackets = raw.number(at: 0)
    sentPackets = raw.number(at: 8)
    receivedBytes = raw.number(at: 16)
    sentBytes = raw.number(at: 24)
    receiveErrors = raw.number(at: 32)
    sendErrors = raw.number(at: 40)
    receiveDrops = raw.number(at: 48)
    sendDrops = raw.number(at: 56)
  }
}

/// How to find a link.
public enum LinkReference: Hashable, Sendable, CustomStringConvertible {
  case name(String)
  case index(Int32)

  public var description: String {
    switch self {
    case .name(let name): "link \(name)"
    case .index(let index): "link \(index)"
    }
  }

  var number: Int32 { if case .index(let index) = self { index } else { 0 } }
}

extension NetlinkSocket {
  /// All links of the socket's namespace.
  public mutating func links() throws(NetlinkError) -> [Link] {
    var request: NetlinkRequest = .link(RouteMessage.getLink, .index(0), flags: .dump, operation: "list links")
    request.attribute(LinkAttribute.extensionMask, UInt32(0))
    return try query(request).compactMap(Link.init)
  }

  /// The link of this name or index, or nil.
  public mutating func link(_ reference: LinkReference) throws(NetlinkError) -> Link? {
    let request: NetlinkRequest = .link(RouteMessage.getLink, reference, flags: [], operation: "get \(reference)")
    do throws(NetlinkError) {
      return try query(request).lazy.compactMap(Link.init).first
    } catch {
      // ENODEV
      if error.errorNumber == 19 { return nil }
      throw error
    }
  }

  /// The link of this name or index; throws `notFound` where there is none.
  public mutating func existingLink(_ reference: LinkReference) throws(NetlinkError) -> Link {
    guard let link: Link = try link(reference) else { throw NetlinkError(.notFound, "get \(reference)") }
    return link
  }
}
