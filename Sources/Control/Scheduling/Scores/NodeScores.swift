// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeValues

/// How well nodes suit a pod: the sum of several scores of 0 to 100, each with upstream's weight.
struct NodeScores {
  private let context: SchedulingContext
  private let nodes: [NodeInfo]
  private var totals: [Int64]

  /// Scores nodes that can take the pod.
  init(_ context: SchedulingContext, _ nodes: [NodeInfo]) {
    self.context = context
    self.nodes = nodes
    totals = Array(repeating: 0, count: nodes.count)
    let pod: PodInfo = context.pod
    for (place, node) in nodes.enumerated() {
      totals[place] += Self.leastAllocated(pod, node) + Self.balanced(pod, node) + imageLocality(node)
    }
    taints()
    nodeAffinity()
    podAffinity()
    spread()
  }

  /// The best node; among equals, chance decides.
  func best(using generator: inout some RandomNumberGenerator) -> NodeInfo? {
    guard let highest: Int64 = totals.max() else { return nil }
    let places: [Int] = totals.indices.filter { totals[$0] == highest }
    return places.randomElement(using: &generator).map { nodes[$0] }
  }

  /// Scales raw scores so that the largest becomes 100, and adds them.
  private mutating func add(_ raw: [Int64], weight: Int64, isReversed: Bool = false) {
    let largest: Int64 = raw.max() ?? 0
    guard largest > 0 else { return }
    for place: Int in raw.indices {
      let scaled: Int64 = raw[place] * 100 / largest
      totals[place] += weight * (isReversed ? 100 - scaled : scaled)
    }
  }

  // MARK: Resources

  /// NodeResourcesFit with the strategy LeastAllocated.
  private static func leastAllocated(_ pod: PodInfo, _ node: NodeInfo) -> Int64 {
    func free(_ asked: Int64, _ whole: Int64) -> Int64 {
      guard whole > 0, asked <= whole else { return 0 }
      return (whole - asked) * 100 / whole
    }
    let cpu: Int64 = free(node.scoredRequested.milliCPU + pod.scoredRequests.milliCPU, node.allocatable.milliCPU)
    let memory: Int64 = free(node.scoredRequested.memory + pod.scoredRequests.memory, node.allocatable.memory)
    return (cpu + memory) / 2
  }

  /// NodeResourcesBalancedAllocation: how alike the used fractions of processor and memory are.
  private static func balanced(_ pod: PodInfo, _ node: NodeInfo) -> Int64 {
    guard node.allocatable.milliCPU > 0, node.allocatable.memory > 0 else { return 0 }
    let cpu: Double = min(
      1, Double(node.requested.milliCPU + pod.requests.milliCPU) / Double(node.allocatable.milliCPU))
    let memory: Double = min(1, Double(node.requested.memory + pod.requests.memory) / Double(node.allocatable.memory))
    return Int64((1 - abs(cpu - memory) / 2) * 100)
  }

  /// ImageLocality: between 23 MB and 1 GB a container of images that the node has, weighed by how many nodes have them.
  private func imageLocality(_ node: NodeInfo) -> Int64 {
    let megabyte: Int64 = 1 << 20
    guard !node.images.isEmpty else { return 0 }
    let containers: [Container] = context.pod.pod.spec.containers
    var sum: Int64 = 0
    for container: Container in containers {
      let name: String = Self.normalized(container.image)
      guard let size: Int64 = node.images[name] else { continue }
      let spread: Double = Double(context.cache.imageNodeCounts[name] ?? 1) / Double(max(context.cache.nodes.count, 1))
      sum += Int64(Double(size) * spread)
    }
    let low: Int64 = 23 * megabyte
    let high: Int64 = 1000 * megabyte * Int64(max(containers.count, 1))
    return 100 * (min(max(sum, low), high) - low) / (high - low)
  }

  private static func normalized(_ image: String) -> String {
    let name: Substring = image.split(separator: "/").last ?? ""
    return name.contains(":") ? image : image + ":latest"
  }

