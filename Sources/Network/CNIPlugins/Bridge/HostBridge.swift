// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Netlink

/// The bridge on the host: made when the first container comes, never removed.
struct HostBridge {
  let configuration: BridgeConfiguration

  /// Finds or makes the bridge, and brings it into the configured state.
  func prepare(_ socket: inout NetlinkSocket) throws -> Link {
    let reference: LinkReference = .name(configuration.bridge)
    if let found: Link = try socket.link(reference) { return try adjust(found, &socket) }
    var settings: LinkSettings = LinkSettings(name: configuration.bridge, mtu: configuration.mtu, isUp: true)
    if configuration.isPromiscuous { settings.isPromiscuous = true }
    do throws(NetlinkError) {
      try socket.perform(.createBridge(settings, filtersVLANs: configuration.vlan != nil))
    } catch {
      // Another container came at the same moment: EEXIST.
      guard error.errorNumber == 17 else { throw error }
    }
    let made: Link = try adjust(try socket.existingLink(reference), &socket)
    // The host is a router here and must not take another's advertisements.
    try Sysctl.set(Sysctl.link("ipv6", configuration.bridge, "accept_ra"), "0")
    return made
  }

  private func adjust(_ link: Link, _ socket: inout NetlinkSocket) throws -> Link {
    guard link.kind == "bridge" else {
      throw CNIError(CNIError.Code.plugin, "\"\(configuration.bridge)\" already exists but is not a bridge")
    }
    var settings: LinkSettings = LinkSettings(isUp: true)
    if configuration.isPromiscuous { settings.isPromiscuous = true }
    if !link.isUp || (configuration.isPromiscuous && link.promiscuity == 0) {
      try socket.perform(.setLink(.index(link.index), settings))
    }
    return link
  }

  /// Gives the bridge the gateway's address, and fixes its hardware address.
  func addGateway(_ prefix: IPPrefix, _ bridge: Link, _ socket: inout NetlinkSocket) throws {
    let own: [InterfaceAddress] = try socket.addresses(link: bridge.index, family: prefix.family)
    if own.contains(where: { $0.prefix == prefix }) { return }
    for other: InterfaceAddress in own where other.prefix.overlaps(prefix) {
      guard configuration.forcesAddress else {
        throw CNIError(
          CNIError.Code.plugin,
          "failed to add IP addr to \"\(bridge.name)\": already has an IP address different from \(prefix)")
      }
      try socket.perform(.deleteAddress(other))
    }
    let broadcast: IPAddress? = prefix.family == .v4 ? prefix.last : nil
    // Duplicate address detection would keep IPv6 packets back for a second or more.
    let flags: InterfaceAddress.Flags = prefix.family == .v6 && !configuration.detectsDuplicates ? [.noDAD] : []
    var requests: [NetlinkRequest] = [
      .addAddress(InterfaceAddress(link: bridge.index, prefix: prefix, broadcast: broadcast, flags: flags))
    ]
    // Otherwise a bridge takes the lowest address among its ports, and changes as they come and go.
    if let mac = bridge.mac { requests.append(.setLink(.index(bridge.index), LinkSettings(mac: mac))) }
    for case let error? in try socket.performEach(requests) where error.errorNumber != 17 { throw error }
  }
}
