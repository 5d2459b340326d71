// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Nftables

/// Changes the containers' rules in the table `filter`; each change is one transaction.
struct FirewallTable {
  /// Others change the table, too; then we look again.
  private static let attemptsMax: Int = 5

  /// Lets the packets of a container's addresses through, and makes the chains that are missing.
  static func add(
    _ addresses: [IPAddress], comment: String, _ configuration: FirewallConfiguration, bridge: String?
  ) throws(CNIError) {
    try kernel("let the container's packets through") {
      var socket: NftablesSocket = try NftablesSocket()
      for attempt: Int in 1...attemptsMax {
        var batch: Batch = Batch()
        for family: IPFamily in IPFamily.allCases {
          let own: [IPAddress] = addresses.filter { $0.family == family }
          guard !own.isEmpty else { continue }
          let rules: FirewallRules = FirewallRules(family: family)
          try prepare(rules, configuration, &batch, &socket)
          if let bridge { try isolate(bridge, rules, &batch, &socket) }
          // A second ADD replaces the rules of the first.
          for old: Rule in try present(rules.table, FirewallRules.forwardChain, &socket) where old.comment == comment {
            if let handle = old.handle { batch.deleteRule(rules.table, chain: old.chain, handle: handle) }
          }
          for rule: Rule in own.flatMap({ rules.rules(for: $0, comment: comment) }) { batch.add(rule) }
        }
        do throws(NftablesError) {
          try socket.commit(batch)
          return
        } catch {
          guard error.isExisting || error.isMissing, attempt < attemptsMax else { throw error }
        }
      }
    }
  }

  /// The table, its chains and the jumps between them, as far as they are missing.
  private static func prepare(
    _ rules: FirewallRules, _ configuration: FirewallConfiguration, _ batch: inout Batch, _ socket: inout NftablesSocket
  ) throws(NftablesError) {
    let chains: [String] = try chains(of: rules.table, &socket)
    if chains.isEmpty { batch.add(rules.table) }
    // To add a base chain that exists would set its policy.
    if !chains.contains(FirewallRules.baseChain) { batch.add(rules.base, mustBeNew: true) }
    for chain: String in [FirewallRules.forwardChain, configuration.adminChain] where !chains.contains(chain) {
      batch.add(Chain(rules.table, chain))
    }
    try addJump(
      rules.jump(from: FirewallRules.baseChain, to: FirewallRules.forwardChain, comment: FirewallRules.jumpComment), &batch,
      &socket)
    try addJump(
      rules.jump(from: FirewallRules.forwardChain, to: configuration.adminChain, comment: FirewallRules.adminComment), &batch,
      &socket)
  }

  private static func addJump(_ jump: Rule, _ batch: inout Batch, _ socket: inout NftablesSocket) throws(NftablesError) {
    guard case .verdict(let verdict) = jump.expressions.last else { return }
    let present: [Rule] = try present(jump.table, jump.chain, &socket)
    if !present.contains(where: { $0.verdict == verdict }) { batch.insert(jump) }
  }

  /// Keeps the containers of a bridge from those of other isolated bridges.
  private static func isolate(
    _ bridge: String, _ rules: FirewallRules, _ batch: inout Batch, _ socket: inout NftablesSocket
  ) throws(NftablesError) {
    let names: (first: String, second: String) = FirewallRules.isolationChains
    let chains: [String] = try chains(of: rules.table, &socket)
    for chain: String in [names.first, names.second] where !chains.contains(chain) { batch.add(Chain(rules.table, chain)) }
    try addJump(
      rules.jump(from: FirewallRules.baseChain, to: names.first, comment: FirewallRules.isolationComment), &batch, &socket)
    let (first, second) = rules.isolation(of: bridge)
    for rule: Rule in [first, second] {
      let present: [Rule] = try present(rules.table, rule.chain, &socket)
      if !present.contains(where: { $0.comment == rule.comment }) { batch.insert(rule) }
    }
  }

  private static func chains(of table: Table, _ socket: inout NftablesSocket) throws(NftablesError) -> [String] {
    try socket.chains(of: table)
  }

  /// A chain's rules; none where it does not exist.
  private static func present(
    _ table: Table, _ chain: String, _ socket: inout NftablesSocket
  ) throws(NftablesError) -> [Rule] {
    do throws(NftablesError) { return try socket.rules(of: table, chain: chain) } catch {
      guard error.isMissing else { throw error }
      return []
    }
  }

  /// Removes the rules whose comments match, of both families; chains and jumps stay, as do the administrator's rules.
  static func remove(_ matches: (String) -> Bool) throws(CNIError) {
    try kernel("remove the container's rules") {
      var socket: NftablesSocket = try NftablesSocket()
      for attempt: Int in 1...attemptsMax {
        var batch: Batch = Batch()
        for family: IPFamily in IPFamily.allCases {
          let table: Table = FirewallRules(family: family).table
          for rule: Rule in try present(table, FirewallRules.forwardChain, &socket) where matches(rule.comment) {
            if let handle = rule.handle { batch.deleteRule(table, chain: rule.chain, handle: handle) }
          }
        }
        do throws(NftablesError) {
          try socket.commit(batch)
          return
        } catch {
          guard error.isMissing, attempt < attemptsMax else { throw error }
        }
      }
    }
  }

  /// Throws where a rule or a jump of a container's addresses is missing.
  static func check(
    _ addresses: [IPAddress], comment: String, _ configuration: FirewallConfiguration
  ) throws(CNIError) {
    try kernel("check the container's rules") {
      var socket: NftablesSocket = try NftablesSocket()
      for family: IPFamily in IPFamily.allCases {
        let wanted: Int = 2 * addresses.count { $0.family == family }
        guard wanted > 0 else { continue }
        let table: Table = FirewallRules(family: family).table
        let base: [Rule] = try present(table, FirewallRules.baseChain, &socket)
        let forward: [Rule] = try present(table, FirewallRules.forwardChain, &socket)
        guard base.contains(where: { $0.verdict == .jump(FirewallRules.forwardChain) }),
          forward.contains(where: { $0.verdict == .jump(configuration.adminChain) })
        else {
          throw CNIError(
            CNIError.Code.plugin,
            "a jump to \(FirewallRules.forwardChain) or \(configuration.adminChain) is missing in \(table)")
        }
        guard forward.count(where: { $0.comment == comment && $0.verdict == .accept }) == wanted else {
          throw CNIError(CNIError.Code.plugin, "a rule of \(comment) is missing in chain \(FirewallRules.forwardChain) of \(table)")
        }
      }
    }
  }
}
