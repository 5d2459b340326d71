// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Runs the pods of Jobs until enough of them have succeeded.
///
/// Every pod has a finalizer until its end is counted in the Job's status, so that no end is counted twice or lost.
final class JobController: Controller {
  static let name: String = "job-controller"
  static let finalizer: String = "batch.kubernetes.io/job-tracking"
  static let indexAnnotation: String = "batch.kubernetes.io/job-completion-index"
  private static let ownManager: String = "kubernetes.io/job-controller"

  let context: ControllerContext
  let ownership: PodOwnership
  let recorder: EventRecorder
  let control: PodControl
  let queue: WorkQueue<ObjectKey> = WorkQueue()
  private let orphans: WorkQueue<ObjectKey> = WorkQueue()
  let expectations: Expectations = Expectations()
  private let jobs: Informer<Job>

  var client: KubeClient { context.client }

  init(_ context: ControllerContext) {
    self.context = context
    jobs = context.informers.informer(Job.self)
    ownership = PodOwnership(context)
    recorder = EventRecorder(client: context.client, component: Self.name)
    control = PodControl(client: context.client, recorder: recorder)
    jobs.addHandler { [queue] event in queue.add(event.object.key) }
    ownership.follow(for: jobs, queue, expectations, selector: { LabelSelector($0.spec.selector) })
    ownership.pods.addHandler { [self] event in
      if isOrphan(event.object) { orphans.add(event.object.key) }
    }
  }

  func run() async throws {
    try await context.together([
      { [self] in try await recorder.run() },
      { [self] in try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) } },
      { [self] in try await context.run(orphans, name: Self.name) { [self] key in try await releaseOrphan(key) } },
    ])
  }

  private func reconcile(_ key: ObjectKey) async throws {
    guard let job: Job = jobs.get(key) else { return expectations.forget(key) }
    guard job.spec.managedBy.isEmpty || job.spec.managedBy == Self.ownManager else { return }
    // The ends of its pods do not count any more; a deletion in the foreground waits for them.
    if job.isFinished || job.metadata.isBeingDeleted { return try await releasePods(of: job) }
    let pods: [Pod] = try await ownership.claim(
      for: job, selector: LabelSelector(job.spec.selector), finalizer: Self.finalizer)
    var run: JobRun = JobRun(job: job, pods: pods, now: .now)
    try await advance(&run)
  }

  /// Whether nobody counts a pod's end any more: it has no owner, or its Job is no more.
  private func isOrphan(_ pod: Pod) -> Bool {
    guard pod.metadata.finalizers.contains(Self.finalizer) else { return false }
    guard let owner: MetaOwnerReference = pod.metadata.controllerReference else { return true }
    let key: ObjectKey = ObjectKey(namespace: pod.metadata.namespace, name: owner.name)
    return owner.kind == "Job" && jobs.get(key)?.metadata.uid != owner.uid
  }

  private func releaseOrphan(_ key: ObjectKey) async throws {
    guard let pod: Pod = ownership.pods.get(key), isOrphan(pod) else { return }
    try await removeFinalizer(pod)
  }

  private func releasePods(of job: Job) async throws {
    for pod: Pod in ownership.pods.indexed(PodOwnership.index, job.metadata.uid)
    where pod.metadata.finalizers.contains(Self.finalizer) {
      try await removeFinalizer(pod)
    }
  }

  func removeFinalizer(_ pod: Pod) async throws {
    let change: JSONValue = ["metadata": ["$deleteFromPrimitiveList/finalizers": JSONValue([Self.finalizer])]]
    do throws(KubeClientError) {
      let changed: Pod = try await client.patch(
        Pod.self, namespace: pod.metadata.namespace, name: pod.metadata.name, .strategic(change))
      ownership.pods.remember(changed)
    } catch {
      guard error.isNotFound else { throw error }
    }
  }

  func write(_ job: Job) async throws {
    jobs.remember(try await client.updateStatus(job))
  }
}

extension Job {
  func condition(_ type: String) -> JobCondition? { status.conditions.first { $0.type == type && $0.status == "True" } }
  /// Whether the Job has come to an end, good or bad.
  var isFinished: Bool { condition("Complete") != nil || condition("Failed") != nil }
  var isIndexed: Bool { spec.completionMode == "Indexed" }

  mutating func setCondition(_ type: String, _ status: String, _ reason: String, _ message: String) {
    let known: JobCondition? = self.status.conditions.first { $0.type == type }
    if let known, known.status == status, known.reason == reason, known.message == message { return }
    var condition: JobCondition = JobCondition()
    condition.type = type
    condition.status = status
    condition.reason = reason
    condition.message = message
    condition.lastProbeTime = .now
    condition.lastTransitionTime = .now
    self.status.conditions.removeAll { $0.type == type }
    self.status.conditions.append(condition)
  }
}
