// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import Nftables

/// A chain that sends a connection to one of N endpoints.
///
/// It does not know for which Service: the endpoints are in a map under the packet's own destination and a number
/// below N. All Services of a shape therefore share a chain, and a Service is nothing but elements of maps. Only
/// Services with session affinity have chains of their own.
struct DispatchChain: Hashable, Sendable {
  /// By what a packet's Service is known.
  enum Scope: Hashable, Sendable {
    /// By destination address, protocol and port.
    case address
    /// By protocol and port, on the node's own addresses.
    case nodePort
  }

  /// How one of several is chosen.
  enum Pick: Hashable, Sendable {
    /// By chance, one of so many in the map.
    case random(Int)
    /// The one that the client had, or else by chance.
    case sticky([StickyTarget])

    var isEmpty: Bool {
      switch self {
      case .random(let count): count == 0
      case .sticky(let targets): targets.isEmpty
      }
    }

    /// A part of the chain's name.
    var text: String {
      switch self {
      case .random(let count): "\(count)"
      case .sticky(let targets): "sticky-" + StableHash.text(targets.flatMap { Array($0.name.utf8) })
      }
    }
  }

  /// Which endpoints are chosen from.
  enum Choice: Hashable, Sendable {
    /// All usable ones.
    case all(Pick)
    /// Those of this node.
    case local(Pick)
    /// All, and the packet is masqueraded.
    case external(Pick)
    /// Those of this node, but all for pods and for this node itself.
    case externalLocal(local: Pick, all: Pick)
  }

  var scope: Scope
  var choice: Choice

  var name: String {
    let start: String = scope == .nodePort ? "node-" : ""
    switch choice {
    case .all(let pick): return "\(start)any-\(pick.text)"
    case .local(let pick): return "\(start)local-\(pick.text)"
    case .external(let pick): return "\(start)external-\(pick.text)"
    case .externalLocal(let local, let all): return "\(start)external-local-\(local.text)-of-\(all.text)"
    }
  }

  /// The chains to which this one sends on, and their endpoints' own.
  var needed: [DispatchChain] {
    switch choice {
    case .all, .local: return []
    case .external(let pick): return [with(.all(pick))]
    case .externalLocal(let local, let all): return [with(.all(all))] + (local.isEmpty ? [] : [with(.local(local))])
    }
  }

  /// The endpoints with chains of their own to which this very chain sends.
  var targets: [StickyTarget] {
    switch choice {
    case .all(.sticky(let targets)), .local(.sticky(let targets)): targets
    default: []
    }
  }

  private func with(_ choice: Choice) -> DispatchChain { DispatchChain(scope: scope, choice: choice) }

  /// The chain's rules.
  func rules(_ layout: TableLayout) -> [Rule] {
    switch choice {
    case .all(let pick): return pickRules(pick, isLocal: false, layout)
    case .local(let pick): return pickRules(pick, isLocal: true, layout)
    case .external(let pick):
      return [
        layout.rule(name, [.verdict(.jump(TableLayout.markChain))]),
        layout.rule(name, [.verdict(.goto(with(.all(pick)).name))]),
      ]
    case .externalLocal(let local, let all):
      let everybody: Expression = .verdict(.goto(with(.all(all)).name))
      var rules: [Rule] = []
      if let pods: IPPrefix = layout.clusterCIDR {
        rules.append(layout.rule(name, comment: "pods may use all", Expression.source(in: pods) + [everybody]))
      }
      rules.append(layout.rule(name, Expression.isLocal(.source) + [.verdict(.jump(TableLayout.markChain))]))
      rules.append(layout.rule(name, comment: "so may this node", Expression.isLocal(.source) + [everybody]))
      rules.append(layout.rule(name, [.verdict(local.isEmpty ? .drop : .goto(with(.local(local)).name))]))
      return rules
    }
  }

  private func pickRules(_ pick: Pick, isLocal: Bool, _ layout: TableLayout) -> [Rule] {
    switch pick {
    case .random(let count):
      let data: Int = TableLayout.dataRegister
      let endpoints: RuleSet = RuleSet.endpoints(scope, isLocal: isLocal)
      let expressions: [Expression] =
        layout.serviceKey(scope) + [
          .randomNumber(modulus: UInt32(count), into: layout.serviceKeySlots(scope)),
          .map(endpoints.name, key: 0, into: data),
          .translate(
            .destination, family: layout.table.family, address: data, port: data + layout.addressSlots, flags: 0),
        ]
      return [layout.rule(name, expressions)]
    case .sticky(let targets):
      let known: [Rule] = targets.map { target in
        layout.rule(
          name,
          [
            .source(layout.family, into: 0), .inSet(target.name, key: 0, isInverted: false),
            .verdict(.goto(target.name)),
          ])
      }
      // One in N goes to the first, one in N - 1 of the others to the second, and so on.
      let random: [Rule] = targets.enumerated().map { place, target in
        let left: UInt32 = UInt32(targets.count - place)
        let chance: [Expression] = [.randomNumber(modulus: left, into: 0), .compare(0, .equal, Expression.host(0))]
        return layout.rule(name, (left > 1 ? chance : []) + [.verdict(.goto(target.name))])
      }
      return known + random
    }
  }
}
