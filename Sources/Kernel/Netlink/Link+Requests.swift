// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

/// What to set on a link that is made or changed; nil leaves it alone.
public struct LinkSettings: Hashable, Sendable {
  /// The (new) name.
  public var name: String?
  /// The hardware address.
  public var mac: MACAddress?
  /// The largest packet.
  public var mtu: Int?
  /// The index of the master to be a port of; 0 leaves the master.
  public var master: Int32?
  /// Up or down.
  public var isUp: Bool?
  /// Promiscuous mode.
  public var isPromiscuous: Bool?
  /// Whether all multicast is received.
  public var receivesAllMulticast: Bool?
  /// The descriptor of the network namespace to be in.
  public var namespace: Int32?
  /// The transmit queue's length.
  public var transmitQueueLength: Int?
  /// The free text that goes with the link.
  public var alias: String?

  /// Changes what is given.
  public init(
    name: String? = nil, mac: MACAddress? = nil, mtu: Int? = nil, master: Int32? = nil, isUp: Bool? = nil,
    namespace: Int32? = nil
  ) {
    self.name = name
    self.mac = mac
    self.mtu = mtu
    self.master = master
    self.isUp = isUp
    self.namespace = namespace
  }

  /// The flags' values and which of them change.
  fileprivate var flagBits: (value: UInt32, mask: UInt32) {
    var value: UInt32 = 0
    var mask: UInt32 = 0
    for (setting, bit) in [(isUp, UInt32(1)), (isPromiscuous, 0x100), (receivesAllMulticast, 0x200)] {
      guard let setting else { continue }
      mask |= bit
      if setting { value |= bit }
    }
    return (value, mask)
  }

  fileprivate func write(to request: inout NetlinkRequest) {
    if let name { request.attribute(LinkAttribute.name, name) }
    if let mac { request.attribute(LinkAttribute.address, bytes: mac.bytes) }
    if let mtu { request.attribute(LinkAttribute.mtu, UInt32(mtu)) }
    if let master { request.attribute(LinkAttribute.master, master) }
    if let namespace { request.attribute(LinkAttribute.namespaceFD, namespace) }
    if let transmitQueueLength { request.attribute(LinkAttribute.transmitQueueLength, UInt32(transmitQueueLength)) }
    if let alias { request.attribute(LinkAttribute.alias, alias) }
  }
}

/// Settings of a bridge port; nil leaves one alone (linux/if_link.h, IFLA_BRPORT_*).
public struct BridgePortSettings: Hashable, Sendable {
  /// Whether a frame may go out of the port it came in by.
  public var isHairpin: Bool?
  /// Whether the port can talk to non-isolated ports only.
  public var isIsolated: Bool?
  /// Whether addresses are learnt.
  public var isLearning: Bool?
  /// Whether unknown unicast is flooded.
  public var isFlooding: Bool?

  /// Changes what is given.
  public init(isHairpin: Bool? = nil, isIsolated: Bool? = nil, isLearning: Bool? = nil, isFlooding: Bool? = nil) {
    self.isHairpin = isHairpin
    self.isIsolated = isIsolated
    self.isLearning = isLearning
    self.isFlooding = isFlooding
  }
}

/// A VXLAN device (RFC 7348).
public struct VXLANSettings: Hashable, Sendable {
  /// The network's identifier: 24 bits.
  public var identifier: UInt32
  /// The index of the device that carries it.
  public var carrier: Int32?
  /// The outer source address.
  public var local: IPAddress?
  /// The UDP port.
  public var port: UInt16 = 4789
  /// Whether addresses are learnt from traffic; overlays that know their peers do not want it.
  public var isLearning: Bool = false

  /// A device of this network.
  public init(identifier: UInt32) { self.identifier = identifier }
}

extension NetlinkRequest {
  static func link(
    _ type: UInt16, _ reference: LinkReference, flags: NetlinkFlags, family: UInt8 = Family.unspecified,
    flagBits: (value: UInt32, mask: UInt32) = (0, 0), operation: String
  ) -> NetlinkRequest {
    var request: NetlinkRequest = NetlinkRequest(type: type, flags: flags, operation: operation)
    request.append(family)
    request.append(UInt8(0))
    request.append(UInt16(0))
    request.append(reference.number)
    request.append(flagBits.value)
    request.append(flagBits.mask)
    if case .name(let name) = reference { request.attribute(LinkAttribute.name, name) }
    return request
  }

  private static func newLink(
    kind: String, settings: LinkSettings, parent: Int32? = nil, data: ((inout NetlinkRequest) -> Void)? = nil
  ) -> NetlinkRequest {
    var request: NetlinkRequest = link(
      RouteMessage.newLink, .index(0), flags: [.acknowledge, .create, .exclusive], flagBits: settings.flagBits,
      operation: "create \(kind) \(settings.name ?? "")")
    settings.write(to: &request)
    if let parent { request.attribute(LinkAttribute.link, parent) }
    request.nested(LinkAttribute.linkInformation, isMarked: false) { information in
      information.attribute(LinkAttribute.kind, bytes: Array(kind.utf8))
      if let data { information.nested(LinkAttribute.data, isMarked: false, data) }
    }
    return request
  }

