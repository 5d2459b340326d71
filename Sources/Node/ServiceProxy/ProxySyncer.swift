// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import Glibc
import KubeClient
import KubeCore
import KubeGroups
import Logging
import Netlink
import Nftables

/// The loop that brings changes to the kernel, one round after another.
actor ProxySyncer {
  /// How long after a failure the whole is tried again.
  private static let retryInterval: Duration = .seconds(1)

  private let configuration: ServiceProxyConfiguration
  private let services: Informer<KubeCore.Service>
  private let slices: Informer<DiscoveryEndpointSlice>
  private let health: ProxyHealth
  private let logger: Logger
  private var state: ServiceProxyState

  init(
    configuration: ServiceProxyConfiguration, services: Informer<KubeCore.Service>,
    slices: Informer<DiscoveryEndpointSlice>, health: ProxyHealth, logger: Logger
  ) {
    self.configuration = configuration
    self.services = services
    self.slices = slices
    self.health = health
    self.logger = logger
    state = ServiceProxyState(configuration: configuration)
  }

  /// Works until the task is cancelled.
  func run(_ pending: PendingKeys) async throws {
    var writers: [WriterBox] = []
    for table: RulesTable in state.tables { writers.append(try WriterBox(table.layout.family)) }
    prepareHost()
    for await _ in pending.rounds {
      try Task.checkCancellation()
      let started: ContinuousClock.Instant = .now
      let keys: Set<ObjectKey> = pending.take()
      let effects: ServiceProxyState.Effects = state.update(current(keys))
      var failures: Int = 0
      for (place, table) in state.tables.enumerated() {
        do throws(NftablesError) {
          try writers[place].sync(effects.changes[place], table)
        } catch {
          failures += 1
          logger.error("cannot write rules", metadata: ["table": "\(table.layout.table)", "error": "\(error)"])
        }
      }
      finish(effects)
      health.note(state.known, isHealthy: failures == 0, duration: keys.isEmpty ? nil : started.duration(to: .now))
      if failures > 0 {
        try dropMissingFamily(&writers)
        try await Task.sleep(for: Self.retryInterval)
        pending.wake()
      } else if !keys.isEmpty {
        logger.debug(
          "rules written", metadata: ["services": "\(keys.count)", "duration": "\(started.duration(to: .now))"])
      }
    }
    throw CancellationError()
  }

  private func current(_ keys: Set<ObjectKey>) -> [ObjectKey: ServiceProxyState.Known?] {
    var updates: [ObjectKey: ServiceProxyState.Known?] = [:]
    for key: ObjectKey in keys {
      guard let service: ServiceView = services.get(key).flatMap(ServiceView.init) else {
        updates[key] = .some(nil)
        continue
      }
      let slices: [DiscoveryEndpointSlice] = slices.indexed("service", "\(key.namespace)/\(key.name)")
      updates[key] = ServiceProxyState.Known(
        service: service, endpoints: EndpointsView(slices, nodeName: configuration.nodeName))
    }
    return updates
  }

  /// Clears what the kernel remembers of endpoints that are gone.
  private func finish(_ effects: ServiceProxyState.Effects) {
    guard !effects.staleFlows.isEmpty else { return }
    do throws(NetlinkError) {
      try StaleFlowCleanup.run(effects.staleFlows)
    } catch {
      logger.warning("cannot clear tracked UDP flows", metadata: ["error": "\(error)"])
    }
  }

  /// Forwarding and, for node ports on loopback addresses, routing of those.
  private func prepareHost() {
    set("/proc/sys/net/ipv4/ip_forward", "1")
    if configuration.servesLocalhostNodePorts { set("/proc/sys/net/ipv4/conf/all/route_localnet", "1") }
  }

  private func set(_ path: String, _ value: String) {
    let fd: Int32 = open(path, O_RDWR | O_CLOEXEC)
    guard fd >= 0 else { return logger.warning("cannot open \(path)") }
    defer { close(fd) }
    var current: [UInt8] = [0, 0]
    if read(fd, &current, 1) == 1, current[0] == value.utf8.first { return }
    lseek(fd, 0, SEEK_SET)
    let written: Int = Array(value.utf8).withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
    if written != value.utf8.count { logger.warning("cannot write \(path)") }
  }

  /// A kernel without IPv6 cannot have its table; IPv4 is served without it.
  private func dropMissingFamily(_ writers: inout [WriterBox]) throws {
    guard state.tables.count > 1, access("/proc/net/if_inet6", F_OK) != 0,
      let place: Int = writers.firstIndex(where: { $0.family == .v6 })
    else { return }
    logger.info("this kernel has no IPv6; serving IPv4 alone")
    writers.remove(at: place)
    state.drop(.v6)
  }
}

/// A table's writer, in a class so that several can be in an array.
final class WriterBox {
  let family: IPFamily
  private var writer: TableWriter

  init(_ family: IPFamily) throws(NftablesError) {
    self.family = family
    writer = try TableWriter()
  }

  func sync(_ change: RulesTable.Change, _ table: RulesTable) throws(NftablesError) {
    if try writer.isIntact(table) {
      try writer.apply(change, table)
    } else {
      try writer.writeAll(table)
    }
  }
}

/// Deletes the tracked UDP flows that lead to endpoints which are gone: a flow would keep its way as long as packets
/// come, and nothing tells its sender.
enum StaleFlowCleanup {
  private static let udp: UInt8 = 17

  static func run(_ stale: [ServiceProxyState.StaleFlows]) throws(NetlinkError) {
    try ConnectionTracking.delete { flow in
      guard flow.transport == udp else { return false }
      return stale.contains { isStale(flow, $0) }
    }
  }

  static func isStale(_ flow: ConnectionTracking.Connection, _ stale: ServiceProxyState.StaleFlows) -> Bool {
    guard flow.original.destinationPort == stale.port else { return false }
    if !stale.addresses.isEmpty {
      return stale.addresses.contains(flow.original.destination) && !stale.targets.contains(flow.reply.source)
    }
    // A node port: a flow that was translated to an endpoint that is gone.
    return flow.original.destination != flow.reply.source && !stale.targets.contains(flow.reply.source)
  }
}
