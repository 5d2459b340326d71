// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Finds a node on which a pod would fit if pods of lower priority went.
struct Preemption {
  /// One node with the pods that would have to go.
  struct Candidate {
    var node: String
    var victims: [PodInfo]
    var budgetViolations: Int
  }

  /// What came of the search.
  enum Outcome {
    case candidate(Candidate)
    /// Nothing helps; the text goes into the pod's condition.
    case none(String)
  }

  let budgets: [PodDisruptionBudget]

  func find(_ queued: QueuedPod, failure: FitFailure, cache: ClusterCache, volumes: VolumeView) -> Outcome {
    let pod: PodInfo = queued.info
    let count: Int = cache.nodes.count
    guard pod.pod.spec.preemptionPolicy != "Never" else {
      return .none("preemption: not eligible due to preemptionPolicy=Never.")
    }
    if let node: NodeInfo = cache.node(queued.nominatedNode),
      node.pods.values.contains(where: { $0.isBeingDeleted && $0.priority < pod.priority })
    {
      return .none("preemption: not eligible due to a terminating pod on the nominated node.")
    }
    let hopeless: String = "Preemption is not helpful for scheduling"
    guard failure.general == nil else {
      return .none("preemption: 0/\(count) nodes are available: \(count) \(hopeless).")
    }
    var reasons: [String] = []
    var candidates: [Candidate] = []
    for node: NodeInfo in cache.nodes {
      guard let rejection: Rejection = failure.rejections[node.name], rejection.isResolvable else {
        reasons.append(hopeless)
        continue
      }
      if let candidate: Candidate = candidate(pod, node, cache, volumes) {
        candidates.append(candidate)
      } else {
        reasons.append("No preemption victims found for incoming pod")
      }
    }
    guard let best: Candidate = candidates.min(by: isBetter) else {
      return .none("preemption: 0/\(count) nodes are available: \(FitFailure.histogram(reasons)).")
    }
    return .candidate(best)
  }

  /// Upstream's order: fewest violated budgets, lowest highest priority, lowest sum, fewest victims.
  private func isBetter(_ left: Candidate, _ right: Candidate) -> Bool {
    func key(_ candidate: Candidate) -> [Int64] {
      [
        Int64(candidate.budgetViolations), Int64(candidate.victims.map(\.priority).max() ?? .min),
        candidate.victims.reduce(0) { $0 + Int64($1.priority) + 1 << 31 }, Int64(candidate.victims.count),
      ]
    }
    return key(left).lexicographicallyPrecedes(key(right))
  }

  private func candidate(_ pod: PodInfo, _ node: NodeInfo, _ cache: ClusterCache, _ volumes: VolumeView) -> Candidate? {
    let lower: [PodInfo] = node.pods.values.filter { $0.priority < pod.priority }
    guard !lower.isEmpty else { return nil }
    let context: SchedulingContext = SchedulingContext(pod: pod, cache: cache, volumes: volumes)
    guard context.prepare() == nil else { return nil }
    let trial: NodeInfo = node.copy()
    func move(_ other: PodInfo, out: Bool) {
      if out { trial.remove(uid: other.uid) } else { trial.add(other) }
      context.spread?.adjust(node, other, by: out ? -1 : 1, for: pod)
      context.affinity?.adjust(node, other, by: out ? -1 : 1)
    }
    for other: PodInfo in lower { move(other, out: true) }
    guard context.reject(trial) == nil else { return nil }
    // What can stay, stays: first those whose budgets forbid, then the most important ones.
    var allowed: [String: Int32] = [:]
    let ordered: [(pod: PodInfo, violates: Bool)] = lower.map { ($0, violatesBudget($0, &allowed)) }.sorted {
      left, right in
      if left.violates != right.violates { return left.violates }
      if left.pod.priority != right.pod.priority { return left.pod.priority > right.pod.priority }
      return left.pod.pod.status.startTime.seconds < right.pod.pod.status.startTime.seconds
    }
    var result: Candidate = Candidate(node: node.name, victims: [], budgetViolations: 0)
    for (other, violates) in ordered {
      move(other, out: false)
      guard context.reject(trial) != nil else { continue }
      move(other, out: true)
      result.victims.append(other)
      if violates { result.budgetViolations += 1 }
    }
    return result
  }

  private func violatesBudget(_ pod: PodInfo, _ used: inout [String: Int32]) -> Bool {
    var violates: Bool = false
    for budget: PodDisruptionBudget in budgets
    where budget.metadata.namespace == pod.key.namespace && !pod.labels.isEmpty {
      guard LabelSelector(budget.spec.hasSelector ? budget.spec.selector : nil).matches(pod.labels),
        budget.status.disruptedPods[pod.key.name] == nil
      else { continue }
      used[budget.metadata.name, default: 0] += 1
      if (used[budget.metadata.name] ?? 0) > budget.status.disruptionsAllowed { violates = true }
    }
    return violates
  }
}
