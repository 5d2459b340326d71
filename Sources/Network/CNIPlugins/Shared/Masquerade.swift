// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Nftables

/// Hides containers behind the host's address when they talk to the world (`ipMasq`).
///
/// One table a family, `apus-masquerade`. A map leads from a container's address to the chain of its network,
/// which lets traffic within the network and multicast pass and masquerades the rest. An element's comment is
/// "network/container/link", so that DEL and GC find it without the result.
struct Masquerade {
  private static let sources: String = "sources"

  static func table(_ family: IPFamily) -> Table { Table(family == .v4 ? .ip : .ip6, "apus-masquerade") }

  /// Chains are named after the network that they serve; nft's names have no colon.
  private static func chainName(_ network: IPPrefix) -> String {
    "outside-" + network.description.map { $0 == ":" ? "_" : String($0) }.joined()
  }

  /// Adds the addresses of a container, each with its network.
  static func add(_ prefixes: [IPPrefix], network: String, _ attachment: Attachment) throws(CNIError) {
    let comment: String = Ownership(network: network).comment(attachment)
    try kernel("set up masquerading") {
      var socket: NftablesSocket = try NftablesSocket()
      for prefix: IPPrefix in prefixes { try add(prefix, comment: comment, &socket) }
    }
  }

  private static func add(_ prefix: IPPrefix, comment: String, _ socket: inout NftablesSocket) throws {
    let table: Table = table(prefix.family)
    let element: SetElement = SetElement(
      key: prefix.address.bytes, value: .verdict(.goto(chainName(prefix.masked))), comment: comment)
    var change: Batch = Batch()
    // A lease that was lost may have left its element.
    do throws(NftablesError) {
      change.add([element], to: sources, of: table)
      try socket.commit(change)
    } catch {
      guard error.isMissing || error.isExisting || error.errorNumber == 16 else { throw error }
      try addSlowly(element, prefix, &socket)
    }
  }

  /// Makes what is missing, and replaces an element that leads elsewhere.
  private static func addSlowly(_ element: SetElement, _ prefix: IPPrefix, _ socket: inout NftablesSocket) throws {
    let table: Table = table(prefix.family)
    if try !socket.tables().contains(table) {
      do throws(NftablesError) { try socket.commit(skeleton(table, prefix.family)) } catch {
        // Another call may have been first.
        guard error.isExisting else { throw error }
      }
    }
    var change: Batch = Batch()
    let chain: String = chainName(prefix.masked)
    change.add(Chain(table, chain))
    // The chain may exist: its rules are written anew, in the same transaction.
    change.flushChain(table, chain)
    for rule: Rule in rules(table, chain, prefix.masked) { change.add(rule) }
    let old: [SetElement] = try socket.elements(of: sources, in: table).filter { $0.key == element.key }
    change.delete(old, from: sources, of: table)
    change.add([element], to: sources, of: table)
    try socket.commit(change)
  }

  private static func skeleton(_ table: Table, _ family: IPFamily) -> Batch {
    var batch: Batch = Batch()
    batch.add(table, mustBeNew: true)
    batch.add(Chain(table, "postrouting", base: Chain.Base(.nat, .postrouting, priority: 100)))
    batch.add(
      NamedSet(table, sources, key: family == .v4 ? .ipv4Address : .ipv6Address, data: .verdict))
    batch.add(Rule(table, chain: "postrouting", [.source(family, into: 0), .verdictMap(sources, key: 0)]))
    return batch
  }

  private static func rules(_ table: Table, _ chain: String, _ network: IPPrefix) -> [Rule] {
    let multicast: IPPrefix = IPPrefix(network.family == .v4 ? "224.0.0.0/4" : "ff00::/8") ?? network
    return [
      Rule(table, chain: chain, Expression.destination(in: network) + [.verdict(.return)]),
      Rule(table, chain: chain, Expression.destination(in: multicast) + [.verdict(.return)]),
      Rule(table, chain: chain, [.masquerade(flags: Expression.fullyRandom)]),
    ]
  }

  /// Removes a container's addresses; one that has none is no error.
  static func remove(network: String, _ attachment: Attachment) throws(CNIError) {
    let comment: String = Ownership(network: network).comment(attachment)
    try removeAll { $0 == comment }
  }

  /// Removes the addresses of all attachments of a network but the valid ones.
  static func collectGarbage(network: String, keeping valid: Set<Attachment>) throws(CNIError) {
    try removeAll(Ownership(network: network).isStale(keeping: valid))
  }

  private static func removeAll(_ matches: (String) -> Bool) throws(CNIError) {
    try kernel("remove masquerading") {
      var socket: NftablesSocket = try NftablesSocket()
      try removeElements(IPFamily.allCases.map { (sources, table($0)) }, &socket, matches)
    }
  }
}

/// Deletes the elements whose comments match, from several sets in one transaction; a table or set that does not exist
/// has none. One transaction, since the kernel waits for its readers once for each.
func removeElements(
  _ places: [(set: String, table: Table)], _ socket: inout NftablesSocket, _ matches: (String) -> Bool
) throws(NftablesError) {
  /// Elements that others delete between our look and our change make it fail; then we look again.
  let attemptsMax: Int = 5
  for attempt: Int in 1...attemptsMax {
    var batch: Batch = Batch()
    for (set, table) in places {
      do throws(NftablesError) {
        let elements: [SetElement] = try socket.elements(of: set, in: table).filter { matches($0.comment) }
        batch.delete(elements, from: set, of: table)
      } catch {
        guard error.isMissing else { throw error }
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
