// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// InterPodAffinity: in which topology domains pods are that the pod needs, shuns, or that shun it.
struct AffinityCounts {
  /// One topology domain: a label's key and value.
  struct Domain: Hashable {
    var key: String
    var value: String
  }

  private let pod: PodInfo
  /// For each required term, how many matching pods each domain has.
  private var wanted: [[Domain: Int]]
  private var shunned: [Domain: Int] = [:]
  private var shunning: [Domain: Int] = [:]
  /// The keys of `shunning`: a node is looked up by its own values, not compared with every domain.
  private var shunningKeys: Set<String> = []
  private let namespaceLabels: [String: [String: String]]
  private let matchesItself: Bool

  /// Nil where neither the pod nor any other has a say, which is the rule.
  init?(pod: PodInfo, cache: ClusterCache) {
    let hasOwn: Bool = !pod.requiredAffinity.isEmpty || !pod.requiredAntiAffinity.isEmpty
    let others: [NodeInfo] = cache.nodes.filter { !$0.podsWithRequiredAntiAffinity.isEmpty }
    guard hasOwn || !others.isEmpty else { return nil }
    self.pod = pod
    let labels: [String: [String: String]] = cache.namespaceLabels
    namespaceLabels = labels
    wanted = Array(repeating: [:], count: pod.requiredAffinity.count)
    matchesItself = pod.requiredAffinity.allSatisfy { $0.matches(pod) { labels[$0] ?? [:] } }
    for node: NodeInfo in others {
      for other: PodInfo in node.podsWithRequiredAntiAffinity.values { countShunning(node, other, 1) }
    }
    guard hasOwn else { return }
    for node: NodeInfo in cache.nodes where !node.pods.isEmpty {
      for other: PodInfo in node.pods.values { countOwn(node, other, 1) }
    }
  }

  private mutating func countShunning(_ node: NodeInfo, _ other: PodInfo, _ difference: Int) {
    for term: AffinityTerm in other.requiredAntiAffinity {
      guard let value: String = node.labels[term.topologyKey],
        term.matches(pod, namespaceLabels: { namespaceLabels[$0] ?? [:] })
      else { continue }
      shunning[Domain(key: term.topologyKey, value: value), default: 0] += difference
      shunningKeys.insert(term.topologyKey)
    }
  }

  private mutating func countOwn(_ node: NodeInfo, _ other: PodInfo, _ difference: Int) {
    for (place, term) in pod.requiredAffinity.enumerated() {
      guard let value: String = node.labels[term.topologyKey],
        term.matches(other, namespaceLabels: { namespaceLabels[$0] ?? [:] })
      else { continue }
      wanted[place][Domain(key: term.topologyKey, value: value), default: 0] += difference
    }
    for term: AffinityTerm in pod.requiredAntiAffinity {
      guard let value: String = node.labels[term.topologyKey],
        term.matches(other, namespaceLabels: { namespaceLabels[$0] ?? [:] })
      else { continue }
      shunned[Domain(key: term.topologyKey, value: value), default: 0] += difference
    }
  }

  /// Changes the counts as if a pod had been added to a node, or removed from it.
  mutating func adjust(_ node: NodeInfo, _ other: PodInfo, by difference: Int) {
    countShunning(node, other, difference)
    countOwn(node, other, difference)
  }

  func reject(_ node: NodeInfo) -> Rejection? {
    if !satisfiesAffinity(node) {
      return Rejection("node(s) didn't match pod affinity rules", isResolvable: false)
    }
    for term: AffinityTerm in pod.requiredAntiAffinity {
      if let value: String = node.labels[term.topologyKey],
        (shunned[Domain(key: term.topologyKey, value: value)] ?? 0) > 0
      {
        return Rejection("node(s) didn't match pod anti-affinity rules")
      }
    }
    for key: String in shunningKeys {
      if let value: String = node.labels[key], (shunning[Domain(key: key, value: value)] ?? 0) > 0 {
        return Rejection("node(s) didn't satisfy existing pods anti-affinity rules")
      }
    }
    return nil
  }

  private func satisfiesAffinity(_ node: NodeInfo) -> Bool {
    var isMissing: Bool = false
    for (place, term) in pod.requiredAffinity.enumerated() {
      guard let value: String = node.labels[term.topologyKey] else { return false }
      if (wanted[place][Domain(key: term.topologyKey, value: value)] ?? 0) <= 0 { isMissing = true }
    }
    guard isMissing else { return true }
    // The first pod of a group that wants to be together with itself may go anywhere.
    return matchesItself && wanted.allSatisfy { $0.values.allSatisfy { $0 <= 0 } }
  }
}
