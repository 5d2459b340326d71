// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Makes a Job whenever a CronJob's schedule is due.
final class CronJobController: Controller {
  static let name: String = "cronjob-controller"
  private static let timeAnnotation: String = "batch.kubernetes.io/cronjob-scheduled-timestamp"
  /// More missed times than this mean that a clock is wrong; upstream gives up there, too.
  private static let missedMax: Int = 100

  private let context: ControllerContext
  private let cronJobs: Informer<CronJob>
  private let jobs: Informer<Job>
  private let recorder: EventRecorder
  private let queue: WorkQueue<ObjectKey> = WorkQueue()

  private var client: KubeClient { context.client }

  init(_ context: ControllerContext) {
    self.context = context
    cronJobs = context.informers.informer(CronJob.self)
    jobs = context.informers.informer(Job.self)
    recorder = EventRecorder(client: context.client, component: Self.name)
    jobs.addIndex(PodOwnership.index) { PodOwnership.indexKeys($0.metadata) }
    cronJobs.addHandler { [queue] event in queue.add(event.object.key) }
    jobs.addHandler { [queue] event in
      let job: Job = event.object
      guard let owner: MetaOwnerReference = job.metadata.controllerReference, owner.kind == "CronJob" else { return }
      queue.add(ObjectKey(namespace: job.metadata.namespace, name: owner.name))
    }
  }

