// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Works out how many pods of each PodDisruptionBudget may be evicted now.
final class DisruptionController: Controller {
  static let name: String = "disruption-controller"
  /// An eviction that was allowed and has not shown by then is taken as failed.
  private static let disruptedTimeout: Duration = .seconds(120)

  private let context: ControllerContext
  private let budgets: Informer<PodDisruptionBudget>
  private let pods: Informer<Pod>
  private let replicaSets: Informer<ReplicaSet>
  private let deployments: Informer<Deployment>
  private let statefulSets: Informer<StatefulSet>
  private let replicationControllers: Informer<ReplicationController>
  private let queue: WorkQueue<ObjectKey> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    budgets = context.informers.informer(PodDisruptionBudget.self)
    pods = context.informers.informer(Pod.self)
    replicaSets = context.informers.informer(ReplicaSet.self)
    deployments = context.informers.informer(Deployment.self)
    statefulSets = context.informers.informer(StatefulSet.self)
    replicationControllers = context.informers.informer(ReplicationController.self)
    budgets.addHandler { [queue] event in queue.add(event.object.key) }
    pods.addHandler { [queue, budgets] event in
      for budget: PodDisruptionBudget in budgets.list(namespace: event.object.metadata.namespace)
      where Self.selector(budget).matches(event.object.metadata.labels) {
        queue.add(budget.key)
      }
    }
  }

  private static func selector(_ budget: PodDisruptionBudget) -> LabelSelector {
    LabelSelector(budget.spec.hasSelector ? budget.spec.selector : nil)
  }

  func run() async throws {
    try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) }
  }

  private func reconcile(_ key: ObjectKey) async throws {
    guard let budget: PodDisruptionBudget = budgets.get(key) else { return }
    let selector: LabelSelector = Self.selector(budget)
    let selected: [Pod] = pods.list(namespace: key.namespace).filter {
      selector.matches($0.metadata.labels) && !$0.isTerminal
    }
    let expected: (count: Int, desired: Int) = self.expected(budget, selected)
    let disrupted: [String: MetaTime] = stillDisrupted(budget, selected)
    let healthy: Int = selected.filter { pod in
      pod.isReady && !pod.metadata.isBeingDeleted && disrupted[pod.metadata.name] == nil
    }.count
    let allowed: Int = expected.count <= 0 ? 0 : max(0, healthy - expected.desired)
    var changed: PodDisruptionBudget = budget
    changed.status.currentHealthy = Int32(healthy)
    changed.status.desiredHealthy = Int32(expected.desired)
    changed.status.expectedPods = Int32(expected.count)
    changed.status.disruptionsAllowed = Int32(allowed)
    changed.status.disruptedPods = disrupted
    changed.status.observedGeneration = budget.metadata.generation
    setCondition(&changed, allowed > 0)
    if changed.status != budget.status { budgets.remember(try await context.client.updateStatus(changed)) }
    if !disrupted.isEmpty { queue.add(key, after: Self.disruptedTimeout) }
  }

  private func setCondition(_ budget: inout PodDisruptionBudget, _ isAllowed: Bool) {
    let status: String = isAllowed ? "True" : "False"
    let known: MetaCondition? = budget.status.conditions.first { $0.type == "DisruptionAllowed" }
    guard known?.status != status || known?.observedGeneration != budget.metadata.generation else { return }
    var condition: MetaCondition = MetaCondition()
    condition.type = "DisruptionAllowed"
    condition.status = status
    condition.reason = isAllowed ? "SufficientPods" : "InsufficientPods"
    condition.message = ""
    condition.observedGeneration = budget.metadata.generation
    condition.lastTransitionTime = known?.status == status ? known?.lastTransitionTime ?? .now : .now
    budget.status.conditions.removeAll { $0.type == "DisruptionAllowed" }
    budget.status.conditions.append(condition)
  }

  /// Evictions that were allowed and have not shown yet.
  private func stillDisrupted(_ budget: PodDisruptionBudget, _ selected: [Pod]) -> [String: MetaTime] {
    let now: Timestamp = .now
    return budget.status.disruptedPods.filter { name, time in
      guard let pod: Pod = selected.first(where: { $0.metadata.name == name }), !pod.metadata.isBeingDeleted else {
        return false
      }
      return now - Timestamp(time) < Self.disruptedTimeout
    }
  }

  // MARK: How many there should be

  private func expected(_ budget: PodDisruptionBudget, _ selected: [Pod]) -> (count: Int, desired: Int) {
    if budget.spec.hasMaxUnavailable {
      let count: Int = scale(selected)
      let missing: Int = budget.spec.maxUnavailable.scaled(of: count, roundsUp: true) ?? 0
      return (count, max(0, count - missing))
    }
    guard budget.spec.hasMinAvailable else { return (selected.count, max(0, selected.count - 1)) }
    if budget.spec.minAvailable.type == 0 { return (selected.count, Int(budget.spec.minAvailable.intVal)) }
    let count: Int = scale(selected)
    return (count, budget.spec.minAvailable.scaled(of: count, roundsUp: true) ?? count)
  }

  /// The sum of the replicas that the pods' controllers want.
  private func scale(_ selected: [Pod]) -> Int {
    var counts: [String: Int] = [:]
    for pod: Pod in selected {
      guard let owner: MetaOwnerReference = pod.metadata.controllerReference else {
        counts["pod/\(pod.metadata.uid)"] = 1
        continue
      }
      guard let scale: (uid: String, count: Int) = scale(owner, pod.metadata.namespace) else { continue }
      counts[scale.uid] = scale.count
    }
    return counts.values.reduce(0, +)
  }

  private func scale(_ owner: MetaOwnerReference, _ namespace: String) -> (uid: String, count: Int)? {
    switch owner.kind {
    case "ReplicaSet":
      guard let set: ReplicaSet = replicaSets.get(namespace: namespace, name: owner.name) else { return nil }
      if let parent: MetaOwnerReference = set.metadata.controllerReference, parent.kind == "Deployment",
        let deployment: Deployment = deployments.get(namespace: namespace, name: parent.name)
      {
        return (deployment.metadata.uid, deployment.spec.hasReplicas ? Int(deployment.spec.replicas) : 1)
      }
      return (set.metadata.uid, set.wantedReplicas)
    case "StatefulSet":
      return statefulSets.get(namespace: namespace, name: owner.name).map {
        ($0.metadata.uid, $0.spec.hasReplicas ? Int($0.spec.replicas) : 1)
      }
    case "ReplicationController":
      return replicationControllers.get(namespace: namespace, name: owner.name).map {
        ($0.metadata.uid, $0.wantedReplicas)
      }
    default: return nil
    }
  }
}
