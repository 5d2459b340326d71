// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import Nftables

/// The fixed part of the proxy's table of one family: base chains, sets, and the rules that lead into the maps.
///
///     filter-prerouting, filter-input, filter-forward, filter-output    refuse what has no endpoint
///     nat-prerouting, nat-output -> services -> (maps) -> dispatch chains
///     nat-postrouting -> masquerading
struct TableLayout: Hashable, Sendable {
  static let markChain: String = "mark-for-masquerade"
  static let servicesChain: String = "services"
  static let refuseChain: String = "refuse"
  /// Where an endpoint's address and port are loaded: behind the longest key that is needed at the same time.
  static let dataRegister: Int = 10
  /// Before the destination is translated.
  private static let beforeTranslation: Int32 = -110

  var family: IPFamily
  /// The pods' network.
  var clusterCIDR: IPPrefix?
  var masqueradesAll: Bool
  var masqueradeMark: UInt32
  /// Networks of node addresses that serve node ports; none means all.
  var nodePortAddresses: [IPPrefix]
  var servesLocalhostNodePorts: Bool

  init(_ configuration: ServiceProxyConfiguration, family: IPFamily) {
    self.family = family
    clusterCIDR = configuration.clusterCIDRs.first { $0.family == family }
    masqueradesAll = configuration.masqueradesAll
    masqueradeMark = UInt32(1) << UInt32(configuration.masqueradeBit)
    nodePortAddresses = configuration.nodePortAddresses.filter { $0.family == family }
    servesLocalhostNodePorts = configuration.servesLocalhostNodePorts && family == .v4
  }

  var table: Table { Table(family == .v4 ? .ip : .ip6, "kube-proxy") }
  var addressType: DataType { family == .v4 ? .ipv4Address : .ipv6Address }
  var addressSlots: Int { family.bitWidth / 32 }

  func rule(_ chain: String, comment: String = "", _ expressions: [Expression]) -> Rule {
    Rule(table, chain: chain, comment: comment, expressions)
  }

  /// Loads what a packet's Service is known by.
  func serviceKey(_ scope: DispatchChain.Scope, from register: Int = 0) -> [Expression] {
    var place: Int = register
    var loads: [Expression] = []
    if scope == .address {
      loads.append(.destination(family, into: place))
      place += addressSlots
    }
    return loads + [.meta(.transport, into: place), .destinationPort(into: place + 1)]
  }

  func serviceKeySlots(_ scope: DispatchChain.Scope) -> Int { scope == .address ? addressSlots + 2 : 2 }

  /// The empty table, in the place of whatever table of this name there is.
  func skeleton() -> Batch {
    var batch: Batch = Batch()
    // Adding first makes deleting safe; all in one transaction, so that no packet sees the table missing.
    batch.add(table)
    batch.delete(table)
    batch.add(table)
    for set: RuleSet in RuleSet.allCases { batch.add(set.declaration(self)) }
    for (name, base) in Self.baseChains { batch.add(Chain(table, name, base: base)) }
    for name: String in [
      Self.servicesChain, Self.markChain, Self.refuseChain, "masquerading", "endpoints-check", "firewall-check",
      "cluster-ips-check",
    ] { batch.add(Chain(table, name)) }
    for rule: Rule in filterRules + translationRules { batch.add(rule) }
    return batch
  }

  private static let baseChains: [(String, Chain.Base)] = [
    ("filter-prerouting", Chain.Base(.filter, .prerouting, priority: beforeTranslation)),
    ("filter-input", Chain.Base(.filter, .input, priority: beforeTranslation)),
    ("filter-forward", Chain.Base(.filter, .forward, priority: beforeTranslation)),
    ("filter-output", Chain.Base(.filter, .output, priority: beforeTranslation)),
    ("filter-output-post-dnat", Chain.Base(.filter, .output, priority: -90)),
    ("nat-prerouting", Chain.Base(.nat, .prerouting, priority: -100)),
    ("nat-output", Chain.Base(.nat, .output, priority: -100)),
    ("nat-postrouting", Chain.Base(.nat, .postrouting, priority: 100)),
  ]

