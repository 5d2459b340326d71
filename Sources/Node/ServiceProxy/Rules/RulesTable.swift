// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import Nftables

/// What the table of one family should hold, and the smallest batch from one state to the next.
///
/// Two Services may claim the same element (an external IP and port, say): the one that came first has it, and when
/// that goes the next gets it. Chains are there as long as an element leads to them.
struct RulesTable: Sendable {
  private struct Claim: Sendable {
    var owner: ObjectKey
    var value: ElementValue
  }

  let layout: TableLayout
  private var services: [ObjectKey: ServiceRules] = [:]
  private var claims: [ElementID: Claim] = [:]
  /// Later claims on elements that have an owner.
  private var waiting: [ElementID: [Claim]] = [:]
  private var chainUses: [DispatchChain: Int] = [:]
  private var targetUses: [StickyTarget: Int] = [:]

  init(layout: TableLayout) { self.layout = layout }

  /// How many elements there are.
  var elementCount: Int { claims.count }

  /// Whether two Services claim the same element.
  var hasConflicts: Bool { !waiting.isEmpty }

  // MARK: Changes

  /// What changes with the next commit.
  struct Change: Sendable {
    fileprivate var before: [ElementID: ElementValue?] = [:]
    fileprivate var chains: [DispatchChain: Int] = [:]
    fileprivate var targets: [StickyTarget: Int] = [:]

    var isEmpty: Bool { before.isEmpty && chains.isEmpty && targets.isEmpty }
  }

  /// Replaces what a Service adds; nil removes it.
  mutating func set(_ rules: ServiceRules?, for key: ObjectKey, _ change: inout Change) {
    let old: ServiceRules = services[key] ?? ServiceRules()
    let new: ServiceRules = rules ?? ServiceRules()
    services[key] = rules
    guard old != new else { return }
    for (id, value) in old.elements where new.elements[id] != value { release(id, key, &change) }
    for (id, value) in new.elements where old.elements[id] != value { claim(id, Claim(owner: key, value: value), &change) }
  }

  private mutating func claim(_ id: ElementID, _ claim: Claim, _ change: inout Change) {
    guard let holder: Claim = claims[id] else {
      put(id, claim, &change)
      return
    }
    if holder.owner == claim.owner {
      put(id, claim, &change)
    } else {
      waiting[id, default: []].append(claim)
    }
  }

  private mutating func release(_ id: ElementID, _ owner: ObjectKey, _ change: inout Change) {
    guard claims[id]?.owner == owner else {
      waiting[id]?.removeAll { $0.owner == owner }
      if waiting[id]?.isEmpty ?? false { waiting[id] = nil }
      return
    }
    var heirs: [Claim] = waiting[id] ?? []
    let heir: Claim? = heirs.isEmpty ? nil : heirs.removeFirst()
    waiting[id] = heirs.isEmpty ? nil : heirs
    put(id, heir, &change)
  }

  private mutating func put(_ id: ElementID, _ claim: Claim?, _ change: inout Change) {
    let old: ElementValue? = claims[id]?.value
    claims[id] = claim
    if change.before[id] == nil { change.before[id] = .some(old) }
    if case .chain(let chain)? = old { use(chain, -1, &change) }
    if case .chain(let chain)? = claim?.value { use(chain, 1, &change) }
  }

  private mutating func use(_ chain: DispatchChain, _ step: Int, _ change: inout Change) {
    for one: DispatchChain in [chain] + chain.needed {
      if change.chains[one] == nil { change.chains[one] = chainUses[one] ?? 0 }
      let uses: Int = (chainUses[one] ?? 0) + step
      chainUses[one] = uses == 0 ? nil : uses
      for target: StickyTarget in one.targets {
        if change.targets[target] == nil { change.targets[target] = targetUses[target] ?? 0 }
        let uses: Int = (targetUses[target] ?? 0) + step
        targetUses[target] = uses == 0 ? nil : uses
      }
    }
  }

  // MARK: Batches

  /// The batch for a change: chains that are new, elements, chains that nobody uses any more.
  func batch(for change: Change) -> Batch {
    var batch: Batch = Batch()
    addTargets(change.targets.filter { $0.value == 0 && targetUses[$0.key] != nil }.map(\.key), &batch)
    addChains(change.chains.filter { $0.value == 0 && chainUses[$0.key] != nil }.map(\.key), &batch)
    var gone: [RuleSet: [SetElement]] = [:]
    var new: [RuleSet: [SetElement]] = [:]
    for (id, before) in change.before {
      let now: ElementValue? = claims[id]?.value
      guard before != now else { continue }
      if let before { gone[id.set, default: []].append(element(id, before)) }
      if let now { new[id.set, default: []].append(element(id, now)) }
    }
    for set: RuleSet in RuleSet.allCases {
      batch.delete(gone[set] ?? [], from: set.name, of: layout.table)
      batch.add(new[set] ?? [], to: set.name, of: layout.table)
    }
    removeChains(change.chains.filter { $0.value > 0 && chainUses[$0.key] == nil }.map(\.key.name), &batch)
    let goneTargets: [String] = change.targets.filter { $0.value > 0 && targetUses[$0.key] == nil }.map(\.key.name)
    removeChains(goneTargets, &batch)
    for name: String in goneTargets { batch.deleteSet(layout.table, name) }
    return batch
  }

  /// The batch that makes the whole table, in the place of whatever is there.
  func fullBatch() -> Batch {
    var batch: Batch = layout.skeleton()
    addTargets(Array(targetUses.keys), &batch)
    addChains(Array(chainUses.keys), &batch)
    var elements: [RuleSet: [SetElement]] = [:]
    for (id, claim) in claims { elements[id.set, default: []].append(element(id, claim.value)) }
    for set: RuleSet in RuleSet.allCases { batch.add(elements[set] ?? [], to: set.name, of: layout.table) }
    return batch
  }

  private func addChains(_ chains: [DispatchChain], _ batch: inout Batch) {
    for chain: DispatchChain in chains { batch.add(Chain(layout.table, chain.name)) }
    for chain: DispatchChain in chains {
      for rule: Rule in chain.rules(layout) { batch.add(rule) }
    }
  }

  private func addTargets(_ targets: [StickyTarget], _ batch: inout Batch) {
    for target: StickyTarget in targets {
      batch.add(target.set(layout))
      batch.add(Chain(layout.table, target.name))
      for rule: Rule in target.rules(layout) { batch.add(rule) }
    }
  }

  private func removeChains(_ chains: [String], _ batch: inout Batch) {
    // First the jumps between them, then the chains.
    for chain: String in chains { batch.flushChain(layout.table, chain) }
    for chain: String in chains { batch.deleteChain(layout.table, chain) }
  }

  private func element(_ id: ElementID, _ value: ElementValue) -> SetElement {
    var element: SetElement = SetElement(key: id.key)
    switch value {
    case .none: break
    case .through(let end): element.keyEnd = end
    case .target(let bytes): element.value = .bytes(bytes)
    case .chain(let chain): element.value = .verdict(.goto(chain.name))
    case .refuse: element.value = .verdict(.goto(TableLayout.refuseChain))
    case .drop: element.value = .verdict(.drop)
    }
    return element
  }
}
