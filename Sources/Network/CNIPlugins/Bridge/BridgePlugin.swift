// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
public import CNISpec
import Kernel
import Netlink

/// `bridge`: connects the container to a bridge of the host by a veth pair.
public struct BridgePlugin: Plugin {
  public static let name: String = "bridge"

  private let call: PluginCall
  private let configuration: BridgeConfiguration
  private let ipam: IPAM?

  public init(_ call: PluginCall) throws(CNIError) {
    self.call = call
    configuration = try BridgeConfiguration(call)
    ipam = IPAM(call)
  }

  // MARK: ADD

  public func add() throws(CNIError) -> CNIResult {
    let namespace: NetworkNamespace = try openNamespace(call.namespacePath)
    var undo: Undo = Undo()
    do throws(CNIError) {
      var addresses: CNIResult?
      if let ipam { addresses = try ipam.add(&undo) }
      return try attach(namespace, addresses, &undo)
    } catch {
      throw undo.failing(with: error)
    }
  }

  private func attach(
    _ namespace: borrowing NetworkNamespace, _ addresses: CNIResult?, _ undo: inout Undo
  ) throws(CNIError) -> CNIResult {
    var result: CNIResult = addresses ?? CNIResult()
    try completeGateways(&result)
    if !configuration.dns.isEmpty { result.dns = configuration.dns }
    let hostBridge: HostBridge = HostBridge(configuration: configuration)
    let containerLink: ContainerLink = ContainerLink(call: call, configuration: configuration)
    var socket: NetlinkSocket = try kernel("open netlink socket") { try NetlinkSocket(.route) }
    let bridge: Link = try kernel("set up bridge \(configuration.bridge)") { try hostBridge.prepare(&socket) }
    if configuration.isGateway {
      try kernel("set up gateway") {
        for prefix: IPPrefix in gateways(of: result) {
          try hostBridge.addGateway(prefix, bridge, &socket)
          try Sysctl.enableForwarding(prefix.family)
        }
      }
    }
    let hostLink: Link = try kernel("set up veth pair") {
      try containerLink.create(port: bridge, in: namespace.fileDescriptor, &socket)
    }
    Failpoints.reach("bridge.ADD.link")
    undo.add(VethPair.removal(ofHostLink: hostLink.index))
    let inside: Link = try kernel("set up \(call.interfaceName) in the container") {
      try namespace.withEntered {
        var socket: NetlinkSocket = try NetlinkSocket(.route)
        return try containerLink.configure(addresses == nil ? nil : result, &socket)
      }
    }
    if configuration.masquerades {
      let (network, attachment) = (call.networkName, call.attachment)
      undo.add { () throws(CNIError) in try Masquerade.remove(network: network, attachment) }
      try Masquerade.add(result.ips.map(\.address), network: network, attachment)
      Failpoints.reach("bridge.ADD.masquerade")
    }
    forgetNeighbours(result, bridge.index, &socket)
    // The bridge's hardware address may have changed with its first port.
    let bridgeNow: Link = try kernel("look at the bridge") { try socket.existingLink(.index(bridge.index)) }
    result.interfaces = [
      CNIResult.Interface(bridgeNow), CNIResult.Interface(hostLink),
      CNIResult.Interface(inside, sandbox: call.namespacePath),
    ]
    for place: Int in result.ips.indices { result.ips[place].interface = 2 }
    return result
  }

  /// Fills in gateways that the IPAM plugin left out, and the default routes that lead to them.
  private func completeGateways(_ result: inout CNIResult) throws(CNIError) {
    for place: Int in result.ips.indices {
      let prefix: IPPrefix = result.ips[place].address
      if result.ips[place].gateway == nil, configuration.isGateway {
        result.ips[place].gateway = prefix.network.advanced(by: 1)
      }
      guard configuration.isDefaultGateway, let gateway = result.ips[place].gateway else { continue }
      let destination: IPPrefix = .all(prefix.family)
      if let route = result.routes.first(where: { $0.destination == destination && $0.gateway != nil && $0.gateway != gateway }) {
        throw CNIError(
          CNIError.Code.plugin,
          "isDefaultGateway ineffective because IPAM sets default route via \(route.gateway ?? gateway)")
      }
      result.routes.append(CNIResult.Route(destination: destination, gateway: gateway))
    }
  }

  /// The bridge's own addresses: each gateway once.
  private func gateways(of result: CNIResult) -> [IPPrefix] {
    var prefixes: [IPPrefix] = []
    for ip: CNIResult.IPConfiguration in result.ips {
      guard let gateway = ip.gateway, let prefix = IPPrefix(address: gateway, length: ip.address.length),
        !prefixes.contains(prefix)
      else { continue }
      prefixes.append(prefix)
    }
    return prefixes
  }

  /// The host may remember the hardware address of an earlier container with this address.
  private func forgetNeighbours(_ result: CNIResult, _ bridge: Int32, _ socket: inout NetlinkSocket) {
    let requests: [NetlinkRequest] = result.ips.map {
      .deleteNeighbour(link: bridge, address: $0.address.address)
    }
    // Nothing remembered is the usual case, and a stale entry corrects itself in a second.
    _ = try? socket.performEach(requests)
  }

  // MARK: the others

  public func delete() throws(CNIError) {
    // Whatever of it is left goes; the addresses last, so that nobody else gets them too early.
    try VethPair.delete(call)
    Failpoints.reach("bridge.DEL.link")
    if configuration.masquerades { try Masquerade.remove(network: call.networkName, call.attachment) }
    try ipam?.perform(.delete)
  }

  public func check() throws(CNIError) {
    try ipam?.perform(.check)
    let check: InterfaceCheck = try InterfaceCheck(call)
    try kernel("check the bridge") {
      var socket: NetlinkSocket = try NetlinkSocket(.route)
      for interface in check.previous.interfaces where interface.sandbox.isEmpty {
        let link: Link = try socket.existingLink(.name(interface.name))
        if !interface.mac.isEmpty, link.mac?.description != interface.mac, link.name != configuration.bridge {
          throw CNIError(CNIError.Code.plugin, "MAC of \(link.name) is not \(interface.mac)")
        }
      }
    }
    try check.run()
  }

  public func status() throws(CNIError) { try ipam?.perform(.status) }

  public func collectGarbage() throws(CNIError) {
    try ipam?.perform(.collectGarbage)
    if configuration.masquerades {
      try Masquerade.collectGarbage(network: call.networkName, keeping: call.validAttachments)
    }
  }
}
