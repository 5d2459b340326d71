// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

/// A route.
public struct Route: Hashable, Sendable {
  /// How far the destination is (linux/rtnetlink.h).
  public enum Scope {
    /// Anywhere, through a gateway.
    public static let universe: UInt8 = 0
    /// On the link itself.
    public static let link: UInt8 = 253
    /// This host.
    public static let host: UInt8 = 254
  }

  /// Kinds of routes.
  public enum Kind: UInt8, Sendable, Hashable {
    case unicast = 1
    case local = 2
    case broadcast = 3
    case anycast = 4
    case multicast = 5
    case blackhole = 6
    case unreachable = 7
    case prohibit = 8
  }

  /// The main routing table.
  public static let mainTable: UInt32 = 254

  /// Where to.
  public var destination: IPPrefix
  /// The next hop.
  public var gateway: IPAddress?
  /// The index of the link to leave by.
  public var link: Int32?
  /// The source address for packets of this host.
  public var preferredSource: IPAddress?
  /// The lower, the more preferred.
  public var priority: UInt32?
  /// The table.
  public var table: UInt32 = Route.mainTable
  /// The scope; nil lets `add` choose: link without a gateway (IPv4), else universe.
  public var scope: UInt8?
  /// The kind.
  public var kind: Kind = .unicast
  /// Who made it: 4 an administrator, 3 at boot, 2 the kernel.
  public var origin: UInt8 = 3
  /// The largest packet.
  public var mtu: UInt32?
  /// The TCP segment size to advertise.
  public var advertisedMSS: UInt32?
  /// Whether the gateway is on the link although no address says so.
  public var isGatewayOnLink: Bool = false

  /// A route to be added.
  public init(destination: IPPrefix, gateway: IPAddress? = nil, link: Int32? = nil) {
    self.destination = destination
    self.gateway = gateway
    self.link = link
  }

  init?(_ message: NetlinkMessage) {
    let body: ArraySlice<UInt8> = message.payload
    guard message.type == RouteMessage.newRoute, body.count >= 12 else { return nil }
    let attributes: NetlinkAttributes = NetlinkAttributes(body.dropFirst(12))
    let family: IPFamily
    switch body.number(at: 0) as UInt8 {
    case Family.v4: family = .v4
    case Family.v6: family = .v6
    default: return nil
    }
    let address: IPAddress = attributes.address(RouteAttribute.destination) ?? .any(family)
    guard let destination = IPPrefix(address: address, length: Int(body.number(at: 1) as UInt8)),
      let kind = Kind(rawValue: body.number(at: 7))
    else { return nil }
    self.init(
      destination: destination, gateway: attributes.address(RouteAttribute.gateway),
      link: attributes.number(RouteAttribute.outputLink))
    self.kind = kind
    origin = body.number(at: 5)
    scope = body.number(at: 6)
    table = attributes.number(RouteAttribute.table) ?? UInt32(body.number(at: 4) as UInt8)
    preferredSource = attributes.address(RouteAttribute.preferredSource)
    priority = attributes.number(RouteAttribute.priority)
    isGatewayOnLink = (body.number(at: 8) as UInt32) & 4 != 0
    if let metrics = attributes.nested(RouteAttribute.metrics) {
      mtu = metrics.number(RouteAttribute.metricMTU)
      advertisedMSS = metrics.number(RouteAttribute.metricAdvertisedMSS)
    }
  }
}

extension NetlinkRequest {
  private static func route(_ type: UInt16, _ route: Route, flags: NetlinkFlags, _ verb: String) -> NetlinkRequest {
    var request: NetlinkRequest = NetlinkRequest(
      type: type, flags: flags, operation: "\(verb) route to \(route.destination)")
    let isOnLink: Bool = route.gateway == nil && route.kind == .unicast && route.destination.family == .v4
    let isDelete: Bool = type == RouteMessage.deleteRoute
    request.append(route.destination.family.number)
    request.append(UInt8(route.destination.length))
    request.append(UInt16(0))
    request.append(UInt8(route.table < 256 ? route.table : 0))
    request.append(isDelete ? 0 : route.origin)
    // 255, "nowhere", lets a delete match any scope.
    request.append(route.scope ?? (isDelete ? 255 : isOnLink ? Route.Scope.link : Route.Scope.universe))
    request.append(route.kind.rawValue)
    request.append(UInt32(route.isGatewayOnLink ? 4 : 0))
    if route.destination.length > 0 { request.attribute(RouteAttribute.destination, route.destination.network) }
    if let gateway = route.gateway { request.attribute(RouteAttribute.gateway, gateway) }
    if let link = route.link { request.attribute(RouteAttribute.outputLink, link) }
    if let source = route.preferredSource { request.attribute(RouteAttribute.preferredSource, source) }
    if let priority = route.priority { request.attribute(RouteAttribute.priority, priority) }
    if route.table > 255 { request.attribute(RouteAttribute.table, route.table) }
    if route.mtu != nil || route.advertisedMSS != nil {
      request.nested(RouteAttribute.metrics, isMarked: false) { metrics in
        if let mtu = route.mtu { metrics.attribute(RouteAttribute.metricMTU, mtu) }
        if let mss = route.advertisedMSS { metrics.attribute(RouteAttribute.metricAdvertisedMSS, mss) }
      }
    }
    return request
  }

  /// Adds a route; fails where there is one to the same destination with the same priority.
  public static func addRoute(_ route: Route) -> NetlinkRequest {
    self.route(RouteMessage.newRoute, route, flags: [.acknowledge, .create, .exclusive], "add")
  }

  /// Adds a route or replaces the one to the same destination.
  public static func replaceRoute(_ route: Route) -> NetlinkRequest {
    self.route(RouteMessage.newRoute, route, flags: [.acknowledge, .create, .replace], "replace")
  }

  /// Deletes the first route that matches what is set.
  public static func deleteRoute(_ route: Route) -> NetlinkRequest {
    self.route(RouteMessage.deleteRoute, route, flags: [.acknowledge], "delete")
  }
}

extension NetlinkSocket {
  /// The routes of a family in a table (nil: in all tables).
  public mutating func routes(_ family: IPFamily, table: UInt32? = Route.mainTable) throws(NetlinkError) -> [Route] {
    var request: NetlinkRequest = NetlinkRequest(type: RouteMessage.getRoute, flags: .dump, operation: "list routes")
    request.append(family.number)
    request.append(bytes: [UInt8](repeating: 0, count: 11))
    return try query(request).compactMap(Route.init).filter { table == nil || $0.table == table }
  }
}

extension NetlinkSocket {
  /// The route that a packet to this address would take; nil where there is none.
  public mutating func route(to address: IPAddress) throws(NetlinkError) -> Route? {
    var request: NetlinkRequest = NetlinkRequest(
      type: RouteMessage.getRoute, flags: [], operation: "find route to \(address)")
    request.append(address.family.number)
    request.append(UInt8(address.family.bitWidth))
    request.append(bytes: [UInt8](repeating: 0, count: 10))
    request.attribute(RouteAttribute.destination, address)
    do throws(NetlinkError) {
      return try query(request).lazy.compactMap(Route.init).first
    } catch {
      // ENETUNREACH and EHOSTUNREACH
      if error.errorNumber == 101 || error.errorNumber == 113 { return nil }
      throw error
    }
  }
}
