// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import KubeClient
import Nftables

/// What the proxy knows and wants, without the kernel: Services and endpoints in, changes of the tables out.
struct ServiceProxyState: Sendable {
  /// A Service as it was last turned into rules.
  struct Known: Sendable {
    var service: ServiceView
    var endpoints: EndpointsView
  }

  /// UDP flows whose endpoint is gone, or that began before there was one.
  struct StaleFlows: Sendable, Hashable {
    /// Virtual addresses of the Service; empty for a node port.
    var addresses: Set<IPAddress>
    var port: UInt16
    /// Where flows may lead.
    var targets: Set<IPAddress>
  }

  /// What follows from a change, besides the tables' elements.
  struct Effects: Sendable {
    var changes: [RulesTable.Change]
    var staleFlows: [StaleFlows] = []
  }

  private(set) var tables: [RulesTable]
  private(set) var known: [ObjectKey: Known] = [:]

  init(configuration: ServiceProxyConfiguration) {
    tables = configuration.families.map { RulesTable(layout: TableLayout(configuration, family: $0)) }
  }

  /// Stops serving a family.
  mutating func drop(_ family: IPFamily) { tables.removeAll { $0.layout.family == family } }

  /// Takes the new states of Services; nil stands for one that is gone or not ours.
  mutating func update(_ updates: [ObjectKey: Known?]) -> Effects {
    var effects: Effects = Effects(changes: tables.map { _ in RulesTable.Change() })
    for (key, new) in updates {
      let old: Known? = known[key]
      known[key] = new
      for place: Int in tables.indices {
        let family: IPFamily = tables[place].layout.family
        let rules: ServiceRules? = new.map { ServiceRules($0.service, $0.endpoints, family: family) }
        tables[place].set(rules, for: key, &effects.changes[place])
      }
      Self.noteLosses(old, new, &effects)
    }
    return effects
  }

  private static func noteLosses(_ old: Known?, _ new: Known?, _ effects: inout Effects) {
    let service: ServiceView? = new?.service ?? old?.service
    guard let service else { return }
    for port: ServiceView.Port in service.ports {
      let before: Set<EndpointView> = Set(old?.endpoints.byPort[port.name] ?? [])
      let after: Set<EndpointView> = Set(new?.endpoints.byPort[port.name] ?? [])
      if before == after, old?.service == new?.service { continue }
      guard port.transport == .udp else { continue }
      let targets: Set<IPAddress> = Set(after.filter { $0.isReady || $0.isServing }.map(\.address))
      let addresses: Set<IPAddress> = Set(
        service.clusterIPs + service.externalIPs + service.loadBalancerIPs)
      effects.staleFlows.append(StaleFlows(addresses: addresses, port: port.port, targets: targets))
      if port.nodePort > 0 {
        effects.staleFlows.append(StaleFlows(addresses: [], port: port.nodePort, targets: targets))
      }
    }
  }
}
