// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import Nftables

/// A chain that sends a connection to one of N endpoints.
///
/// It does not know for which Service: the endpoints are in a map under the packet's own destination and a number
/// below N. All Services of a shape therefore share a chain, and a Service is nothing but elements of maps.
struct DispatchChain: Hashable, Sendable {
  /// By what a packet's Service is known.
  enum Scope: Hashable, Sendable {
    /// By destination address, protocol and port.
    case address
    /// By protocol and port, on the node's own addresses.
    case nodePort
  }

  /// Which endpoints are chosen from.
  enum Choice: Hashable, Sendable {
    /// All usable ones.
    case all(Int)
    /// Those of this node.
    case local(Int)
    /// All, and the packet is masqueraded.
    case external(Int)
    /// Those of this node, but all for pods and for this node itself.
    case externalLocal(local: Int, all: Int)
  }

  var scope: Scope
  var choice: Choice
  /// How long a client stays with its endpoint.
  var affinitySeconds: Int?

  var name: String {
    let sticky: String = affinitySeconds.map { "-sticky-\($0)" } ?? ""
    let start: String = scope == .nodePort ? "node-" : ""
    switch choice {
    case .all(let count): return "\(start)any-\(count)\(sticky)"
    case .local(let count): return "\(start)local-\(count)\(sticky)"
    case .external(let count): return "\(start)external-\(count)\(sticky)"
    case .externalLocal(let local, let all): return "\(start)external-local-\(local)-of-\(all)\(sticky)"
    }
  }

  /// The chains to which this one sends on.
  var needed: [DispatchChain] {
    switch choice {
    case .all, .local: return []
    case .external(let count): return [with(.all(count))]
    case .externalLocal(let local, let all): return [with(.all(all))] + (local > 0 ? [with(.local(local))] : [])
    }
  }

  private func with(_ choice: Choice) -> DispatchChain {
    DispatchChain(scope: scope, choice: choice, affinitySeconds: affinitySeconds)
  }

  /// The chain's rules.
  func rules(_ layout: TableLayout) -> [Rule] {
    switch choice {
    case .all(let count): return pickRules(count, isLocal: false, layout)
    case .local(let count): return pickRules(count, isLocal: true, layout)
    case .external(let count):
      return [
        layout.rule(name, [.verdict(.jump(TableLayout.markChain))]),
        layout.rule(name, [.verdict(.goto(with(.all(count)).name))]),
      ]
    case .externalLocal(let local, let all):
      let everybody: Expression = .verdict(.goto(with(.all(all)).name))
      var rules: [Rule] = []
      if let pods: IPPrefix = layout.clusterCIDR {
        rules.append(layout.rule(name, comment: "pods may use all", Expression.source(in: pods) + [everybody]))
      }
      rules.append(layout.rule(name, Expression.isLocal(.source) + [.verdict(.jump(TableLayout.markChain))]))
      rules.append(layout.rule(name, comment: "so may this node", Expression.isLocal(.source) + [everybody]))
      rules.append(layout.rule(name, [.verdict(local > 0 ? .goto(with(.local(local)).name) : .drop)]))
      return rules
    }
  }

  private func pickRules(_ count: Int, isLocal: Bool, _ layout: TableLayout) -> [Rule] {
    let data: Int = TableLayout.dataRegister
    let translate: Expression = .translate(
      .destination, family: layout.table.family, address: data, port: data + layout.addressSlots, flags: 0)
    let endpoints: RuleSet = RuleSet.endpoints(scope, isLocal: isLocal)
    let pick: [Expression] =
      layout.serviceKey(scope) + [
        .randomNumber(modulus: UInt32(count), into: layout.serviceKeySlots(scope)),
        .map(endpoints.name, key: 0, into: data),
      ]
    guard let seconds: Int = affinitySeconds else { return [layout.rule(name, pick + [translate])] }
    let affinity: String = RuleSet.affinity(scope).name
    let client: [Expression] = [.source(layout.family, into: 0)] + layout.serviceKey(scope, from: layout.addressSlots)
    let remember: Expression = .updateSet(
      affinity, .update, key: 0, data: data, timeoutMilliseconds: UInt64(seconds) * 1000)
    return [
      layout.rule(
        name, comment: "a client that was here", client + [.map(affinity, key: 0, into: data), remember, translate]),
      layout.rule(name, pick + client + [remember, translate]),
    ]
  }
}