  // MARK: Taints and labels

  private mutating func taints() {
    let pod: PodInfo = context.pod
    let raw: [Int64] = nodes.map { node in
      Int64(node.taints.lazy.filter { $0.effect == "PreferNoSchedule" && !pod.tolerates($0) }.count)
    }
    if raw.contains(where: { $0 > 0 }) { add(raw, weight: 3, isReversed: true) }
  }

  private mutating func nodeAffinity() {
    let terms: [PreferredSchedulingTerm] = context.pod.preferredNodeAffinity
    guard !terms.isEmpty else { return }
    add(
      nodes.map { node in
        terms.reduce(0) { $0 + (NodeFilters.matches($1.preference, node.name, node.labels) ? Int64($1.weight) : 0) }
      }, weight: 2)
  }

  // MARK: Other pods

  /// InterPodAffinity: the pod's preferences for others, and others' for it.
  private mutating func podAffinity() {
    let pod: PodInfo = context.pod
    let cache: ClusterCache = context.cache
    let hasOwn: Bool = !pod.preferredAffinity.isEmpty || !pod.preferredAntiAffinity.isEmpty
    var weights: [AffinityCounts.Domain: Int64] = [:]
    func labels(_ namespace: String) -> [String: String] { cache.namespaceLabels[namespace] ?? [:] }
    func count(_ terms: [AffinityTerm], _ sign: Int64, _ node: NodeInfo, _ subject: PodInfo) {
      for term: AffinityTerm in terms {
        guard let value: String = node.labels[term.topologyKey], term.matches(subject, namespaceLabels: labels) else {
          continue
        }
        weights[AffinityCounts.Domain(key: term.topologyKey, value: value), default: 0] += sign * max(term.weight, 1)
      }
    }
    for node: NodeInfo in cache.nodes {
      for other: PodInfo in hasOwn ? Array(node.pods.values) : [] {
        count(pod.preferredAffinity, 1, node, other)
        count(pod.preferredAntiAffinity, -1, node, other)
      }
      for other: PodInfo in node.podsWithAffinity.values {
        count(other.requiredAffinity, 1, node, pod)
        count(other.preferredAffinity, 1, node, pod)
        count(other.preferredAntiAffinity, -1, node, pod)
      }
    }
    guard !weights.isEmpty else { return }
    let keys: Set<String> = Set(weights.keys.map(\.key))
    let raw: [Int64] = nodes.map { node in
      keys.reduce(0) { sum, key in
        guard let value: String = node.labels[key] else { return sum }
        return sum + (weights[AffinityCounts.Domain(key: key, value: value)] ?? 0)
      }
    }
    let lowest: Int64 = raw.min() ?? 0
    add(raw.map { $0 - lowest }, weight: 2)
  }

  /// PodTopologySpread: the pod's wishes, or else its kin's even distribution over nodes and zones.
  private mutating func spread() {
    let pod: PodInfo = context.pod
    if !pod.softSpread.isEmpty {
      let counts: SpreadCounts = SpreadCounts(pod.softSpread, pod: pod, cache: context.cache)
      let raw: [Int64] = nodes.map { node in
        pod.softSpread.indices.reduce(Int64(0)) { $0 + Int64(counts.count($1, node) ?? 1000) }
      }
      add(raw, weight: 2, isReversed: true)
    } else if pod.hardSpread.isEmpty, !pod.controllerUID.isEmpty {
      let uid: String = pod.controllerUID
      var zones: [String: Int64] = [:]
      for node: NodeInfo in context.cache.nodes {
        guard let count: Int = node.podsByController[uid], let zone: String = node.labels["topology.kubernetes.io/zone"]
        else {
          continue
        }
        zones[zone, default: 0] += Int64(count)
      }
      let raw: [Int64] = nodes.map { node in
        Int64(node.podsByController[uid] ?? 0) * 2 + (zones[node.labels["topology.kubernetes.io/zone"] ?? ""] ?? 0)
      }
      add(raw, weight: 2, isReversed: true)
    }
  }
}
