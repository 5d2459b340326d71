// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Nftables

/// Brings the kernel's table to what a `RulesTable` says, and notices when somebody else changes it.
struct TableWriter: ~Copyable {
  private var socket: NftablesSocket
  /// The packet filter's generation after our last look.
  private var generation: UInt32 = 0
  private var isComplete: Bool = false

  init() throws(NftablesError) { socket = try NftablesSocket() }

  /// Applies a change; the whole table where the kernel's is not what we left.
  mutating func apply(_ change: RulesTable.Change, _ table: RulesTable) throws(NftablesError) {
    if isComplete {
      guard !change.isEmpty else { return }
      do throws(NftablesError) {
        try socket.commit(table.batch(for: change))
        return
      } catch {
        // Somebody deleted or changed what we made: it is made anew, as a whole.
        isComplete = false
      }
    }
    try writeAll(table)
  }

  /// Writes the whole table.
  mutating func writeAll(_ table: RulesTable) throws(NftablesError) {
    try socket.commit(table.fullBatch())
    isComplete = true
    generation = 0
  }

  /// Whether our table is still there with its chains; asks for little while nothing changed.
  mutating func isIntact(_ table: RulesTable) throws(NftablesError) -> Bool {
    let now: UInt32 = try socket.generation()
    if now == generation { return isComplete }
    let chains: Set<String> = Set(try socket.chains(of: table.layout.table))
    let isIntact: Bool = chains.contains(TableLayout.servicesChain) && chains.contains("nat-prerouting")
    let hasRules: Bool =
      isIntact ? try !socket.rules(of: table.layout.table, chain: TableLayout.servicesChain).isEmpty : false
    generation = now
    if !hasRules { isComplete = false }
    return isComplete
  }

  /// Removes the table.
  mutating func remove(_ layout: TableLayout) throws(NftablesError) {
    var batch: Batch = Batch()
    batch.add(layout.table)
    batch.delete(layout.table)
    try socket.commit(batch)
    isComplete = false
  }
}
