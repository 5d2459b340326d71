// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeValues

/// PodTopologySpread: how many matching pods each topology domain has.
struct SpreadCounts {
  let constraints: [SpreadConstraint]
  private(set) var counts: [[String: Int]]
  private let selfMatches: [Bool]
  private var minimums: [Int]

  init(_ constraints: [SpreadConstraint], pod: PodInfo, cache: ClusterCache) {
    self.constraints = constraints
    selfMatches = constraints.map { $0.selector.matches(pod.labels) }
    counts = Array(repeating: [:], count: constraints.count)
    minimums = []
    for node: NodeInfo in cache.nodes {
      // A node that lacks one of the keys belongs to no domain.
      guard constraints.allSatisfy({ node.labels[$0.topologyKey] != nil }) else { continue }
      for (place, constraint) in constraints.enumerated() {
        guard Self.isEligible(node, constraint, pod), let domain: String = node.labels[constraint.topologyKey] else {
          continue
        }
        counts[place][domain, default: 0] += Self.count(node, constraint, pod)
      }
    }
    minimums = zip(constraints, counts).map { constraint, counts in
      counts.count < constraint.minDomains ? 0 : counts.values.min() ?? 0
    }
  }

  private static func isEligible(_ node: NodeInfo, _ constraint: SpreadConstraint, _ pod: PodInfo) -> Bool {
    (!constraint.honorsAffinity || NodeFilters.matchesNodeAffinity(pod, node))
      && (!constraint.honorsTaints || NodeFilters.untoleratedTaint(pod, node) == nil)
  }

  static func count(_ node: NodeInfo, _ constraint: SpreadConstraint, _ pod: PodInfo) -> Int {
    var count: Int = 0
    for other: PodInfo in node.pods.values
    where !other.isBeingDeleted && other.key.namespace == pod.key.namespace && constraint.selector.matches(other.labels)
    {
      count += 1
    }
    return count
  }

  /// The number of matching pods in the node's domain; nil if the node has none.
  func count(_ place: Int, _ node: NodeInfo) -> Int? {
    node.labels[constraints[place].topologyKey].map { counts[place][$0] ?? 0 }
  }

  func reject(_ node: NodeInfo) -> Rejection? {
    for place: Int in constraints.indices {
      let constraint: SpreadConstraint = constraints[place]
      guard let domain: String = node.labels[constraint.topologyKey] else {
        return Rejection(
          "node(s) didn't match pod topology spread constraints (missing required label)", isResolvable: false)
      }
      let count: Int = (counts[place][domain] ?? 0) + (selfMatches[place] ? 1 : 0)
      if count - minimums[place] > constraint.maxSkew {
        return Rejection("node(s) didn't match pod topology spread constraints")
      }
    }
    return nil
  }

  /// Changes the counts as if a pod had been added to a node, or removed from it.
  mutating func adjust(_ node: NodeInfo, _ other: PodInfo, by difference: Int, for pod: PodInfo) {
    for (place, constraint) in constraints.enumerated() {
      guard let domain: String = node.labels[constraint.topologyKey], other.key.namespace == pod.key.namespace,
        constraint.selector.matches(other.labels)
      else { continue }
      counts[place][domain, default: 0] += difference
      minimums[place] = counts[place].count < constraint.minDomains ? 0 : counts[place].values.min() ?? 0
    }
  }
}
