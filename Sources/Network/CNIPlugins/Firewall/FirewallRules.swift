// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Nftables

/// The rules that let a container's packets through, in the table `filter` of its family.
///
///     chain FORWARD      { jump CNI-ISOLATION-STAGE-1; jump CNI-FORWARD; ... }
///     chain CNI-FORWARD  { jump CNI-ADMIN; to the container, of a known connection: accept; from the container: accept }
///     chain CNI-ADMIN    { the administrator's own rules }
///
/// A packet that one table accepts may still be dropped by another's rules, so that rules in a table of our own would
/// not help where FORWARD drops what it does not know: they stand where iptables has them, in a form that iptables
/// reads, and under the names of the reference plugin. Comments ("network/container/link") let DEL and GC find them.
struct FirewallRules {
  static let baseChain: String = "FORWARD"
  static let forwardChain: String = "CNI-FORWARD"
  static let defaultAdminChain: String = "CNI-ADMIN"
  static let isolationChains: (first: String, second: String) = ("CNI-ISOLATION-STAGE-1", "CNI-ISOLATION-STAGE-2")
  static let jumpComment: String = "CNI firewall plugin rules"
  static let adminComment: String = "CNI firewall plugin admin overrides"
  static let isolationComment: String = "CNI firewall plugin rules (ingressPolicy: same-bridge)"

  let family: IPFamily

  var table: Table { Table(family == .v4 ? .ip : .ip6, "filter") }

  /// The base chain, as iptables makes it.
  var base: Chain { Chain(table, Self.baseChain, base: Chain.Base(.filter, .forward, priority: 0)) }

  func jump(from chain: String, to target: String, comment: String) -> Rule {
    Rule(table, chain: chain, comment: comment, [.counter, .verdict(.jump(target))])
  }

  /// The two rules of one of a container's addresses.
  func rules(for address: IPAddress, comment: String) -> [Rule] {
    [
      Rule(
        table, chain: Self.forwardChain, comment: comment,
        [
          .destination(family, into: 0), .compare(0, .equal, address.bytes), Self.isKnownConnection, .counter,
          .verdict(.accept),
        ]),
      Rule(
        table, chain: Self.forwardChain, comment: comment,
        [.source(family, into: 0), .compare(0, .equal, address.bytes), .counter, .verdict(.accept)]),
    ]
  }

  /// "-m conntrack --ctstate RELATED,ESTABLISHED": the structure xt_conntrack_mtinfo3, with the states alone.
  private static let isKnownConnection: Expression = {
    var info: [UInt8] = [UInt8](repeating: 0, count: 168)
    func write(_ number: UInt16, at offset: Int) { withUnsafeBytes(of: number) { info.replaceSubrange(offset..<offset + 2, with: $0) } }
    // XT_CONNTRACK_STATE of the flags; ESTABLISHED and RELATED of the states.
    write(1, at: 146)
    write(2 | 4, at: 150)
    return .xtablesMatch("conntrack", revision: 3, bytes: info)
  }()

  // MARK: isolation

  /// What leaves a bridge for another looks into the second chain; the rules of one bridge.
  func isolation(of bridge: String) -> (first: Rule, second: Rule) {
    let name: [UInt8] = Self.linkName(bridge)
    return (
      Rule(
        table, chain: Self.isolationChains.first, comment: Self.isolationComment(bridge),
        [
          .meta(.inputName, into: 0), .compare(0, .equal, name), .meta(.outputName, into: 0), .compare(0, .notEqual, name),
          .counter, .verdict(.jump(Self.isolationChains.second)),
        ]),
      Rule(
        table, chain: Self.isolationChains.second, comment: Self.isolationComment(bridge),
        [.meta(.outputName, into: 0), .compare(0, .equal, name), .counter, .verdict(.drop)])
    )
  }

  /// Names the bridge, so that its rules are found again.
  static func isolationComment(_ bridge: String) -> String { "\(isolationComment) \(bridge)" }

  /// A name as the kernel compares it, with the zero that ends it, so that longer names differ.
  private static func linkName(_ name: String) -> [UInt8] { Array(name.utf8.prefix(15)) + [0] }
}
