// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
public import CNISpec
import Kernel
import Netlink
import Nftables

/// `portmap`: leads ports of the host into the container. It comes after a plugin that gave the container addresses.
public struct PortmapPlugin: Plugin {
  public static let name: String = "portmap"

  private let call: PluginCall
  private let configuration: PortmapConfiguration

  public init(_ call: PluginCall) throws(CNIError) {
    self.call = call
    configuration = try PortmapConfiguration(call)
  }

  private var comment: String { call.ownership.comment(call.attachment) }

  private func previous() throws(CNIError) -> CNIResult {
    guard let previous: CNIResult = try call.previousResult() else {
      throw CNIError(CNIError.Code.invalidConfiguration, "must be called as chained plugin")
    }
    return previous
  }

  /// The container's first address of a family.
  private func address(_ family: IPFamily, _ result: CNIResult) -> IPAddress? {
    result.ips.first { ip in
      guard ip.address.family == family else { return false }
      guard let place = ip.interface, result.interfaces.indices.contains(place) else { return true }
      return !result.interfaces[place].sandbox.isEmpty
    }?.address.address
  }

  public func add() throws(CNIError) -> CNIResult {
    let result: CNIResult = try previous()
    guard !configuration.mappings.isEmpty else { return result }
    var undo: Undo = Undo()
    do throws(CNIError) {
      undo.add { () throws(CNIError) in try removeOwn() }
      for family: IPFamily in IPFamily.allCases {
        guard let container: IPAddress = address(family, result) else { continue }
        try open(HostPorts(family: family), container)
        Failpoints.reach("portmap.ADD.opened")
      }
    } catch {
      throw undo.failing(with: error)
    }
    return result
  }

  private func open(_ ports: HostPorts, _ container: IPAddress) throws(CNIError) {
    let elements: [(set: String, elements: [SetElement])] = ports.elements(
      configuration.mappings, container: container, masquerades: configuration.masquerades, comment: comment)
    guard !elements.isEmpty else { return }
    try kernel("map ports") {
      var socket: NftablesSocket = try NftablesSocket()
      var batch: Batch = Batch()
      for (set, elements) in elements { batch.add(elements, to: set, of: ports.table) }
      do throws(NftablesError) {
        try socket.commit(batch)
      } catch {
        guard error.isMissing || error.isExisting else { throw error }
        if error.isMissing { try createTable(ports, &socket) }
        try replace(elements, ports, &socket)
      }
      if configuration.masquerades, container.isIPv4 { try routeLoopback(to: container) }
      if configuration.mappings.contains(where: { $0.transport == .udp }) {
        try ConnectionTracking.forget(configuration.mappings.filter { $0.transport == .udp && $0.serves(ports.family) })
      }
    }
  }

  private func createTable(_ ports: HostPorts, _ socket: inout NftablesSocket) throws {
    do throws(NftablesError) { try socket.commit(ports.skeleton()) } catch {
      // Another call was first.
      guard error.isExisting else { throw error }
    }
  }

  /// Puts elements in the place of those that a container left whose DEL never came; the caller says who owns a port.
  private func replace(
    _ elements: [(set: String, elements: [SetElement])], _ ports: HostPorts, _ socket: inout NftablesSocket
  ) throws {
    var batch: Batch = Batch()
    for (set, elements) in elements {
      let keys: Set<[UInt8]> = Set(elements.map(\.key))
      batch.delete(try socket.elements(of: set, in: ports.table).filter { keys.contains($0.key) }, from: set, of: ports.table)
      batch.add(elements, to: set, of: ports.table)
    }
    try socket.commit(batch)
  }

  /// Lets 127.0.0.1 of this host be a source on the link to the container.
  private func routeLoopback(to container: IPAddress) throws {
    var socket: NetlinkSocket = try NetlinkSocket(.route)
    guard let index: Int32 = try socket.route(to: container)?.link, let link: Link = try socket.link(.index(index)) else {
      return
    }
    try Sysctl.set(Sysctl.link("ipv4", link.name, "route_localnet"), "1")
  }

  private func removeOwn() throws(CNIError) {
    let own: String = comment
    try remove { $0 == own }
  }

  private func remove(_ matches: (String) -> Bool) throws(CNIError) {
    let places: [(set: String, table: Table)] = IPFamily.allCases.flatMap { family in
      HostPorts.sets.map { (set: $0, table: HostPorts(family: family).table) }
    }
    try kernel("remove port mappings") {
      var socket: NftablesSocket = try NftablesSocket()
      try removeElements(places, &socket, matches)
    }
  }

  /// DEL: takes the mappings of this attachment back; none there is fine.
  public func delete() throws(CNIError) { try removeOwn() }

  public func check() throws(CNIError) {
    let result: CNIResult = try previous()
    for family: IPFamily in IPFamily.allCases {
      guard let container: IPAddress = address(family, result) else { continue }
      let ports: HostPorts = HostPorts(family: family)
      let wanted: [(set: String, elements: [SetElement])] = ports.elements(
        configuration.mappings, container: container, masquerades: configuration.masquerades, comment: comment)
      try kernel("check port mappings") {
        var socket: NftablesSocket = try NftablesSocket()
        for (set, elements) in wanted {
          let present: [SetElement] = try socket.elements(of: set, in: ports.table)
          guard elements.allSatisfy({ element in present.contains { $0.key == element.key && $0.value == element.value } })
          else { throw CNIError(CNIError.Code.plugin, "a port mapping of \(call.containerID) is missing") }
        }
      }
    }
  }

  public func status() throws(CNIError) {}

  public func collectGarbage() throws(CNIError) {
    try remove(call.ownership.isStale(keeping: call.validAttachments))
  }
}
