// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

/// The connections that the kernel tracks, for address translation (linux/netfilter/nfnetlink_conntrack.h).
public enum ConnectionTracking {
  private static let subsystem: UInt16 = 1
  private static let getMessage: UInt16 = subsystem << 8 | 1
  private static let deleteMessage: UInt16 = subsystem << 8 | 2

  /// One direction of a connection.
  public struct Tuple: Hashable, Sendable {
    /// From where to where.
    public var source: IPAddress, destination: IPAddress
    /// Ports; 0 where the protocol has none.
    public var sourcePort: UInt16, destinationPort: UInt16
  }

  /// A tracked connection.
  public struct Connection: Sendable {
    /// The transport protocol's number.
    public var transport: UInt8
    /// As its first packet was, before translation.
    public var original: Tuple
    /// As answers are.
    public var reply: Tuple
    fileprivate var family: UInt8
    fileprivate var originalBytes: ArraySlice<UInt8>
    fileprivate var identifier: ArraySlice<UInt8>?

    init?(_ message: NetlinkMessage) {
      let attributes: NetlinkAttributes = NetlinkAttributes(message.payload.dropFirst(4))
      guard let bytes = attributes[1], let original = Self.tuple(bytes), let replyBytes = attributes[2],
        let reply = Self.tuple(replyBytes)
      else { return nil }
      family = message.payload.number(at: 0)
      transport = original.transport
      self.original = original.tuple
      self.reply = reply.tuple
      originalBytes = bytes
      identifier = attributes[12]
    }

    private static func tuple(_ bytes: ArraySlice<UInt8>) -> (transport: UInt8, tuple: Tuple)? {
      let attributes: NetlinkAttributes = NetlinkAttributes(bytes)
      guard let ip = attributes.nested(1), let ports = attributes.nested(2),
        let source = ip.address(1) ?? ip.address(3), let destination = ip.address(2) ?? ip.address(4),
        let transport = ports.number(1, as: UInt8.self)
      else { return nil }
      return (
        transport,
        Tuple(
          source: source, destination: destination, sourcePort: ports.bigEndian(2) ?? 0,
          destinationPort: ports.bigEndian(3) ?? 0)
      )
    }
  }

  private static func message(_ type: UInt16, _ family: UInt8, flags: NetlinkFlags, _ operation: String) -> NetlinkRequest {
    var request: NetlinkRequest = NetlinkRequest(type: type, flags: flags, operation: operation)
    request.append(family)
    request.append(UInt8(0))
    request.append(UInt16(0))
    return request
  }

  /// All tracked connections of the calling thread's network namespace.
  public static func connections() throws(NetlinkError) -> [Connection] {
    var socket: NetlinkSocket = try NetlinkSocket(.netfilter)
    return try socket.query(message(getMessage, 0, flags: .dump, "list tracked connections")).compactMap(Connection.init)
  }

  /// Forgets the connections for which the predicate holds; returns how many.
  @discardableResult
  public static func delete(where predicate: (Connection) -> Bool) throws(NetlinkError) -> Int {
    let doomed: [Connection] = try connections().filter(predicate)
    guard !doomed.isEmpty else { return 0 }
    var socket: NetlinkSocket = try NetlinkSocket(.netfilter)
    let requests: [NetlinkRequest] = doomed.map { connection in
      var request: NetlinkRequest = message(
        deleteMessage, connection.family, flags: [.acknowledge], "forget tracked connection")
      request.attribute(1 | NetlinkRequest.nestedFlag, bytes: connection.originalBytes)
      // Only this very connection, and not one that took its place meanwhile.
      if let identifier = connection.identifier { request.attribute(12, bytes: identifier) }
      return request
    }
    // One that ended meanwhile is as good as deleted: ENOENT.
    for case let error? in try socket.performEach(requests) where error.errorNumber != 2 { throw error }
    return doomed.count
  }
}