  /// Creates a pair of virtual Ethernet devices; each end may be placed into a namespace of its own.
  public static func createVethPair(_ settings: LinkSettings, peer: LinkSettings) -> NetlinkRequest {
    newLink(kind: "veth", settings: settings) { data in
      data.nested(1, isMarked: false) { other in
        // The peer has a link message of its own (struct ifinfomsg).
        let bits: (value: UInt32, mask: UInt32) = peer.flagBits
        other.append(UInt64(0))
        other.append(bits.value)
        other.append(bits.mask)
        peer.write(to: &other)
      }
    }
  }

  /// Creates a bridge.
  public static func createBridge(_ settings: LinkSettings, filtersVLANs: Bool = false) -> NetlinkRequest {
    newLink(kind: "bridge", settings: settings) { data in
      if filtersVLANs { data.attribute(7, UInt8(1)) }
    }
  }

  /// Creates a VXLAN device.
  public static func createVXLAN(_ settings: LinkSettings, _ vxlan: VXLANSettings) -> NetlinkRequest {
    newLink(kind: "vxlan", settings: settings) { data in
      data.attribute(1, vxlan.identifier)
      if let carrier = vxlan.carrier { data.attribute(3, carrier) }
      switch vxlan.local {
      case .v4(let address): data.attribute(4, bytes: address.bytes)
      case .v6(let address): data.attribute(17, bytes: address.bytes)
      case nil: break
      }
      data.attribute(7, UInt8(vxlan.isLearning ? 1 : 0))
      data.attribute(15, bigEndian: vxlan.port)
    }
  }

  /// Modes of a macvlan device (linux/if_link.h).
  public enum MacvlanMode: UInt32, Sendable {
    case `private` = 1
    case vepa = 2
    case bridge = 4
    case passthrough = 8
  }

  /// Creates a macvlan device on another.
  public static func createMacvlan(_ settings: LinkSettings, on parent: Int32, mode: MacvlanMode) -> NetlinkRequest {
    newLink(kind: "macvlan", settings: settings, parent: parent) { $0.attribute(1, mode.rawValue) }
  }

  /// Creates a VLAN device on another.
  public static func createVLAN(_ settings: LinkSettings, on parent: Int32, identifier: UInt16) -> NetlinkRequest {
    newLink(kind: "vlan", settings: settings, parent: parent) { $0.attribute(1, identifier) }
  }

  /// Creates a device that needs no settings of its own: "dummy", "ifb".
  public static func createLink(kind: String, _ settings: LinkSettings) -> NetlinkRequest {
    newLink(kind: kind, settings: settings)
  }

  /// Deletes a link; of a veth pair, both ends.
  public static func deleteLink(_ reference: LinkReference) -> NetlinkRequest {
    link(RouteMessage.deleteLink, reference, flags: [.acknowledge], operation: "delete \(reference)")
  }

  /// Changes a link.
  public static func setLink(_ reference: LinkReference, _ settings: LinkSettings) -> NetlinkRequest {
    var request: NetlinkRequest = link(
      RouteMessage.newLink, reference, flags: [.acknowledge], flagBits: settings.flagBits,
      operation: "change \(reference)")
    settings.write(to: &request)
    return request
  }

  /// Changes a link's behaviour as a port of its bridge.
  public static func setBridgePort(_ index: Int32, _ settings: BridgePortSettings) -> NetlinkRequest {
    var request: NetlinkRequest = link(
      RouteMessage.setLink, .index(index), flags: [.acknowledge], family: Family.bridge,
      operation: "change bridge port \(index)")
    request.nested(LinkAttribute.protocolInformation) { port in
      let values: [(UInt16, Bool?)] = [
        (4, settings.isHairpin), (8, settings.isLearning), (9, settings.isFlooding), (33, settings.isIsolated),
      ]
      for case (let type, let value?) in values { port.attribute(type, UInt8(value ? 1 : 0)) }
    }
    return request
  }

  /// Adds a VLAN to a bridge port, or to the bridge itself.
  public static func addBridgeVLAN(
    _ index: Int32, identifier: UInt16, isUntagged: Bool, isPortVLAN: Bool, onBridge: Bool = false
  ) -> NetlinkRequest {
    bridgeVLAN(RouteMessage.setLink, index, identifier, flags: (isPortVLAN ? 2 : 0) | (isUntagged ? 4 : 0), onBridge)
  }

  /// Removes a VLAN from a bridge port, or from the bridge itself.
  public static func removeBridgeVLAN(_ index: Int32, identifier: UInt16, onBridge: Bool = false) -> NetlinkRequest {
    bridgeVLAN(RouteMessage.deleteLink, index, identifier, flags: 0, onBridge)
  }

  private static func bridgeVLAN(
    _ type: UInt16, _ index: Int32, _ identifier: UInt16, flags: UInt16, _ onBridge: Bool
  ) -> NetlinkRequest {
    var request: NetlinkRequest = link(
      type, .index(index), flags: [.acknowledge], family: Family.bridge, operation: "VLAN \(identifier) of link \(index)")
    request.nested(LinkAttribute.familySpecific, isMarked: false) { specific in
      if onBridge { specific.attribute(0, UInt16(2)) }
      specific.attribute(2, bytes: [
        UInt8(truncatingIfNeeded: flags), UInt8(truncatingIfNeeded: flags >> 8),
        UInt8(truncatingIfNeeded: identifier), UInt8(truncatingIfNeeded: identifier >> 8),
      ])
    }
    return request
  }
}
