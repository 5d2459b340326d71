// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Netlink

/// Gives a container's link the addresses and routes of a result, and brings it up.
struct LinkAddressing {
  let link: Link
  /// Whether duplicate addresses are looked for, which keeps IPv6 packets back for a second or more.
  var detectsDuplicates: Bool = false
  /// Whether the gateway alone is on the link, and everything else of the network behind it.
  var isPointToPoint: Bool = false

  /// The socket works in the container.
  func apply(_ result: CNIResult, _ socket: inout NetlinkSocket) throws {
    // Neighbours that remember an earlier container of this address learn the new one.
    try Sysctl.set(Sysctl.link("ipv4", link.name, "arp_notify"), "1")
    if result.ips.contains(where: { $0.address.family == .v6 }) {
      try Sysctl.set(Sysctl.link("ipv6", link.name, "disable_ipv6"), "0")
      try Sysctl.set(Sysctl.link("ipv6", link.name, "ndisc_notify"), "1")
    }
    var requests: [NetlinkRequest] = result.ips.map { .addAddress(address($0.address)) }
    requests.append(.setLink(.index(link.index), LinkSettings(isUp: true)))
    let firstRoute: Int = requests.count
    if isPointToPoint { requests += result.ips.flatMap(gatewayRoutes).map { .addRoute($0) } }
    requests += result.routes.map { .addRoute(route($0, result)) }
    for case (let place, let error?) in try socket.performEach(requests).enumerated() {
      // Two address ranges may bring the same route.
      if place >= firstRoute, error.errorNumber == 17 { continue }
      throw error
    }
  }

  private func address(_ prefix: IPPrefix) -> InterfaceAddress {
    var flags: InterfaceAddress.Flags = prefix.family == .v6 && !detectsDuplicates ? [.noDAD] : []
    if isPointToPoint { flags.insert(.noPrefixRoute) }
    let broadcast: IPAddress? = prefix.family == .v4 ? prefix.last : nil
    return InterfaceAddress(link: link.index, prefix: prefix, broadcast: broadcast, flags: flags)
  }

  /// The gateway on the link, and the rest of the address's network behind it.
  private func gatewayRoutes(_ ip: CNIResult.IPConfiguration) -> [Route] {
    guard let gateway = ip.gateway else { return [] }
    var onLink: Route = Route(destination: IPPrefix(host: gateway), link: link.index)
    onLink.scope = Route.Scope.link
    onLink.preferredSource = ip.address.address
    var behind: Route = Route(destination: ip.address.masked, gateway: gateway, link: link.index)
    behind.preferredSource = ip.address.address
    return [onLink, behind]
  }

  private func route(_ route: CNIResult.Route, _ result: CNIResult) -> Route {
    let gateway: IPAddress? =
      route.gateway ?? result.ips.first { $0.address.family == route.destination.family }?.gateway
    var made: Route = Route(destination: route.destination, gateway: gateway, link: link.index)
    made.mtu = route.mtu.map { UInt32(clamping: $0) }
    made.advertisedMSS = route.advertisedMSS.map { UInt32(clamping: $0) }
    made.priority = route.priority.map { UInt32(clamping: $0) }
    made.scope = route.scope.map { UInt8(clamping: $0) }
    if let table = route.table { made.table = UInt32(clamping: table) }
    return made
  }
}
