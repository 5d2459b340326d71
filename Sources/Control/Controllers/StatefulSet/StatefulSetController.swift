// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Keeps the pods of StatefulSets: each with a name, a place and volumes of its own, in order.
final class StatefulSetController: Controller {
  static let name: String = "statefulset-controller"

  let context: ControllerContext
  let control: PodControl
  let recorder: EventRecorder
  let history: RevisionHistory
  let claims: Informer<PersistentVolumeClaim>
  private let sets: Informer<StatefulSet>
  private let ownership: PodOwnership
  private let expectations: Expectations = Expectations()
  private let queue: WorkQueue<ObjectKey> = WorkQueue()

  var client: KubeClient { context.client }

  init(_ context: ControllerContext) {
    self.context = context
    sets = context.informers.informer(StatefulSet.self)
    claims = context.informers.informer(PersistentVolumeClaim.self)
    ownership = PodOwnership(context)
    history = RevisionHistory(context)
    recorder = EventRecorder(client: context.client, component: Self.name)
    control = PodControl(client: context.client, recorder: recorder)
    sets.addHandler { [queue] event in queue.add(event.object.key) }
    ownership.follow(
      for: sets, queue, expectations, selector: { LabelSelector($0.spec.selector) },
      minReadySeconds: { $0.spec.minReadySeconds })
  }

  func run() async throws {
    try await context.together([
      { [self] in try await recorder.run() },
      { [self] in try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) } },
    ])
  }

  // MARK: Reconciling

  private func reconcile(_ key: ObjectKey) async throws {
    guard let set: StatefulSet = sets.get(key) else { return expectations.forget(key) }
    let pods: [Pod] = try await ownership.claim(for: set, selector: LabelSelector(set.spec.selector))
    guard !set.metadata.isBeingDeleted, expectations.areSatisfied(key) else { return }
    let update: ControllerRevision = try await history.current(
      set, template: set.spec.template, labels: set.spec.template.metadata.labels)
    let all: [ControllerRevision] = history.list(set)
    let current: ControllerRevision = all.first { $0.metadata.name == set.status.currentRevision } ?? update
    var plan: StatefulPlan = StatefulPlan(
      set: set, pods: pods, current: current.metadata.name, update: update.metadata.name, now: .now)
    plan.decide()
    try await carryOut(plan, current: current, update: update)
    let status: StatefulSetStatus = plan.status
    if status != set.status {
      var changed: StatefulSet = set
      changed.status = status
      sets.remember(try await client.updateStatus(changed))
    }
    let inUse: Set<String> = Set(pods.compactMap { $0.metadata.labels[RevisionHistory.hashLabel] })
    try await history.trim(
      set, limit: set.spec.hasRevisionHistoryLimit ? Int(set.spec.revisionHistoryLimit) : 10,
      inUse: inUse.union([current.metadata.name, update.metadata.name]))
  }

  private func carryOut(_ plan: StatefulPlan, current: ControllerRevision, update: ControllerRevision) async throws {
    let set: StatefulSet = plan.set
    for (ordinal, revision) in plan.create {
      let pod: StatefulPod = StatefulPod(set: set, ordinal: ordinal)
      try await createClaims(pod)
      expectations.expectCreations(set.key, 1)
      do throws(KubeClientError) {
        let template = try StatefulPod.template(of: revision == update.metadata.name ? update : current)
        try await client.create(
          Pod.resource, namespace: set.metadata.namespace, pod.document(template, revision: revision))
        recorder.record(
          set, .normal, reason: "SuccessfulCreate",
          message: "create Pod \(pod.name) in StatefulSet \(set.metadata.name) successful")
      } catch {
        expectations.observeCreation(set.key)
        guard !error.isNamespaceTerminating else { return }
        if !error.isAlreadyExists {
          recorder.record(
            set, .warning, reason: "FailedCreate",
            message: "create Pod \(pod.name) in StatefulSet \(set.metadata.name) failed error: \(error.message)")
        }
        throw error
      }
    }
    for pod: Pod in plan.delete {
      expectations.expectDeletions(set.key, [pod.metadata.uid])
      do throws(KubeClientError) {
        try await client.delete(
          Pod.self, namespace: pod.metadata.namespace, name: pod.metadata.name,
          options: DeleteOptions(uid: pod.metadata.uid))
        recorder.record(
          set, .normal, reason: "SuccessfulDelete",
          message: "delete Pod \(pod.metadata.name) in StatefulSet \(set.metadata.name) successful")
      } catch {
        expectations.observeDeletion(set.key, pod.metadata.uid)
        guard error.isNotFound else { throw error }
      }
    }
    for pod: Pod in plan.condemned where set.spec.persistentVolumeClaimRetentionPolicy.whenScaled == "Delete" {
      try await ownClaims(of: pod, set)
    }
  }

  // MARK: Claims

  private func createClaims(_ pod: StatefulPod) async throws {
    for claim: PersistentVolumeClaim in pod.claims where claims.get(claim.key) == nil {
      do throws(KubeClientError) {
        try await client.create(claim)
        recorder.record(
          pod.set, .normal, reason: "SuccessfulCreate",
          message: "create Claim \(claim.metadata.name) Pod \(pod.name) in StatefulSet \(pod.set.metadata.name) success"
        )
      } catch {
        guard error.isAlreadyExists else { throw error }
      }
    }
  }

  /// Makes a pod that is to go the owner of its claims, so that they go with it.
  private func ownClaims(of pod: Pod, _ set: StatefulSet) async throws {
    guard let ordinal: Int = StatefulPlan.ordinal(of: pod, in: set) else { return }
    for wanted: PersistentVolumeClaim in StatefulPod(set: set, ordinal: ordinal).claims {
      guard var claim: PersistentVolumeClaim = claims.get(wanted.key),
        !claim.metadata.ownerReferences.contains(where: { $0.uid == pod.metadata.uid })
      else { continue }
      claim.metadata.ownerReferences.append(MetaOwnerReference(owner: pod))
      claims.remember(try await client.update(claim))
    }
  }
}
