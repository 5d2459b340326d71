// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Watches over nodes: those that stop reporting become Unknown, and their conditions become taints.
final class NodeLifecycleController: Controller {
  static let name: String = "node-lifecycle-controller"
  static let account: String = "node-controller"

  private static let leaseNamespace: String = "kube-node-lease"
  /// A node that has never reported gets longer, upstream's nodeStartupGracePeriod.
  private static let startupGracePeriod: Duration = .seconds(60)
  /// The conditions that become taints: type, status that is bad, taint.
  private static let conditionTaints: [(type: String, status: String, key: String)] = [
    ("Ready", "False", "node.kubernetes.io/not-ready"), ("Ready", "Unknown", "node.kubernetes.io/unreachable"),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
  ]
  private static let unschedulableKey: String = "node.kubernetes.io/unschedulable"

  private let context: ControllerContext
  private let nodes: Informer<Node>
  private let pods: Informer<Pod>
  private let leases: Informer<Lease>
  private let recorder: EventRecorder
  private let queue: WorkQueue<String> = WorkQueue()
  private let eviction: TaintEviction

  init(_ context: ControllerContext) {
    self.context = context
    nodes = context.informers.informer(Node.self)
    pods = context.informers.informer(Pod.self)
    leases = Informer(client: context.watchClient, namespace: Self.leaseNamespace)
    recorder = EventRecorder(client: context.client, component: "node-controller")
    eviction = TaintEviction(context, recorder: recorder)
    nodes.addHandler { [queue] event in
      if case .updated(let old, let new) = event, old.spec == new.spec, old.status.conditions == new.status.conditions {
        return
      }
      queue.add(event.object.metadata.name)
    }
  }

  func run() async throws {
    try await context.together([
      { [self] in try await leases.run() },
      { [self] in try await recorder.run() },
      { [self] in try await eviction.run() },
      { [self] in
        try await leases.waitForSync()
        try await context.run(queue, name: Self.name) { [self] name in try await reconcile(name) }
      },
    ])
  }

  private func reconcile(_ name: String) async throws {
    guard var node: Node = nodes.get(name: name) else { return }
    // Wakes again when the grace period of the last sign of life is over.
    let remaining: Duration = remainingGrace(node)
    if remaining > .zero {
      queue.add(name, after: remaining + .milliseconds(100))
    } else {
      node = try await markUnknown(node)
      queue.add(name, after: .seconds(10))
    }
    try await updateTaints(node)
    if !node.isReady { try await markPodsNotReady(node) }
  }

  /// How long the node may still say nothing.
  private func remainingGrace(_ node: Node) -> Duration {
    var last: Timestamp = Timestamp(node.metadata.creationTimestamp)
    var grace: Duration = Self.startupGracePeriod
    if let ready: NodeCondition = node.condition("Ready") {
      last = max(last, Timestamp(ready.lastHeartbeatTime))
      grace = context.configuration.nodeMonitorGracePeriod
    }
    if let lease: Lease = leases.get(namespace: Self.leaseNamespace, name: node.metadata.name) {
      last = max(last, Timestamp(lease.spec.renewTime))
    }
    return last + grace - .now
  }

  private func markUnknown(_ node: Node) async throws -> Node {
    let types: [String] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"]
    let hasReported: Bool = node.condition("Ready") != nil
    var changed: Node = node
    for type: String in types {
      let known: NodeCondition? = node.condition(type)
      guard known?.status != "Unknown" else { continue }
      var condition: NodeCondition = known ?? NodeCondition()
      condition.type = type
      condition.status = "Unknown"
      condition.reason = hasReported ? "NodeStatusUnknown" : "NodeStatusNeverUpdated"
      condition.message = hasReported ? "Kubelet stopped posting node status." : "Kubelet never posted node status."
      condition.lastTransitionTime = .now
      if known == nil { condition.lastHeartbeatTime = node.metadata.creationTimestamp }
      changed.status.conditions.removeAll { $0.type == type }
      changed.status.conditions.append(condition)
    }
    guard changed.status != node.status else { return node }
    let updated: Node = try await context.client.updateStatus(changed)
    nodes.remember(updated)
    recorder.record(
      node, .normal, reason: "NodeNotReady", message: "Node \(node.metadata.name) status is now: NodeNotReady")
    return updated
  }

  // MARK: Taints

  private func updateTaints(_ node: Node) async throws {
    let managed: Set<String> = Set(Self.conditionTaints.map(\.key) + [Self.unschedulableKey])
    var wanted: [(key: String, effect: String)] = []
    for (type, status, key) in Self.conditionTaints where node.condition(type)?.status == status {
      wanted.append((key, "NoSchedule"))
      if type == "Ready" { wanted.append((key, "NoExecute")) }
    }
    if node.condition("Ready") == nil { wanted.append(("node.kubernetes.io/not-ready", "NoSchedule")) }
    if node.spec.unschedulable { wanted.append((Self.unschedulableKey, "NoSchedule")) }
    var taints: [Taint] = node.spec.taints.filter { taint in
      !managed.contains(taint.key) || wanted.contains { $0.key == taint.key && $0.effect == taint.effect }
    }
    for (key, effect) in wanted where !taints.contains(where: { $0.key == key && $0.effect == effect }) {
      var taint: Taint = Taint()
      taint.key = key
      taint.effect = effect
      taint.timeAdded = .now
      taints.append(taint)
    }
    guard taints != node.spec.taints else { return }
    var changed: Node = node
    changed.spec.taints = taints
    nodes.remember(try await context.client.update(changed))
  }

  /// A node that is not ready serves no requests: its pods leave the endpoints.
  private func markPodsNotReady(_ node: Node) async throws {
    guard let ready: NodeCondition = node.condition("Ready"), ready.status != "True" else { return }
    for pod: Pod in pods.list() where pod.spec.nodeName == node.metadata.name && pod.isReady {
      var changed: Pod = pod
      guard let place: Int = changed.status.conditions.firstIndex(where: { $0.type == "Ready" }) else { continue }
      changed.status.conditions[place].status = "False"
      changed.status.conditions[place].lastTransitionTime = .now
      do throws(KubeClientError) {
        try await context.client.updateStatus(changed)
        recorder.record(pod, .warning, reason: "NodeNotReady", message: "Node is not ready")
      } catch {
        guard error.isNotFound || error.isConflict else { throw error }
      }
    }
  }
}