  private var filterRules: [Rule] {
    let isNew: [Expression] = Expression.isNewConnection
    func jump(_ chain: String, _ target: String) -> Rule { rule(chain, isNew + [.verdict(.jump(target))]) }
    // "Port unreachable" of ICMP and of ICMPv6.
    let refusal: Expression = .reject(.icmp(family == .v4 ? 3 : 4))
    var rules: [Rule] = [
      jump("filter-prerouting", "firewall-check"),
      jump("filter-input", "endpoints-check"),
      jump("filter-forward", "endpoints-check"),
      jump("filter-forward", "cluster-ips-check"),
      jump("filter-output", "endpoints-check"),
      jump("filter-output", "firewall-check"),
      jump("filter-output-post-dnat", "cluster-ips-check"),
      rule(Self.refuseChain, [refusal]),
      rule("endpoints-check", serviceKey(.address) + [.verdictMap(RuleSet.emptyServices.name, key: 0)]),
      rule(
        "endpoints-check",
        Expression.isLocal(.destination) + serviceKey(.nodePort)
          + [.verdictMap(RuleSet.emptyNodePorts.name, key: 0)]),
      rule(
        "cluster-ips-check", comment: "ports that no Service has",
        [
          .destination(family, into: 0), .inSet(RuleSet.clusterIPs.name, key: 0, isInverted: false),
          .verdict(.goto(Self.refuseChain)),
        ]),
      rule(
        "firewall-check", comment: "load balancers with source ranges",
        serviceKey(.address) + [
          .inSet(RuleSet.restricted.name, key: 0, isInverted: false),
        ] + serviceKey(.address) + [
          .source(family, into: serviceKeySlots(.address)),
          .inSet(RuleSet.allowedSources.name, key: 0, isInverted: true), .verdict(.drop),
        ]),
    ]
    if servesLocalhostNodePorts, let loopback = IPPrefix("127.0.0.0/8") {
      // Routing of loopback addresses is on for our own connections; nobody outside may use it.
      rules.insert(
        rule(
          "filter-prerouting", comment: "loopback addresses are this host's alone",
          [.meta(.inputIndex, into: 0), .compare(0, .notEqual, Expression.host(1))]
            + Expression.destination(in: loopback) + isNew + [.verdict(.drop)]), at: 0)
    }
    return rules
  }

  private var translationRules: [Rule] {
    let isNew: [Expression] = Expression.isNewConnection
    var rules: [Rule] = [
      rule("nat-prerouting", isNew + [.verdict(.jump(Self.servicesChain))]),
      rule("nat-output", isNew + [.verdict(.jump(Self.servicesChain))]),
      rule("nat-postrouting", [.verdict(.jump("masquerading"))]),
      rule(Self.markChain, Expression.setMark(masqueradeMark)),
      rule(
        "masquerading", comment: "an endpoint that reaches itself",
        Expression.isDestinationTranslated + [
          .source(family, into: 0), .destination(family, into: addressSlots),
          .inSet(RuleSet.hairpins.name, key: 0, isInverted: false), .masquerade(flags: Expression.fullyRandom),
        ]),
      rule(
        "masquerading",
        Expression.hasMark(masqueradeMark) + Expression.clearMark(masqueradeMark) + [
          .masquerade(flags: Expression.fullyRandom)
        ]),
    ]
    let toClusterIP: [Expression] = [
      .destination(family, into: 0), .inSet(RuleSet.clusterIPs.name, key: 0, isInverted: false),
    ]
    let mark: Expression = .verdict(.jump(Self.markChain))
    if masqueradesAll {
      rules.append(rule(Self.servicesChain, toClusterIP + [mark]))
    } else if let clusterCIDR {
      rules.append(
        rule(
          Self.servicesChain, comment: "from outside of the pods' network",
          toClusterIP + Expression.source(in: clusterCIDR, isInverted: true) + [mark]))
    }
    rules.append(rule(Self.servicesChain, serviceKey(.address) + [.verdictMap(RuleSet.services.name, key: 0)]))
    return rules + nodePortRules
  }

  private var nodePortRules: [Rule] {
    let dispatch: [Expression] = serviceKey(.nodePort) + [.verdictMap(RuleSet.nodePorts.name, key: 0)]
    if !nodePortAddresses.isEmpty {
      return nodePortAddresses.map { network in
        rule(
          Self.servicesChain,
          Expression.isLocal(.destination) + Expression.destination(in: network) + dispatch)
      }
    }
    var match: [Expression] = Expression.isLocal(.destination)
    if !servesLocalhostNodePorts, let loopback = IPPrefix(family == .v4 ? "127.0.0.0/8" : "::1/128") {
      match += Expression.destination(in: loopback, isInverted: true)
    }
    return [rule(Self.servicesChain, match + dispatch)]
  }
}
