// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Netlink

/// The virtual Ethernet pair between a bridge and a container.
struct ContainerLink {
  let call: PluginCall
  let configuration: BridgeConfiguration

  /// How often another name is tried when the random one is taken.
  private static let nameAttemptsMax: Int = 10

  /// Makes the pair, its host end a port of the bridge and up, its other end in the container and down.
  func create(port bridge: Link, in namespace: Int32, _ socket: inout NetlinkSocket) throws -> Link {
    for attempt: Int in 1...Self.nameAttemptsMax {
      let name: String = "veth" + PluginSystem.randomName()
      let host: LinkSettings = LinkSettings(name: name, mtu: configuration.mtu, master: bridge.index, isUp: true)
      let peer: LinkSettings = LinkSettings(
        name: call.interfaceName, mac: configuration.mac, mtu: configuration.mtu, namespace: namespace)
      let isPlain: Bool = !configuration.isHairpin && !configuration.isIsolated && configuration.vlan == nil
      do throws(NetlinkError) {
        try socket.perform(.createVethPair(host, peer: peer))
      } catch {
        // EEXIST: either our name is taken, or the container has the link.
        if error.errorNumber == 17, try socket.link(.name(name)) != nil, attempt < Self.nameAttemptsMax { continue }
        guard error.errorNumber == 17 else { throw error }
        throw CNIError(
          CNIError.Code.plugin,
          "failed to setup veth: container veth name (\"\(call.interfaceName)\") peer provided already exists")
      }
      let link: Link = try socket.existingLink(.name(name))
      guard !isPlain else { return link }
      do {
        try setPort(link.index, bridge, &socket)
      } catch {
        try socket.perform(.deleteLink(.index(link.index)))
        throw error
      }
      return link
    }
    throw CNIError(CNIError.Code.plugin, "failed to find a free name for the host's end of the veth pair")
  }

  private func setPort(_ index: Int32, _ bridge: Link, _ socket: inout NetlinkSocket) throws {
    var requests: [NetlinkRequest] = []
    if configuration.isHairpin || configuration.isIsolated {
      requests.append(
        .setBridgePort(
          index,
          BridgePortSettings(
            isHairpin: configuration.isHairpin ? true : nil, isIsolated: configuration.isIsolated ? true : nil)))
    }
    if let vlan = configuration.vlan {
      requests.append(.addBridgeVLAN(index, identifier: vlan, isUntagged: true, isPortVLAN: true))
      if !configuration.keepsDefaultVLAN { requests.append(.removeBridgeVLAN(index, identifier: 1)) }
    }
    try socket.perform(requests)
  }

  /// Gives the container's end its addresses and routes and brings it up; the socket works in the container.
  func configure(_ result: CNIResult?, _ socket: inout NetlinkSocket) throws -> Link {
    let link: Link = try socket.existingLink(.name(call.interfaceName))
    if configuration.isInterfaceDisabled { return link }
    guard let result else {
      try socket.perform(.setLink(.index(link.index), LinkSettings(isUp: true)))
      return link
    }
    // Neighbours that remember an earlier container of this address learn the new one.
    try Sysctl.set(Sysctl.link("ipv4", link.name, "arp_notify"), "1")
    if result.ips.contains(where: { $0.address.family == .v6 }) {
      try Sysctl.set(Sysctl.link("ipv6", link.name, "disable_ipv6"), "0")
      try Sysctl.set(Sysctl.link("ipv6", link.name, "ndisc_notify"), "1")
    }
    var requests: [NetlinkRequest] = result.ips.map { ip in
      let isPlainIPv6: Bool = ip.address.family == .v6 && !configuration.detectsDuplicates
      return .addAddress(
        InterfaceAddress(
          link: link.index, prefix: ip.address, broadcast: ip.address.family == .v4 ? ip.address.last : nil,
          flags: isPlainIPv6 ? [.noDAD] : []))
    }
    requests.append(.setLink(.index(link.index), LinkSettings(isUp: true)))
    let firstRoute: Int = requests.count
    requests += result.routes.map { .addRoute(route($0, link: link.index, result)) }
    for case (let place, let error?) in try socket.performEach(requests).enumerated() {
      // Two address ranges may bring the same route.
      if place >= firstRoute, error.errorNumber == 17 { continue }
      throw error
    }
    return link
  }

  private func route(_ route: CNIResult.Route, link: Int32, _ result: CNIResult) -> Route {
    let gateway: IPAddress? =
      route.gateway ?? result.ips.first { $0.address.family == route.destination.family }?.gateway
    var made: Route = Route(destination: route.destination, gateway: gateway, link: link)
    made.mtu = route.mtu.map(UInt32.init)
    made.advertisedMSS = route.advertisedMSS.map(UInt32.init)
    made.priority = route.priority.map(UInt32.init)
    made.scope = route.scope.map(UInt8.init)
    if let table = route.table { made.table = UInt32(table) }
    return made
  }
}
