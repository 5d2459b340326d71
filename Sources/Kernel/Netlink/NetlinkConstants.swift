// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The protocols under AF_NETLINK that we speak (linux/netlink.h).
public enum NetlinkProtocol: Int32, Sendable {
  /// Links, addresses, routes, neighbours.
  case route = 0
  /// Packet filter and connection tracking.
  case netfilter = 12
}

/// Flags of a message's header (linux/netlink.h).
public struct NetlinkFlags: OptionSet, Sendable, Hashable {
  public let rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// A request; set on everything that is sent.
  public static let request: NetlinkFlags = NetlinkFlags(rawValue: 0x1)
  /// Part of an answer of several messages.
  public static let multi: NetlinkFlags = NetlinkFlags(rawValue: 0x2)
  /// An acknowledgement is wanted.
  public static let acknowledge: NetlinkFlags = NetlinkFlags(rawValue: 0x4)
  /// The object that resulted is wanted as well.
  public static let echo: NetlinkFlags = NetlinkFlags(rawValue: 0x8)
  /// The dump was inconsistent, because of changes meanwhile.
  public static let dumpInterrupted: NetlinkFlags = NetlinkFlags(rawValue: 0x10)
  /// Of get requests: all objects.
  public static let dump: NetlinkFlags = NetlinkFlags(rawValue: 0x300)
  /// Of new requests: replace an object that exists.
  public static let replace: NetlinkFlags = NetlinkFlags(rawValue: 0x100)
  /// Of new requests: fail if it exists.
  public static let exclusive: NetlinkFlags = NetlinkFlags(rawValue: 0x200)
  /// Of new requests: make it if it does not exist.
  public static let create: NetlinkFlags = NetlinkFlags(rawValue: 0x400)
  /// Of new requests: add to the end.
  public static let append: NetlinkFlags = NetlinkFlags(rawValue: 0x800)
}

/// Message types of netlink itself.
enum ControlMessage {
  static let error: UInt16 = 2
  static let done: UInt16 = 3
}

/// Message types of rtnetlink (linux/rtnetlink.h).
enum RouteMessage {
  static let newLink: UInt16 = 16
  static let deleteLink: UInt16 = 17
  static let getLink: UInt16 = 18
  static let setLink: UInt16 = 19
  static let newAddress: UInt16 = 20
  static let deleteAddress: UInt16 = 21
  static let getAddress: UInt16 = 22
  static let newRoute: UInt16 = 24
  static let deleteRoute: UInt16 = 25
  static let getRoute: UInt16 = 26
  static let newNeighbour: UInt16 = 28
  static let deleteNeighbour: UInt16 = 29
  static let getNeighbour: UInt16 = 30
  static let newRule: UInt16 = 32
  static let deleteRule: UInt16 = 33
  static let getRule: UInt16 = 34
  static let newQueueing: UInt16 = 36
  static let deleteQueueing: UInt16 = 37
  static let getQueueing: UInt16 = 38
  static let newTrafficFilter: UInt16 = 44
}

/// Address families as rtnetlink writes them.
enum Family {
  static let unspecified: UInt8 = 0
  static let bridge: UInt8 = 7
  static let v4: UInt8 = 2
  static let v6: UInt8 = 10
}

/// Attributes of a link (linux/if_link.h).
enum LinkAttribute {
  static let address: UInt16 = 1
  static let name: UInt16 = 3
  static let mtu: UInt16 = 4
  static let link: UInt16 = 5
  static let master: UInt16 = 10
  static let protocolInformation: UInt16 = 12
  static let transmitQueueLength: UInt16 = 13
  static let linkInformation: UInt16 = 18
  static let alias: UInt16 = 20
  static let namespacePID: UInt16 = 19
  static let statistics64: UInt16 = 23
  static let familySpecific: UInt16 = 26
  static let namespaceFD: UInt16 = 28
  static let extensionMask: UInt16 = 29
  static let promiscuity: UInt16 = 30
  static let peerNamespaceID: UInt16 = 37
  /// Inside `linkInformation`.
  static let kind: UInt16 = 1
  static let data: UInt16 = 2
  static let slaveKind: UInt16 = 4
}

/// Attributes of addresses (linux/if_addr.h).
enum AddressAttribute {
  static let address: UInt16 = 1
  static let local: UInt16 = 2
  static let label: UInt16 = 3
  static let broadcast: UInt16 = 4
  static let flags: UInt16 = 8
}

/// Attributes of routes (linux/rtnetlink.h).
enum RouteAttribute {
  static let destination: UInt16 = 1
  static let source: UInt16 = 2
  static let outputLink: UInt16 = 4
  static let gateway: UInt16 = 5
  static let priority: UInt16 = 6
  static let preferredSource: UInt16 = 7
  static let metrics: UInt16 = 8
  static let table: UInt16 = 15
  /// Inside `metrics`.
  static let metricMTU: UInt16 = 2
  static let metricAdvertisedMSS: UInt16 = 8
}

/// Attributes of queueing disciplines, filters and actions (linux/rtnetlink.h, linux/pkt_sched.h, linux/pkt_cls.h).
enum QueueingAttribute {
  static let kind: UInt16 = 1
  static let options: UInt16 = 2
  /// Inside the options of tbf.
  static let bucketParameters: UInt16 = 1
  static let bucketRate64: UInt16 = 4
  static let bucketBurst: UInt16 = 6
  /// Inside the options of u32.
  static let classID: UInt16 = 1
  static let selector: UInt16 = 5
  static let actions: UInt16 = 7
  /// Inside the options of mirred.
  static let redirection: UInt16 = 2
}

/// Attributes of neighbours and FDB entries (linux/neighbour.h).
enum NeighbourAttribute {
  static let destination: UInt16 = 1
  static let linkAddress: UInt16 = 2
  static let vlan: UInt16 = 5
  static let master: UInt16 = 9
}

/// Attributes of routing rules (linux/fib_rules.h).
enum RuleAttribute {
  static let destination: UInt16 = 1
  static let source: UInt16 = 2
  static let inputName: UInt16 = 3
  static let priority: UInt16 = 6
  static let mark: UInt16 = 10
  static let table: UInt16 = 15
  static let markMask: UInt16 = 16
  static let outputName: UInt16 = 17
}
