// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// A DaemonSet with the nodes and its pods: where pods are missing and which are too many. Pure.
struct DaemonPlan: Sendable {
  let set: DaemonSet
  let nodes: [Node]
  let pods: [Pod]
  let hash: String
  let now: Timestamp
  private(set) var create: [String] = []
  private(set) var delete: [Pod] = []

  init(set: DaemonSet, nodes: [Node], pods: [Pod], hash: String, now: Timestamp) {
    self.set = set
    self.nodes = nodes
    self.pods = pods
    self.hash = hash
    self.now = now
  }

  // MARK: Nodes

  /// What daemons tolerate, whatever their template says.
  static func tolerations(_ spec: PodSpec) -> [Toleration] {
    func toleration(_ key: String, _ effect: String) -> Toleration {
      var toleration: Toleration = Toleration()
      toleration.key = key
      toleration.operator = "Exists"
      toleration.effect = effect
      return toleration
    }
    var result: [Toleration] = [
      toleration("node.kubernetes.io/not-ready", "NoExecute"),
      toleration("node.kubernetes.io/unreachable", "NoExecute"),
      toleration("node.kubernetes.io/disk-pressure", "NoSchedule"),
      toleration("node.kubernetes.io/memory-pressure", "NoSchedule"),
      toleration("node.kubernetes.io/pid-pressure", "NoSchedule"),
      toleration("node.kubernetes.io/unschedulable", "NoSchedule"),
    ]
    if spec.hostNetwork { result.append(toleration("node.kubernetes.io/network-unavailable", "NoSchedule")) }
    return result
  }

  /// Whether the node is to run a pod, and whether one that is there may stay.
  private func suits(_ node: Node) -> (runs: Bool, stays: Bool) {
    let spec: PodSpec = set.spec.template.spec
    guard spec.nodeName.isEmpty || spec.nodeName == node.metadata.name,
      spec.nodeSelector.allSatisfy({ node.metadata.labels[$0.key] == $0.value }),
      Self.matches(spec.affinity.nodeAffinity, node)
    else { return (false, false) }
    let tolerations: [Toleration] = spec.tolerations + Self.tolerations(spec)
    func tolerates(_ effect: String) -> Bool {
      node.spec.taints.allSatisfy { taint in taint.effect != effect || tolerations.contains { $0.tolerates(taint) } }
    }
    let stays: Bool = tolerates("NoExecute")
    return (stays && tolerates("NoSchedule"), stays)
  }

  private static func matches(_ affinity: NodeAffinity, _ node: Node) -> Bool {
    guard affinity.hasRequiredDuringSchedulingIgnoredDuringExecution else { return true }
    let terms: [NodeSelectorTerm] = affinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms
    return terms.contains { term in
      guard !term.matchExpressions.isEmpty || !term.matchFields.isEmpty else { return false }
      return term.matchExpressions.allSatisfy { matches($0, node.metadata.labels) }
        && term.matchFields.allSatisfy { matches($0, ["metadata.name": node.metadata.name]) }
    }
  }

  private static func matches(_ requirement: NodeSelectorRequirement, _ labels: [String: String]) -> Bool {
    let comparisons: [String: LabelSelector.Operator] = [
      "In": .isIn, "NotIn": .notIn, "Exists": .exists, "DoesNotExist": .doesNotExist, "Gt": .greaterThan,
      "Lt": .lessThan,
    ]
    guard let comparison: LabelSelector.Operator = comparisons[requirement.operator] else { return false }
    return LabelSelector.Requirement(key: requirement.key, comparison: comparison, values: requirement.values).matches(
      labels)
  }

  /// The node that a pod is on, or is meant for.
  static func node(of pod: Pod) -> String {
    if !pod.spec.nodeName.isEmpty { return pod.spec.nodeName }
    let terms: [NodeSelectorTerm] = pod.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
      .nodeSelectorTerms
    return terms.first?.matchFields.first { $0.key == "metadata.name" }?.values.first ?? ""
  }

  // MARK: Deciding

