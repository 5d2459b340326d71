// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Netlink

/// The virtual Ethernet pair between a bridge and a container.
struct ContainerLink {
  let call: PluginCall
  let configuration: BridgeConfiguration

  /// Makes the pair, its host end a port of the bridge and up, its other end in the container and down.
  func create(port bridge: Link, in namespace: Int32, _ socket: inout NetlinkSocket) throws -> Link {
    let pair: VethPair = VethPair(
      containerName: call.interfaceName, mtu: configuration.mtu, containerMAC: configuration.mac, master: bridge.index)
    let link: Link = try pair.create(in: namespace, &socket)
    let isPlain: Bool = !configuration.isHairpin && !configuration.isIsolated && configuration.vlan == nil
    guard !isPlain else { return link }
    do {
      try setPort(link.index, bridge, &socket)
    } catch {
      try socket.perform(.deleteLink(.index(link.index)))
      throw error
    }
    return link
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
    try LinkAddressing(link: link, detectsDuplicates: configuration.detectsDuplicates).apply(result, &socket)
    return link
  }
}
