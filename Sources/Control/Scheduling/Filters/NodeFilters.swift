// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeValues

/// The filters that look at one node alone: its name, its taints, its labels, its host ports.
enum NodeFilters {
  private static let unschedulableTaint: Taint = {
    var taint: Taint = Taint()
    taint.key = "node.kubernetes.io/unschedulable"
    taint.effect = "NoSchedule"
    return taint
  }()

  static func reject(_ pod: PodInfo, _ node: NodeInfo) -> Rejection? {
    if node.isUnschedulable, !pod.tolerates(unschedulableTaint) {
      return Rejection("node(s) were unschedulable", isResolvable: false)
    }
    if !pod.nodeName.isEmpty, pod.nodeName != node.name {
      return Rejection("node(s) didn't match the requested node name", isResolvable: false)
    }
    if untoleratedTaint(pod, node) != nil {
      return Rejection("node(s) had untolerated taint(s)", isResolvable: false)
    }
    if !matchesNodeAffinity(pod, node) {
      return Rejection("node(s) didn't match Pod's node affinity/selector", isResolvable: false)
    }
    for port: HostPort in pod.hostPorts where node.hostPorts.keys.contains(where: { $0.conflicts(with: port) }) {
      return Rejection("node(s) didn't have free ports for the requested pod ports")
    }
    return nil
  }

  static func untoleratedTaint(_ pod: PodInfo, _ node: NodeInfo) -> Taint? {
    node.taints.first { taint in
      (taint.effect == "NoSchedule" || taint.effect == "NoExecute") && !pod.tolerates(taint)
    }
  }

  /// Whether the node has what `nodeSelector` and the required node affinity ask for.
  static func matchesNodeAffinity(_ pod: PodInfo, _ node: NodeInfo) -> Bool {
    for (key, value) in pod.nodeSelector where node.labels[key] != value { return false }
    guard let selector: NodeSelector = pod.requiredNodeAffinity else { return true }
    return selector.nodeSelectorTerms.contains { matches($0, node.name, node.labels) }
  }

  /// Whether a node selector's term holds; one without requirements never does.
  static func matches(_ term: NodeSelectorTerm, _ name: String, _ labels: [String: String]) -> Bool {
    guard !term.matchExpressions.isEmpty || !term.matchFields.isEmpty else { return false }
    return term.matchExpressions.allSatisfy { requirement($0)?.matches(labels) ?? false }
      && term.matchFields.allSatisfy { requirement($0)?.matches(["metadata.name": name]) ?? false }
  }

  private static func requirement(_ requirement: NodeSelectorRequirement) -> LabelSelector.Requirement? {
    let comparison: LabelSelector.Operator
    switch requirement.operator {
    case "In": comparison = .isIn
    case "NotIn": comparison = .notIn
    case "Exists": comparison = .exists
    case "DoesNotExist": comparison = .doesNotExist
    case "Gt": comparison = .greaterThan
    case "Lt": comparison = .lessThan
    default: return nil
    }
    return LabelSelector.Requirement(key: requirement.key, comparison: comparison, values: requirement.values)
  }
}
