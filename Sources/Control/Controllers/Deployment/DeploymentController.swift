// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Rolls Deployments out: one ReplicaSet for each revision of the template, scaled against one another.
final class DeploymentController: Controller {
  static let name: String = "deployment-controller"

  let context: ControllerContext
  let deployments: Informer<Deployment>
  let replicaSets: Informer<ReplicaSet>
  let recorder: EventRecorder
  let queue: WorkQueue<ObjectKey> = WorkQueue()
  private let pods: Informer<Pod>

  var client: KubeClient { context.client }

  init(_ context: ControllerContext) {
    self.context = context
    deployments = context.informers.informer(Deployment.self)
    replicaSets = context.informers.informer(ReplicaSet.self)
    pods = context.informers.informer(Pod.self)
    recorder = EventRecorder(client: context.client, component: Self.name)
    replicaSets.addIndex(PodOwnership.index) { PodOwnership.indexKeys($0.metadata) }
    pods.addIndex(PodOwnership.index) { PodOwnership.indexKeys($0.metadata) }
    deployments.addHandler { [queue] event in queue.add(event.object.key) }
    replicaSets.addHandler { [self] event in hear(event) }
    // Recreate waits for the last old pod to be gone.
    pods.addHandler { [self] event in
      guard case .deleted(let pod) = event, let owner: MetaOwnerReference = pod.metadata.controllerReference,
        owner.kind == "ReplicaSet",
        let set: ReplicaSet = replicaSets.get(namespace: pod.metadata.namespace, name: owner.name),
        let deployment: Deployment = self.deployment(of: set.metadata), deployment.spec.strategy.type == "Recreate"
      else { return }
      queue.add(deployment.key)
    }
  }

  private func deployment(of metadata: MetaObjectMeta) -> Deployment? {
    guard let owner: MetaOwnerReference = metadata.controllerReference, owner.kind == "Deployment" else { return nil }
    let found: Deployment? = deployments.get(namespace: metadata.namespace, name: owner.name)
    return found?.metadata.uid == owner.uid ? found : nil
  }

  private func hear(_ event: InformerEvent<ReplicaSet>) {
    let set: ReplicaSet = event.object
    if case .updated(let old, _) = event, let former: Deployment = deployment(of: old.metadata) {
      queue.add(former.key)
    }
    if let owner: Deployment = deployment(of: set.metadata) { return queue.add(owner.key) }
    guard set.metadata.controllerReference == nil, !set.metadata.isBeingDeleted else { return }
    for deployment: Deployment in deployments.list(namespace: set.metadata.namespace)
    where LabelSelector(deployment.spec.selector).matches(set.metadata.labels) {
      queue.add(deployment.key)
    }
  }