  func run() async throws {
    try await context.together([
      { [self] in try await recorder.run() },
      { [self] in try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) } },
    ])
  }

  private func reconcile(_ key: ObjectKey) async throws {
    guard let cronJob: CronJob = cronJobs.get(key), !cronJob.metadata.isBeingDeleted else { return }
    var changed: CronJob = cronJob
    let owned: [Job] = jobs.indexed(PodOwnership.index, cronJob.metadata.uid)
    try await deleteOld(cronJob, owned)
    updateActive(&changed, owned)
    guard let schedule: CronSchedule = CronSchedule(cronJob.spec.schedule, timeZone: cronJob.spec.timeZone) else {
      recorder.record(
        cronJob, .warning, reason: "UnparseableSchedule", message: "unparseable schedule: \"\(cronJob.spec.schedule)\"")
      return try await write(changed, unlessEqualTo: cronJob)
    }
    if !cronJob.spec.suspend, let due: Timestamp = dueTime(cronJob, schedule) {
      try await start(&changed, owned, due)
    }
    try await write(changed, unlessEqualTo: cronJob)
    if !cronJob.spec.suspend, let next: Timestamp = schedule.next(after: .now) {
      queue.add(key, after: next - .now + .milliseconds(20))
    }
  }

  private func write(_ cronJob: CronJob, unlessEqualTo former: CronJob) async throws {
    guard cronJob.status != former.status else { return }
    cronJobs.remember(try await client.updateStatus(cronJob))
  }

  /// The last time that is due and has not been served; nil if there is none.
  private func dueTime(_ cronJob: CronJob, _ schedule: CronSchedule) -> Timestamp? {
    let now: Timestamp = .now
    var time: Timestamp =
      cronJob.status.hasLastScheduleTime
      ? Timestamp(cronJob.status.lastScheduleTime) : Timestamp(cronJob.metadata.creationTimestamp)
    if cronJob.spec.hasStartingDeadlineSeconds {
      time = max(time, now + .seconds(-cronJob.spec.startingDeadlineSeconds))
    }
    var due: Timestamp?
    var missed: Int = 0
    while let next: Timestamp = schedule.next(after: time), next <= now {
      due = next
      time = next
      missed += 1
      guard missed <= 100_000 else { break }
    }
    if missed > Self.missedMax {
      recorder.record(
        cronJob, .warning, reason: "TooManyMissedTimes",
        message: "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew")
    }
    return due
  }

  // MARK: Starting

  private func start(_ cronJob: inout CronJob, _ owned: [Job], _ due: Timestamp) async throws {
    let active: [Job] = owned.filter { !$0.isFinished }
    if cronJob.spec.concurrencyPolicy == "Forbid", !active.isEmpty {
      recorder.record(
        cronJob, .normal, reason: "JobAlreadyActive",
        message: "Not starting job because prior execution is running and concurrency policy is Forbid")
      return
    }
    if cronJob.spec.concurrencyPolicy == "Replace" {
      for job: Job in active {
        try await delete(job)
        recorder.record(cronJob, .normal, reason: "SuccessfulDelete", message: "Deleted job \(job.metadata.name)")
        cronJob.status.active.removeAll { $0.uid == job.metadata.uid }
      }
    }
    var job: Job = Job()
    job.metadata.namespace = cronJob.metadata.namespace
    // The name follows from the time, so that no time is served twice.
    job.metadata.name = "\(cronJob.metadata.name.prefix(52))-\(due.seconds / 60)"
    job.metadata.labels = cronJob.spec.jobTemplate.metadata.labels
    job.metadata.annotations = cronJob.spec.jobTemplate.metadata.annotations
    job.metadata.annotations[Self.timeAnnotation] = due.rfc3339
    job.metadata.ownerReferences = [MetaOwnerReference(controller: cronJob)]
    job.spec = cronJob.spec.jobTemplate.spec
    do throws(KubeClientError) {
      let made: Job = try await client.create(job)
      recorder.record(cronJob, .normal, reason: "SuccessfulCreate", message: "Created job \(made.metadata.name)")
      cronJob.status.active.append(made.reference())
    } catch {
      guard error.isAlreadyExists else {
        guard !error.isNamespaceTerminating else { return }
        recorder.record(cronJob, .warning, reason: "FailedCreate", message: "Error creating job: \(error.message)")
        throw error
      }
    }
    cronJob.status.lastScheduleTime = MetaTime(due)
  }

  private func updateActive(_ cronJob: inout CronJob, _ owned: [Job]) {
    let finished: [Job] = owned.filter(\.isFinished)
    for job: Job in finished where cronJob.status.active.contains(where: { $0.uid == job.metadata.uid }) {
      cronJob.status.active.removeAll { $0.uid == job.metadata.uid }
      let status: String = job.condition("Complete") != nil ? "Complete" : "Failed"
      recorder.record(
        cronJob, .normal, reason: "SawCompletedJob",
        message: "Saw completed job: \(job.metadata.name), condition: \(status)")
    }
    let uids: Set<String> = Set(owned.map(\.metadata.uid))
    cronJob.status.active.removeAll {
      !uids.contains($0.uid) && jobs.get(namespace: $0.namespace, name: $0.name) == nil
    }
    let successes: [Int64] = finished.filter { $0.condition("Complete") != nil }.map(\.status.completionTime.seconds)
    if let last: Int64 = successes.max(), last > cronJob.status.lastSuccessfulTime.seconds {
      cronJob.status.lastSuccessfulTime = MetaTime(Timestamp(seconds: last))
    }
  }

  private func deleteOld(_ cronJob: CronJob, _ owned: [Job]) async throws {
    func trim(_ finished: [Job], _ limit: Int) async throws {
      guard finished.count > limit else { return }
      let oldest: [Job] = finished.sorted { $0.status.startTime.seconds < $1.status.startTime.seconds }
      for job: Job in oldest.prefix(finished.count - limit) { try await delete(job) }
    }
    let spec: CronJobSpec = cronJob.spec
    try await trim(
      owned.filter { $0.condition("Complete") != nil },
      spec.hasSuccessfulJobsHistoryLimit ? Int(spec.successfulJobsHistoryLimit) : 3)
    try await trim(
      owned.filter { $0.condition("Failed") != nil },
      spec.hasFailedJobsHistoryLimit ? Int(spec.failedJobsHistoryLimit) : 1)
  }

  private func delete(_ job: Job) async throws {
    do throws(KubeClientError) {
      try await client.delete(
        Job.self, namespace: job.metadata.namespace, name: job.metadata.name,
        options: DeleteOptions(propagation: .background))
    } catch {
      guard error.isNotFound else { throw error }
    }
  }
}
