// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient

/// What came of the search for a node.
enum SchedulingOutcome {
  /// The pod goes to this node.
  case node(NodeInfo, ClaimNeeds)
  /// No node can take the pod now.
  case unschedulable(FitFailure)
}

/// Why no node can take a pod.
struct FitFailure {
  var nodeCount: Int
  /// What is wrong before any node was looked at.
  var general: String?
  var rejections: [String: Rejection] = [:]
  /// What preemption says.
  var preemption: String = ""

  /// The message in upstream's form: `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.`
  var message: String {
    guard nodeCount > 0 else { return "no nodes available to schedule pods" }
    var message: String = "0/\(nodeCount) nodes are available"
    if let general {
      message += ": \(general)."
    } else {
      message += ": " + Self.histogram(rejections.values.flatMap(\.reasons)) + "."
    }
    return preemption.isEmpty ? message : message + " " + preemption
  }

  /// Counts equal reasons: `1 Insufficient cpu, 2 Too many pods`.
  static func histogram(_ reasons: [String]) -> String {
    var counts: [String: Int] = [:]
    for reason: String in reasons { counts[reason, default: 0] += 1 }
    return counts.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", ")
  }
}

/// Finds nodes for pods, one pod at a time.
struct SchedulingCycle {
  /// In a cluster of fewer nodes than this, all are looked at.
  private static let nodesToFindMin: Int = 100

  /// The percentage of nodes that are found before the search ends; 0 chooses it by the number of nodes.
  let percentageOfNodesToScore: Int
  /// Where the next search begins, so that all nodes get their share.
  private var start: Int = 0
  private var generator: SystemRandomNumberGenerator = SystemRandomNumberGenerator()

  init(percentageOfNodesToScore: Int) {
    self.percentageOfNodesToScore = percentageOfNodesToScore
  }

  private func nodesToFind(_ count: Int) -> Int {
    guard count >= Self.nodesToFindMin else { return count }
    let percentage: Int = percentageOfNodesToScore > 0 ? percentageOfNodesToScore : max(50 - count / 125, 5)
    return percentage >= 100 ? count : max(count * percentage / 100, Self.nodesToFindMin)
  }

  /// Looks for a node.
  ///
  /// - Parameter nominated: pods that preemption makes room for, by node; those of at least equal priority count.
  mutating func schedule(
    _ queued: QueuedPod, cache: ClusterCache, volumes: VolumeView, nominated: [String: [PodInfo]]
  ) -> SchedulingOutcome {
    let nodes: [NodeInfo] = cache.nodes
    let context: SchedulingContext = SchedulingContext(pod: queued.info, cache: cache, volumes: volumes)
    if let message: String = context.prepare() {
      return .unschedulable(FitFailure(nodeCount: nodes.count, general: message))
    }
    func reject(_ node: NodeInfo) -> Rejection? {
      if let expected: [PodInfo] = nominated[node.name] {
        let relevant: [PodInfo] = expected.filter { $0.priority >= queued.info.priority && $0.uid != queued.info.uid }
        if !relevant.isEmpty {
          let crowded: NodeInfo = node.copy()
          for pod: PodInfo in relevant { crowded.add(pod) }
          if let rejection: Rejection = context.reject(crowded) { return rejection }
        }
      }
      return context.reject(node)
    }
    if !queued.nominatedNode.isEmpty, let node: NodeInfo = cache.node(queued.nominatedNode), reject(node) == nil {
      return .node(node, context.claims)
    }
    let wanted: Int = nodesToFind(nodes.count)
    var found: [NodeInfo] = []
    var failure: FitFailure = FitFailure(nodeCount: nodes.count)
    var looked: Int = 0
    while looked < nodes.count, found.count < wanted {
      let node: NodeInfo = nodes[(start + looked) % nodes.count]
      looked += 1
      if let rejection: Rejection = reject(node) {
        failure.rejections[node.name] = rejection
      } else {
        found.append(node)
      }
    }
    start = nodes.isEmpty ? 0 : (start + looked) % nodes.count
    switch found.count {
    case 0: return .unschedulable(failure)
    case 1: return .node(found[0], context.claims)
    default:
      guard let best: NodeInfo = NodeScores(context, found).best(using: &generator) else {
        return .unschedulable(failure)
      }
      return .node(best, context.claims)
    }
  }
}
