// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A token bucket: what a link may send (tc-tbf(8)).
public struct TokenBucket: Hashable, Sendable {
  /// How fast the bucket fills.
  public var bytesPerSecond: UInt64
  /// How much it holds: what may go at once.
  public var burstBytes: UInt32
  /// How much may wait for tokens; what is more is dropped.
  public var limitBytes: UInt32

  /// A bucket of which packets wait at most this long, apart from those of a burst.
  public init(bytesPerSecond: UInt64, burstBytes: UInt32, latencyMilliseconds: UInt64) {
    self.bytesPerSecond = bytesPerSecond
    self.burstBytes = burstBytes
    let (waiting, isHuge) = bytesPerSecond.multipliedReportingOverflow(by: latencyMilliseconds)
    limitBytes = isHuge ? .max : UInt32(clamping: waiting / 1000 + UInt64(burstBytes))
  }
}

/// How a link queues what it sends or receives.
public struct Queueing: Hashable, Sendable {
  /// Places in the tree of a link's queues (linux/pkt_sched.h).
  public enum Parent {
    /// What the link sends.
    public static let root: UInt32 = 0xFFFF_FFFF
    /// What the link receives.
    public static let ingress: UInt32 = 0xFFFF_FFF1
  }

  /// The index of the link.
  public var link: Int32
  /// "tbf", "ingress", "noqueue"...
  public var kind: String
  /// The place in the tree.
  public var parent: UInt32
  /// Of "tbf": how fast its bucket fills, in bytes a second.
  public var bytesPerSecond: UInt64?
  /// Of "tbf": how much may wait.
  public var limitBytes: UInt32?

  init?(_ message: NetlinkMessage) {
    guard message.type == RouteMessage.newQueueing, message.payload.count >= 20 else { return nil }
    link = message.payload.number(at: 4)
    parent = message.payload.number(at: 12)
    let attributes: NetlinkAttributes = NetlinkAttributes(message.payload.dropFirst(20))
    kind = attributes.text(QueueingAttribute.kind) ?? ""
    guard kind == "tbf", let options = attributes.nested(QueueingAttribute.options),
      let parameters = options[QueueingAttribute.bucketParameters]
    else { return }
    bytesPerSecond = options.number(QueueingAttribute.bucketRate64) ?? UInt64(parameters.number(at: 8, as: UInt32.self))
    limitBytes = parameters.number(at: 24)
  }
}

extension NetlinkRequest {
  /// The number of the one queueing discipline that is added to a place.
  private static let bucketHandle: UInt32 = 0x1_0000
  private static let ingressHandle: UInt32 = 0xFFFF_0000

  private static func traffic(
    _ type: UInt16, _ link: Int32, flags: NetlinkFlags, handle: UInt32, parent: UInt32, information: UInt32 = 0,
    _ operation: String
  ) -> NetlinkRequest {
    var request: NetlinkRequest = NetlinkRequest(type: type, flags: flags, operation: operation)
    // struct tcmsg
    request.append(UInt32(0))
    request.append(link)
    request.append(handle)
    request.append(parent)
    request.append(information)
    return request
  }

  /// Limits what a link sends.
  public static func addTokenBucket(_ bucket: TokenBucket, to link: Int32) -> NetlinkRequest {
    var request: NetlinkRequest = traffic(
      RouteMessage.newQueueing, link, flags: [.acknowledge, .create, .exclusive], handle: bucketHandle,
      parent: Queueing.Parent.root, "add queueing tbf to link \(link)")
    request.attribute(QueueingAttribute.kind, "tbf")
    request.nested(QueueingAttribute.options, isMarked: false) { options in
      var parameters: NetlinkRequest = NetlinkRequest(type: 0, operation: "")
      // struct tc_ratespec: of Ethernet, whose size table the kernel computes by itself.
      parameters.append(bytes: [0, 1, 0, 0, 0, 0, 0, 0])
      parameters.append(UInt32(clamping: bucket.bytesPerSecond))
      // No peak rate.
      parameters.append(bytes: [UInt8](repeating: 0, count: 12))
      parameters.append(bucket.limitBytes)
      // The size in ticks, which the attribute in bytes goes before, and the smallest packet's.
      parameters.append(UInt64(0))
      options.attribute(QueueingAttribute.bucketParameters, bytes: parameters.payload)
      if bucket.bytesPerSecond > UInt64(UInt32.max) {
        options.attribute(QueueingAttribute.bucketRate64, bucket.bytesPerSecond)
      }
      options.attribute(QueueingAttribute.bucketBurst, bucket.burstBytes)
    }
    return request
  }

  /// Lets filters look at what a link receives.
  public static func addIngressQueueing(to link: Int32) -> NetlinkRequest {
    var request: NetlinkRequest = traffic(
      RouteMessage.newQueueing, link, flags: [.acknowledge, .create, .exclusive], handle: ingressHandle,
      parent: Queueing.Parent.ingress, "add queueing ingress to link \(link)")
    request.attribute(QueueingAttribute.kind, "ingress")
    return request
  }

  /// Deletes the queueing at a place of a link, with its filters.
  public static func deleteQueueing(of link: Int32, parent: UInt32) -> NetlinkRequest {
    traffic(
      RouteMessage.deleteQueueing, link, flags: [.acknowledge], handle: 0, parent: parent,
      "delete queueing of link \(link)")
  }

  /// Has another link send all that a link with ingress queueing receives: of an "ifb", into the host again.
  public static func redirectReceived(by link: Int32, to other: Int32) -> NetlinkRequest {
    let everyProtocol: UInt32 = UInt32(UInt16(3).bigEndian)
    let priority: UInt32 = 1 << 16
    var request: NetlinkRequest = traffic(
      RouteMessage.newTrafficFilter, link, flags: [.acknowledge, .create, .exclusive], handle: 0, parent: ingressHandle,
      information: priority | everyProtocol, "redirect what link \(link) receives")
    request.attribute(QueueingAttribute.kind, "u32")
    request.nested(QueueingAttribute.options, isMarked: false) { options in
      options.attribute(QueueingAttribute.classID, UInt32(0x1_0001))
      // struct tc_u32_sel with one key that everything matches; the search ends there.
      options.attribute(QueueingAttribute.selector, bytes: [1, 0, 1] + [UInt8](repeating: 0, count: 29))
      options.nested(QueueingAttribute.actions, isMarked: false) { actions in
        actions.nested(1, isMarked: false) { action in
          action.attribute(QueueingAttribute.kind, "mirred")
          action.nested(QueueingAttribute.options, isMarked: false) { mirred in
            var redirection: NetlinkRequest = NetlinkRequest(type: 0, operation: "")
            // struct tc_mirred: the packet is stolen, and sent out by the other link.
            for number: Int32 in [0, 0, 4, 0, 0, 1, other] { redirection.append(number) }
            mirred.attribute(QueueingAttribute.redirection, bytes: redirection.payload)
          }
        }
      }
    }
    return request
  }
}

extension NetlinkSocket {
  /// The queueing disciplines of a link.
  public mutating func queueings(of link: Int32) throws(NetlinkError) -> [Queueing] {
    var request: NetlinkRequest = NetlinkRequest(
      type: RouteMessage.getQueueing, flags: .dump, operation: "list queueings of link \(link)")
    request.append(UInt32(0))
    request.append(link)
    request.append(bytes: [UInt8](repeating: 0, count: 12))
    return try query(request).compactMap(Queueing.init).filter { $0.link == link }
  }
}
