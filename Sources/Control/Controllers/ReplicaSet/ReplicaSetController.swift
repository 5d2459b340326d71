// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Keeps as many pods of a template as are wanted, for ReplicaSets and ReplicationControllers.
final class ReplicaController<Workload: ReplicatedWorkload>: Sendable {
  private let context: ControllerContext
  private let workloads: Informer<Workload>
  private let ownership: PodOwnership
  private let control: PodControl
  private let recorder: EventRecorder
  private let expectations: Expectations = Expectations()
  private let queue: WorkQueue<ObjectKey> = WorkQueue()
  private let name: String

  init(_ context: ControllerContext, name: String) {
    self.context = context
    self.name = name
    workloads = context.informers.informer(Workload.self)
    ownership = PodOwnership(context)
    recorder = EventRecorder(client: context.client, component: name)
    control = PodControl(client: context.client, recorder: recorder)
    workloads.addHandler { [queue] event in queue.add(event.object.key) }
    ownership.follow(
      for: workloads, queue, expectations, selector: { $0.podSelector }, minReadySeconds: { $0.minReadySeconds })
  }

  func run() async throws {
    try await context.together([
      { [self] in try await recorder.run() },
      { [self] in try await context.run(queue, name: name) { [self] key in try await reconcile(key) } },
    ])
  }

  // MARK: Reconciling

  private func reconcile(_ key: ObjectKey) async throws {
    guard let workload: Workload = workloads.get(key) else { return expectations.forget(key) }
    let isCurrent: Bool = expectations.areSatisfied(key)
    let pods: [Pod] = try await ownership.claim(for: workload, selector: workload.podSelector)
    let active: [Pod] = pods.filter(\.isActive)
    var failure: ReplicaFailure?
    var problem: KubeClientError?
    if isCurrent, !workload.metadata.isBeingDeleted {
      (failure, problem) = await manage(workload, active)
    } else if !isCurrent {
      failure = nil
    }
    try await updateStatus(workload, active: active, terminating: pods.filter(\.metadata.isBeingDeleted).count, failure)
    if let problem { throw problem }
  }

  private func manage(_ workload: Workload, _ active: [Pod]) async -> (ReplicaFailure?, KubeClientError?) {
    let key: ObjectKey = workload.key
    let difference: Int = active.count - workload.wantedReplicas
    let control: PodControl = control
    let expectations: Expectations = expectations
    if difference < 0 {
      let count: Int = min(-difference, PodControl.burst)
      expectations.expectCreations(key, count)
      let pod: Pod = PodControl.pod(from: workload.podTemplate, for: workload)
      let result: (successes: Int, error: KubeClientError?) = await PodControl.slowStart(count) {
        _ throws(KubeClientError) in
        try await control.create(pod, for: workload)
      }
      for _ in result.successes..<count { expectations.observeCreation(key) }
      guard let error: KubeClientError = result.error, !error.isNamespaceTerminating else { return (nil, nil) }
      return (ReplicaFailure(reason: "FailedCreate", message: error.message), error)
    }
    guard difference > 0 else { return (nil, nil) }
    let victims: [Pod] = Array(
      DeletionOrder.sorted(active, related: related(to: workload)).prefix(min(difference, PodControl.burst)))
    expectations.expectDeletions(key, victims.map(\.metadata.uid))
    let result: (successes: Int, error: KubeClientError?) = await PodControl.slowStart(victims.count) {
      place throws(KubeClientError) in
      do throws(KubeClientError) {
        try await control.delete(victims[place], for: workload)
      } catch {
        expectations.observeDeletion(key, victims[place].metadata.uid)
        throw error
      }
    }
    if let error: KubeClientError = result.error {
      // What was not tried will not show.
      for victim: Pod in victims { expectations.observeDeletion(key, victim.metadata.uid) }
      return (ReplicaFailure(reason: "FailedDelete", message: error.message), error)
    }
    return (nil, nil)
  }

  /// How many active pods of the same grand-owner (the Deployment, mostly) are on each node.
  private func related(to workload: Workload) -> [String: Int] {
    var siblings: [String] = [workload.metadata.uid]
    if let parent: String = workload.metadata.controllerReference?.uid {
      siblings = workloads.list(namespace: workload.metadata.namespace).filter { $0.metadata.isControlled(by: parent) }
        .map(\.metadata.uid)
    }
    var counts: [String: Int] = [:]
    for uid: String in siblings {
      for pod: Pod in ownership.pods.indexed(PodOwnership.index, uid) where pod.isActive {
        counts[pod.spec.nodeName, default: 0] += 1
      }
    }
    return counts
  }

  private func updateStatus(
    _ workload: Workload, active: [Pod], terminating: Int, _ failure: ReplicaFailure?
  ) async throws {
    let now: Timestamp = .now
    let labels: [String: String] = workload.podTemplate.metadata.labels
    var counts: ReplicaCounts = ReplicaCounts(replicas: Int32(active.count), terminating: Int32(terminating))
    for pod: Pod in active {
      if labels.allSatisfy({ pod.metadata.labels[$0.key] == $0.value }) { counts.fullyLabeled += 1 }
      guard pod.isReady else { continue }
      counts.ready += 1
      if pod.isAvailable(minReadySeconds: workload.minReadySeconds, now: now) { counts.available += 1 }
    }
    let wanted: Workload = workload.withStatus(counts, failure: failure)
    if wanted != workload {
      try await updateStatus(wanted, counts, failure)
    }
    if workload.minReadySeconds > 0, counts.ready == Int32(workload.wantedReplicas), counts.available != counts.ready {
      queue.add(workload.key, after: .seconds(Int64(workload.minReadySeconds)))
    }
  }

  private func updateStatus(_ wanted: Workload, _ counts: ReplicaCounts, _ failure: ReplicaFailure?) async throws {
    do throws(KubeClientError) {
      workloads.remember(try await client.updateStatus(wanted))
    } catch {
      guard error.isConflict else {
        guard error.isNotFound else { throw error }
        return
      }
      // Deployments scale at the same time: the figures are put onto the newest state once.
      let fresh: Workload = try await client.get(Workload.self, wanted.key)
      guard fresh.metadata.uid == wanted.metadata.uid else { return }
      try await client.updateStatus(fresh.withStatus(counts, failure: failure))
    }
  }

  private var client: KubeClient { context.client }
}

/// ReplicaSets.
struct ReplicaSetController: Controller {
  static let name: String = "replicaset-controller"
  private let controller: ReplicaController<ReplicaSet>

  init(_ context: ControllerContext) { controller = ReplicaController(context, name: Self.name) }

  func run() async throws { try await controller.run() }
}

/// ReplicationControllers.
struct ReplicationControllerController: Controller {
  static let name: String = "replicationcontroller-controller"
  static let account: String = "replication-controller"
  private let controller: ReplicaController<ReplicationController>

  init(_ context: ControllerContext) { controller = ReplicaController(context, name: "replication-controller") }

  func run() async throws { try await controller.run() }
}
