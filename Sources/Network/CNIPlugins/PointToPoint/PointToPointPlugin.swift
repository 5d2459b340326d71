// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
public import CNISpec
import Kernel
import Netlink

/// `ptp`: connects the container to the host by a veth pair and routes; no bridge is between them.
///
/// The host's end of the pair has the gateway's address and a route to the container's. In the container the gateway
/// alone is on the link, and the rest of its network is behind the gateway.
public struct PointToPointPlugin: Plugin {
  /// The plugin's type.
  public static let name: String = "ptp"

  private let call: PluginCall
  private let configuration: PointToPointConfiguration
  private let ipam: IPAM?

  /// Reads the plugin's own part of the configuration.
  public init(_ call: PluginCall) throws(CNIError) {
    self.call = call
    configuration = try PointToPointConfiguration(call)
    ipam = IPAM(call)
  }

  private func requiredIPAM() throws(CNIError) -> IPAM {
    guard let ipam else {
      throw CNIError(CNIError.Code.invalidConfiguration, "ptp needs addresses: name an IPAM plugin in \"ipam.type\"")
    }
    return ipam
  }

  /// Makes the pair and its routes; the result has the host's end and the container's.
  public func add() throws(CNIError) -> CNIResult {
    let ipam: IPAM = try requiredIPAM()
    let namespace: NetworkNamespace = try openNamespace(call.namespacePath)
    var undo: Undo = Undo()
    do throws(CNIError) {
      let addresses: CNIResult = try ipam.add(&undo)
      for ip: CNIResult.IPConfiguration in addresses.ips where ip.gateway == nil {
        throw CNIError(
          CNIError.Code.invalidConfiguration, "\(ip.address) has no gateway: ptp needs one for each address, from the IPAM plugin")
      }
      return try attach(namespace, addresses, &undo)
    } catch {
      throw undo.failing(with: error)
    }
  }

  private func attach(
    _ namespace: borrowing NetworkNamespace, _ addresses: CNIResult, _ undo: inout Undo
  ) throws(CNIError) -> CNIResult {
    var result: CNIResult = addresses
    if !configuration.dns.isEmpty { result.dns = configuration.dns }
    for family: IPFamily in IPFamily.allCases where result.ips.contains(where: { $0.address.family == family }) {
      try Sysctl.enableForwarding(family)
    }
    var socket: NetlinkSocket = try kernel("open netlink socket") { try NetlinkSocket(.route) }
    let hostLink: Link = try kernel("set up veth pair") {
      let pair: VethPair = VethPair(containerName: call.interfaceName, mtu: configuration.mtu)
      return try pair.create(in: namespace.fileDescriptor, &socket)
    }
    undo.add(VethPair.removal(ofHostLink: hostLink.index))
    Failpoints.reach("ptp.ADD.link")
    let inside: Link = try kernel("set up \(call.interfaceName) in the container") {
      try namespace.withEntered {
        var socket: NetlinkSocket = try NetlinkSocket(.route)
        let link: Link = try socket.existingLink(.name(call.interfaceName))
        try LinkAddressing(link: link, isPointToPoint: true).apply(result, &socket)
        return link
      }
    }
    try kernel("set up \(hostLink.name)") { try configure(hostLink, result, &socket) }
    if configuration.masquerades {
      let (network, attachment) = (call.networkName, call.attachment)
      undo.add { () throws(CNIError) in try Masquerade.remove(network: network, attachment) }
      try Masquerade.add(result.ips.map(\.address), network: network, attachment)
    }
    result.interfaces = [CNIResult.Interface(hostLink), CNIResult.Interface(inside, sandbox: call.namespacePath)]
    for place: Int in result.ips.indices { result.ips[place].interface = 1 }
    return result
  }

  /// Gives the host's end the gateways' addresses, and the host the routes to the container.
  private func configure(_ link: Link, _ result: CNIResult, _ socket: inout NetlinkSocket) throws {
    var requests: [NetlinkRequest] = []
    for ip: CNIResult.IPConfiguration in result.ips {
      guard let gateway = ip.gateway else { continue }
      let flags: InterfaceAddress.Flags = gateway.family == .v6 ? [.noDAD] : []
      requests.append(.addAddress(InterfaceAddress(link: link.index, prefix: IPPrefix(host: gateway), flags: flags)))
    }
    for ip: CNIResult.IPConfiguration in result.ips {
      var route: Route = Route(destination: IPPrefix(host: ip.address.address), link: link.index)
      route.scope = Route.Scope.host
      requests.append(.addRoute(route))
    }
    for case (let place, let error?) in try socket.performEach(requests).enumerated() {
      // Several addresses may share a gateway. A route that is there leads to another container.
      if place < result.ips.count, error.errorNumber == 17 { continue }
      throw error
    }
  }

  /// Removes the pair, the masquerading and the lease; what is gone already is no error.
  public func delete() throws(CNIError) {
    // The addresses last, so that nobody else gets them too early.
    try VethPair.delete(call)
    Failpoints.reach("ptp.DEL.link")
    if configuration.masquerades { try Masquerade.remove(network: call.networkName, call.attachment) }
    try ipam?.perform(.delete)
  }

  /// Compares the pair, its addresses and routes with the previous result.
  public func check() throws(CNIError) {
    try requiredIPAM().perform(.check)
    let check: InterfaceCheck = try InterfaceCheck(call)
    try check.run()
    try kernel("check the host's end") {
      var socket: NetlinkSocket = try NetlinkSocket(.route)
      for interface in check.previous.interfaces where interface.sandbox.isEmpty {
        let link: Link = try socket.existingLink(.name(interface.name))
        if !interface.mac.isEmpty, link.mac?.description != interface.mac {
          throw CNIError(CNIError.Code.plugin, "MAC of \(link.name) is not \(interface.mac)")
        }
      }
    }
  }

  /// Asks the IPAM plugin.
  public func status() throws(CNIError) { try requiredIPAM().perform(.status) }

  /// Gives leases and masquerading of attachments back that are not valid any more.
  public func collectGarbage() throws(CNIError) {
    try ipam?.perform(.collectGarbage)
    if configuration.masquerades {
      try Masquerade.collectGarbage(network: call.networkName, keeping: call.validAttachments)
    }
  }
}
