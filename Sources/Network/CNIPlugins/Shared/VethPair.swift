// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Netlink

/// A virtual Ethernet pair with one end on the host and the other in a container.
struct VethPair {
  /// The name of the container's end.
  let containerName: String
  /// The largest packet of both ends; nil leaves the kernel's default.
  var mtu: Int?
  /// The hardware address of the container's end; nil leaves it to the kernel.
  var containerMAC: MACAddress?
  /// The index of the bridge that the host's end is a port of.
  var master: Int32?

  /// How often another name is tried when the random one is taken.
  private static let nameAttemptsMax: Int = 10

  /// Makes the pair, its host end up, its other end in the container's namespace and down; the host's end.
  func create(in namespace: Int32, _ socket: inout NetlinkSocket) throws -> Link {
    for attempt: Int in 1...Self.nameAttemptsMax {
      let name: String = "veth" + PluginSystem.randomName()
      let host: LinkSettings = LinkSettings(name: name, mtu: mtu, master: master, isUp: true)
      let peer: LinkSettings = LinkSettings(name: containerName, mac: containerMAC, mtu: mtu, namespace: namespace)
      do throws(NetlinkError) {
        try socket.perform(.createVethPair(host, peer: peer))
      } catch {
        // EEXIST: either our name is taken, or the container has the link.
        if error.errorNumber == 17, try socket.link(.name(name)) != nil, attempt < Self.nameAttemptsMax { continue }
        guard error.errorNumber == 17 else { throw error }
        throw CNIError(
          CNIError.Code.plugin,
          "failed to setup veth: container veth name (\"\(containerName)\") peer provided already exists")
      }
      return try socket.existingLink(.name(name))
    }
    throw CNIError(CNIError.Code.plugin, "failed to find a free name for the host's end of the veth pair")
  }

  /// A step that takes the pair back by the index of its host end.
  static func removal(ofHostLink index: Int32) -> () throws(CNIError) -> Void {
    { () throws(CNIError) in
      try kernel("delete veth pair") {
        var socket: NetlinkSocket = try NetlinkSocket(.route)
        try socket.perform(.deleteLink(.index(index)))
      }
    }
  }

  /// Deletes a call's link in the container, and the host's end with it; a link or a namespace that is gone is no error.
  static func delete(_ call: PluginCall) throws(CNIError) {
    guard namespaceExists(call.namespacePath) else { return }
    try inContainer(call.namespacePath) { socket in
      do throws(NetlinkError) {
        try socket.perform(.deleteLink(.name(call.interfaceName)))
      } catch {
        // ENODEV: it is gone already.
        guard error.errorNumber == 19 else { throw error }
      }
    }
  }
}