  func run() async throws {
    try await context.together([
      { [self] in try await recorder.run() },
      { [self] in try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) } },
    ])
  }

  // MARK: Reconciling

  private func reconcile(_ key: ObjectKey) async throws {
    guard var deployment: Deployment = deployments.get(key) else { return }
    if LabelSelector(deployment.spec.selector).isEmpty {
      recorder.record(
        deployment, .warning, reason: "SelectingAll",
        message: "This deployment is selecting all pods. A non-empty selector is required.")
      return
    }
    let sets: [ReplicaSet] = try await claimReplicaSets(deployment)
    if deployment.metadata.isBeingDeleted {
      return try await syncStatus(deployment, Rollout(deployment, sets))
    }
    try await updatePausedCondition(&deployment)
    var rollout: Rollout = Rollout(deployment, sets)
    if deployment.spec.paused {
      try await updateRevision(&rollout, creates: false)
      try await scale(&rollout)
      try await cleanUp(rollout)
      return try await syncStatus(rollout.deployment, rollout)
    }
    if isScalingEvent(rollout) {
      try await updateRevision(&rollout, creates: false)
      try await scale(&rollout)
      return try await syncStatus(rollout.deployment, rollout)
    }
    if deployment.spec.strategy.type == "Recreate" {
      try await rolloutRecreate(&rollout)
    } else {
      try await rolloutRolling(&rollout)
    }
  }

  private func claimReplicaSets(_ deployment: Deployment) async throws -> [ReplicaSet] {
    let selector: LabelSelector = LabelSelector(deployment.spec.selector)
    var claimed: [ReplicaSet] = []
    for set: ReplicaSet in replicaSets.indexed(PodOwnership.index, deployment.metadata.uid) {
      if selector.matches(set.metadata.labels) {
        claimed.append(set)
      } else if !deployment.metadata.isBeingDeleted {
        try await Ownership.release(set, from: deployment, client)
      }
    }
    guard !deployment.metadata.isBeingDeleted else { return claimed }
    for set: ReplicaSet in replicaSets.indexed(PodOwnership.index, "orphan/\(deployment.metadata.namespace)")
    where !set.metadata.isBeingDeleted && selector.matches(set.metadata.labels) {
      if let adopted: ReplicaSet = try await Ownership.adopt(set, by: deployment, client) { claimed.append(adopted) }
    }
    return claimed
  }

  /// Whether the number of wanted replicas changed while a rollout was on its way.
  private func isScalingEvent(_ rollout: Rollout) -> Bool {
    rollout.all.contains { set in
      set.wantedReplicas > 0
        && set.metadata.annotations[Rollout.desiredAnnotation].flatMap { Int($0) }.map { $0 != rollout.desired }
          ?? false
    }
  }

  /// Whether a pod of an old revision is still there, in whatever state.
  func hasOldPods(_ rollout: Rollout) -> Bool {
    rollout.old.contains { set in
      pods.indexed(PodOwnership.index, set.metadata.uid).contains { !$0.isTerminal }
    }
  }

  // MARK: Strategies

  private func rolloutRecreate(_ rollout: inout Rollout) async throws {
    try await updateRevision(&rollout, creates: false)
    var scaledDown: Bool = false
    for set: ReplicaSet in rollout.old where set.wantedReplicas > 0 {
      rollout.replace(try await scale(set, to: 0, rollout))
      scaledDown = true
    }
    if scaledDown || hasOldPods(rollout) { return try await syncRolloutStatus(rollout) }
    if rollout.new == nil { try await updateRevision(&rollout, creates: true) }
    if let new: ReplicaSet = rollout.new, new.wantedReplicas != rollout.desired {
      rollout.replace(try await scale(new, to: rollout.desired, rollout))
    }
    if rollout.isComplete { try await cleanUp(rollout) }
    try await syncRolloutStatus(rollout)
  }

  private func rolloutRolling(_ rollout: inout Rollout) async throws {
    try await updateRevision(&rollout, creates: true)
    guard let new: ReplicaSet = rollout.new else { return }
    let wanted: Int = rollout.newReplicas
    if new.wantedReplicas != wanted {
      rollout.replace(try await scale(new, to: wanted, rollout))
      return try await syncRolloutStatus(rollout)
    }
    let plan: [(set: ReplicaSet, replicas: Int)] = rollout.oldScaleDown()
    if !plan.isEmpty {
      for (set, replicas) in plan { rollout.replace(try await scale(set, to: replicas, rollout)) }
      return try await syncRolloutStatus(rollout)
    }
    if rollout.isComplete { try await cleanUp(rollout) }
    try await syncRolloutStatus(rollout)
  }

  /// Deletes old ReplicaSets that are empty, beyond the history that is kept.
  private func cleanUp(_ rollout: Rollout) async throws {
    let limit: Int =
      rollout.deployment.spec.hasRevisionHistoryLimit ? Int(rollout.deployment.spec.revisionHistoryLimit) : 10
    let old: [ReplicaSet] = rollout.old.filter { !$0.metadata.isBeingDeleted }
    guard old.count > limit else { return }
    let ordered: [ReplicaSet] = old.sorted { Rollout.revision($0) < Rollout.revision($1) }
    for set: ReplicaSet in ordered.prefix(old.count - limit)
    where set.status.replicas == 0 && set.wantedReplicas == 0
      && set.metadata.generation <= set.status.observedGeneration
    {
      do throws(KubeClientError) {
        try await client.delete(ReplicaSet.self, namespace: set.metadata.namespace, name: set.metadata.name)
      } catch {
        guard error.isNotFound else { throw error }
      }
    }
  }
}
