// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import Logging
import Testing

@testable import Scheduling

@Suite struct SchedulingTests {
  private func node(
    _ name: String, cpu: String = "4", zone: String = "z", change: (inout Node) -> Void = { _ in }
  ) -> Node {
    var node: Node = Node()
    node.metadata.name = name
    node.metadata.labels = ["kubernetes.io/hostname": name, "zone": zone]
    for (resource, amount) in ["cpu": cpu, "memory": "8Gi", "pods": "110"] {
      node.status.allocatable[resource, default: Quantity()].string = amount
    }
    change(&node)
    return node
  }

  private func pod(_ name: String, cpu: String = "100m", change: (inout Pod) -> Void = { _ in }) -> Pod {
    var pod: Pod = Pod()
    pod.metadata.namespace = "default"
    pod.metadata.name = name
    pod.metadata.uid = name
    pod.metadata.labels = ["app": "web"]
    var container: Container = Container()
    container.resources.requests["cpu", default: Quantity()].string = cpu
    pod.spec.containers = [container]
    change(&pod)
    return pod
  }

  private func outcome(
    _ pod: Pod, nodes: [Node], placed: [(Pod, String)] = []
  ) throws -> (node: String?, message: String) {
    let cache: ClusterCache = ClusterCache()
    for node: Node in nodes { cache.set(node) }
    for (pod, node) in placed { cache.place(PodInfo(pod), on: node) }
    var cycle: SchedulingCycle = SchedulingCycle(percentageOfNodesToScore: 100)
    let queued: QueuedPod = QueuedPod(info: PodInfo(pod), arrived: .now, failedAt: .now)
    let client: KubeClient = try KubeClient(
      configuration: ClientConfiguration(server: "http://127.0.0.1:1"), logger: Logger(label: "test"))
    let volumes: VolumeView = VolumeView(
      claims: Informer(client: client), volumes: Informer(client: client), classes: Informer(client: client))
    switch cycle.schedule(queued, cache: cache, volumes: volumes, nominated: [:]) {
    case .node(let node, _): return (node.name, "")
    case .unschedulable(var failure):
      let preemption: Preemption = Preemption(budgets: [])
      switch preemption.find(queued, failure: failure, cache: cache, volumes: volumes) {
      case .candidate(let candidate):
        return (
          nil, "victims on \(candidate.node): \(candidate.victims.map(\.key.name).sorted().joined(separator: ","))"
        )
      case .none(let reason): failure.preemption = reason
      }
      return (nil, failure.message)
    }
  }

  @Test func `a pod goes where it fits`() throws {
    #expect(try outcome(pod("p", cpu: "2"), nodes: [node("small", cpu: "1"), node("large")]).node == "large")
  }

  @Test func `what does not fit is told in upstream's words`() throws {
    #expect(try outcome(pod("p"), nodes: []).message == "no nodes available to schedule pods")
    let tainted: Node = node("tainted") { node in
      var taint: Taint = Taint()
      taint.key = "a"
      taint.effect = "NoSchedule"
      node.spec.taints = [taint]
    }
    #expect(
      try outcome(pod("p", cpu: "8"), nodes: [node("a"), tainted]).message
        == "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). preemption: 0/2 nodes are "
        + "available: 2 Preemption is not helpful for scheduling.")
  }

  @Test func `node selectors, affinity and cordons hold`() throws {
    let zoned: Pod = pod("p") { $0.spec.nodeSelector = ["zone": "b"] }
    #expect(try outcome(zoned, nodes: [node("a", zone: "a"), node("b", zone: "b")]).node == "b")
    let cordoned: Node = node("c") { $0.spec.unschedulable = true }
    #expect(try outcome(pod("p"), nodes: [cordoned, node("d")]).node == "d")
    let ports: Pod = pod("p") { pod in
      var port: ContainerPort = ContainerPort()
      port.hostPort = 80
      pod.spec.containers[0].ports = [port]
    }
    var other: Pod = ports
    other.metadata.uid = "other"
    #expect(try outcome(ports, nodes: [node("a"), node("b")], placed: [(other, "a")]).node == "b")
  }

  @Test func `anti-affinity and spread hold`() throws {
    func shy(_ name: String) -> Pod {
      pod(name) { pod in
        var term: PodAffinityTerm = PodAffinityTerm()
        term.topologyKey = "kubernetes.io/hostname"
        term.labelSelector.matchLabels = ["app": "web"]
        pod.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution = [term]
      }
    }
    #expect(try outcome(shy("p"), nodes: [node("a"), node("b")], placed: [(shy("q"), "a")]).node == "b")
    // A pod without a wish of its own is shunned, too.
    #expect(try outcome(pod("p"), nodes: [node("a"), node("b")], placed: [(shy("q"), "a")]).node == "b")
    let even: Pod = pod("p") { pod in
      var constraint: TopologySpreadConstraint = TopologySpreadConstraint()
      constraint.maxSkew = 1
      constraint.topologyKey = "zone"
      constraint.whenUnsatisfiable = "DoNotSchedule"
      constraint.labelSelector.matchLabels = ["app": "web"]
      pod.spec.topologySpreadConstraints = [constraint]
    }
    #expect(
      try outcome(even, nodes: [node("a", zone: "x"), node("b", zone: "y")], placed: [(pod("q"), "a")]).node == "b")
  }

  @Test func `a pod of higher priority finds victims`() throws {
    let low: [(Pod, String)] = [(pod("low1", cpu: "3"), "a"), (pod("low2", cpu: "500m"), "a")]
    let high: Pod = pod("high", cpu: "3") { $0.spec.priority = 1000 }
    #expect(try outcome(high, nodes: [node("a")], placed: low).message == "victims on a: low1")
  }

  @Test func `the queue orders by priority and backs off`() {
    let start: ContinuousClock.Instant = .now
    var queue: SchedulingQueue = SchedulingQueue()
    queue.set(PodInfo(pod("first")), wakes: true, now: start)
    queue.set(PodInfo(pod("urgent") { $0.spec.priority = 5 }), wakes: true, now: start + .milliseconds(1))
    queue.set(PodInfo(pod("second")), wakes: true, now: start + .milliseconds(2))
    let order: [QueuedPod] = [queue.pop(), queue.pop(), queue.pop()].compactMap { $0 }
    #expect(order.map(\.info.key.name) == ["urgent", "first", "second"])
    #expect(queue.pop() == nil)
    queue.putBack(order[1], now: start)
    queue.moveAll(now: start + .milliseconds(10))
    #expect(queue.pop() == nil)
    #expect(queue.flush(now: start + .milliseconds(10)) != nil)
    _ = queue.flush(now: start + .seconds(2))
    #expect(queue.pop()?.info.key.name == "first")
    queue.set(PodInfo(pod("gated") { $0.spec.schedulingGates = [PodSchedulingGate()] }), wakes: true, now: start)
    #expect(queue.pop() == nil)
    queue.set(PodInfo(pod("gated")), wakes: true, now: start)
    #expect(queue.pop()?.info.key.name == "gated")
  }
}