  mutating func decide() {
    let byNode: [String: [Pod]] = Dictionary(grouping: pods) { Self.node(of: $0) }
    for node: Node in nodes {
      let here: [Pod] = byNode[node.metadata.name] ?? []
      let suitability: (runs: Bool, stays: Bool) = suits(node)
      if !suitability.stays {
        delete += here.filter { !$0.metadata.isBeingDeleted }
        continue
      }
      // A pod that failed is replaced; of several that run, the oldest stays.
      let failed: [Pod] = here.filter { $0.status.phase == "Failed" && !$0.metadata.isBeingDeleted }
      delete += failed
      let running: [Pod] = here.filter { !$0.isTerminal && !$0.metadata.isBeingDeleted }.sorted {
        ($0.metadata.creationTimestamp.seconds, $0.metadata.name) < (
          $1.metadata.creationTimestamp.seconds, $1.metadata.name
        )
      }
      if running.isEmpty, suitability.runs, here.allSatisfy({ $0.isTerminal && !$0.metadata.isBeingDeleted }) {
        if failed.isEmpty { create.append(node.metadata.name) }
      } else if running.count > 1, !isSurging(running) {
        delete += running.dropFirst()
      }
    }
    let names: Set<String> = Set(nodes.map(\.metadata.name))
    delete += pods.filter { pod in
      let node: String = Self.node(of: pod)
      return !node.isEmpty && !names.contains(node) && !pod.metadata.isBeingDeleted
    }
    if set.spec.updateStrategy.type != "OnDelete" { update(byNode) }
  }

  private func isCurrent(_ pod: Pod) -> Bool { pod.metadata.labels[RevisionHistory.hashLabel] == hash }
  private func isAvailable(_ pod: Pod) -> Bool { pod.isAvailable(minReadySeconds: set.spec.minReadySeconds, now: now) }

  /// Whether an old pod waits for the new one beside it.
  private func isSurging(_ running: [Pod]) -> Bool {
    maxSurge > 0 && running.count == 2 && running.contains(where: isCurrent) && running.contains { !isCurrent($0) }
  }

  private var maxSurge: Int {
    let update: RollingUpdateDaemonSet = set.spec.updateStrategy.rollingUpdate
    return update.hasMaxSurge ? update.maxSurge.scaled(of: nodes.count, roundsUp: true) ?? 0 : 0
  }

  private var maxUnavailable: Int {
    let update: RollingUpdateDaemonSet = set.spec.updateStrategy.rollingUpdate
    if maxSurge > 0, !update.hasMaxUnavailable { return 0 }
    return update.hasMaxUnavailable ? update.maxUnavailable.scaled(of: nodes.count, roundsUp: true) ?? 1 : 1
  }

  /// Replaces pods of old templates, as many at a time as may be missing.
  private mutating func update(_ byNode: [String: [Pod]]) {
    var unavailable: Int = 0
    var ready: [Pod] = []
    var surging: Int = 0
    for node: Node in nodes where suits(node).runs {
      let running: [Pod] = (byNode[node.metadata.name] ?? []).filter { !$0.isTerminal && !$0.metadata.isBeingDeleted }
      let old: Pod? = running.first { !isCurrent($0) }
      let new: Pod? = running.first { isCurrent($0) }
      if let old, let new, maxSurge > 0 {
        surging += 1
        if isAvailable(new) { delete.append(old) }
        continue
      }
      guard running.contains(where: isAvailable) else {
        unavailable += 1
        // What does not work anyway is replaced at once.
        if let old, new == nil { delete.append(old) }
        continue
      }
      if let old { ready.append(old) }
    }
    if maxSurge > 0 {
      create += ready.prefix(max(0, maxSurge - surging)).map { Self.node(of: $0) }
    } else {
      delete += ready.prefix(max(0, maxUnavailable - unavailable))
    }
    var seen: Set<String> = []
    delete = delete.filter { seen.insert($0.metadata.uid).inserted }
  }

  /// The figures of the status.
  var status: DaemonSetStatus {
    var status: DaemonSetStatus = DaemonSetStatus()
    status.collisionCount = set.status.collisionCount
    if !set.status.hasCollisionCount { status.clearCollisionCount() }
    status.conditions = set.status.conditions
    let byNode: [String: [Pod]] = Dictionary(grouping: pods) { Self.node(of: $0) }
    for node: Node in nodes {
      let here: [Pod] = (byNode[node.metadata.name] ?? []).filter { !$0.metadata.isBeingDeleted }
      guard suits(node).runs else {
        if !here.isEmpty { status.numberMisscheduled += 1 }
        continue
      }
      status.desiredNumberScheduled += 1
      guard !here.isEmpty else { continue }
      status.currentNumberScheduled += 1
      if here.contains(where: \.isReady) { status.numberReady += 1 }
      if here.contains(where: isAvailable) { status.numberAvailable += 1 }
      if here.contains(where: isCurrent) { status.updatedNumberScheduled += 1 }
    }
    status.numberUnavailable = status.desiredNumberScheduled - status.numberAvailable
    return status
  }
}
