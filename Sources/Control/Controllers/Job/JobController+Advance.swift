// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

extension JobController {
  /// Brings a Job one step further: counts ends, judges, starts and stops pods, writes the status.
  func advance(_ run: inout JobRun) async throws {
    let before: JobStatus = run.job.status
    let wasSuspended: Bool = run.job.condition("Suspended") != nil
    if !run.job.status.hasStartTime, !run.job.spec.suspend { run.job.status.startTime = .now }
    updateSuspension(&run, wasSuspended)
    // First into the status, by UID, then the finalizers go: an end is neither lost nor counted twice.
    let counted: [Pod] = count(&run)
    if let failure: (reason: String, message: String) = run.failure() {
      try await fail(&run, failure)
    } else if run.isComplete {
      complete(&run)
    }
    var pause: Duration = .zero
    // Once the outcome is known nothing more is started; what still runs is stopped above.
    if !run.job.isFinished, run.job.condition("FailureTarget") == nil, run.job.condition("SuccessCriteriaMet") == nil {
      pause = try await manage(&run)
    }
    updateFigures(&run)
    if run.job.status != before { try await write(run.job) }
    for pod: Pod in counted { try await removeFinalizer(pod) }
    // What is counted by now holds up the end no more.
    if !counted.isEmpty, !run.job.isFinished { queue.add(run.job.key) }
    if pause > .zero { queue.add(run.job.key, after: pause) }
    if run.job.spec.hasActiveDeadlineSeconds, run.job.status.hasStartTime, !run.job.isFinished {
      let end: Timestamp = Timestamp(run.job.status.startTime) + .seconds(run.job.spec.activeDeadlineSeconds)
      queue.add(run.job.key, after: max(end - .now, .milliseconds(100)))
    }
  }

  private func updateSuspension(_ run: inout JobRun, _ wasSuspended: Bool) {
    if run.job.spec.suspend, !wasSuspended {
      run.job.setCondition("Suspended", "True", "JobSuspended", "Job suspended")
      run.job.status.clearStartTime()
      recorder.record(run.job, .normal, reason: "Suspended", message: "Job suspended")
    } else if !run.job.spec.suspend, wasSuspended {
      run.job.setCondition("Suspended", "False", "JobResumed", "Job resumed")
      run.job.status.startTime = .now
      recorder.record(run.job, .normal, reason: "Resumed", message: "Job resumed")
    }
  }

  /// Puts new ends into the status; answers the pods whose finalizer can go.
  private func count(_ run: inout JobRun) -> [Pod] {
    let succeeded: [Pod] = run.newlySucceeded
    let failed: [Pod] = run.newlyFailed
    let known: Set<String> = Set(
      run.job.status.uncountedTerminatedPods.succeeded + run.job.status.uncountedTerminatedPods.failed)
    if run.job.isIndexed {
      var done: Set<Int> = run.succeededIndexes
      done.formUnion(succeeded.compactMap { JobRun.index($0) }.filter { $0 < run.completions ?? 0 })
      run.job.status.completedIndexes = JobRun.text(done)
      run.job.status.succeeded = Int32(done.count)
      countFailedIndexes(&run, failed, done)
    } else {
      run.job.status.succeeded += Int32(succeeded.filter { !known.contains($0.metadata.uid) }.count)
    }
    run.job.status.failed += Int32(failed.filter { !known.contains($0.metadata.uid) }.count)
    let countable: [Pod] = run.countable
    // What is counted now stays listed until its finalizer is gone, in case this process ends in between.
    let listed: Set<String> = Set(countable.map(\.metadata.uid))
    var uncounted: UncountedTerminatedPods = UncountedTerminatedPods()
    uncounted.succeeded = run.job.isIndexed ? [] : succeeded.map(\.metadata.uid).filter { listed.contains($0) }
    uncounted.failed = failed.map(\.metadata.uid).filter { listed.contains($0) }
    run.job.status.uncountedTerminatedPods = uncounted
    return countable
  }

  private func countFailedIndexes(_ run: inout JobRun, _ failed: [Pod], _ done: Set<Int>) {
    guard run.job.spec.hasBackoffLimitPerIndex else { return }
    var indexes: Set<Int> = run.failedIndexes
    var counts: [Int: Int] = [:]
    for pod: Pod in run.pods where pod.status.phase == "Failed" && !run.isIgnored(pod) {
      guard let index: Int = JobRun.index(pod), !done.contains(index) else { continue }
      counts[index, default: 0] += 1
      if run.failureAction(pod)?.action == "FailIndex" { indexes.insert(index) }
    }
    for (index, count) in counts where count > Int(run.job.spec.backoffLimitPerIndex) { indexes.insert(index) }
    run.job.status.failedIndexes = JobRun.text(indexes)
  }

  private func complete(_ run: inout JobRun) {
    let reason: String = run.isSuccessPolicyMet ? "SuccessPolicy" : "CompletionsReached"
    let message: String =
      run.isSuccessPolicyMet ? "Matched rules at index 0" : "Reached expected number of succeeded pods"
    run.job.setCondition("SuccessCriteriaMet", "True", reason, message)
    guard run.active.isEmpty, run.terminating.isEmpty else {
      if run.isSuccessPolicyMet { stopLater(run.active, run.job) }
      return
    }
    // A finished job lists no pod that is yet to be let go of.
    guard !run.hasUncounted else { return }
    run.job.setCondition("Complete", "True", reason, message)
    run.job.status.completionTime = .now
    recorder.record(run.job, .normal, reason: "Completed", message: "Job completed")
  }

  /// Pods that are needed no more; a failure to stop one is met again at the next look.
  private func stopLater(_ pods: [Pod], _ job: Job) {
    for pod: Pod in pods { expectations.expectDeletions(job.key, [pod.metadata.uid]) }
    let control: PodControl = control
    let expectations: Expectations = expectations
    let queue: WorkQueue<ObjectKey> = queue
    Task {
      for pod: Pod in pods {
        do throws(KubeClientError) {
          try await control.delete(pod, for: job)
        } catch {
          expectations.observeDeletion(job.key, pod.metadata.uid)
          queue.add(job.key, after: .seconds(1))
        }
      }
    }
  }

  private func fail(_ run: inout JobRun, _ failure: (reason: String, message: String)) async throws {
    run.job.setCondition("FailureTarget", "True", failure.reason, failure.message)
    for pod: Pod in run.active { try await control.delete(pod, for: run.job) }
    guard run.active.isEmpty, run.terminating.isEmpty, !run.hasUncounted else { return }
    run.job.setCondition("Failed", "True", failure.reason, failure.message)
    recorder.record(run.job, .warning, reason: failure.reason, message: failure.message)
  }

  // MARK: Starting and stopping pods

  /// Starts what is missing and stops what is too much; answers how long to wait before more may be started.
  private func manage(_ run: inout JobRun) async throws -> Duration {
    let key: ObjectKey = run.job.key
    guard expectations.areSatisfied(key) else { return .zero }
    var wanted: Int = run.parallelism
    if let completions: Int = run.completions { wanted = min(wanted, max(0, completions - run.succeeded)) }
    // Without a number of completions the first success ends the Job: no new pods then.
    if run.completions == nil, run.succeeded > 0 { wanted = min(wanted, run.active.count) }
    let active: [Pod] = run.active
    if active.count > wanted {
      let victims: [Pod] = Array(DeletionOrder.sorted(active, related: [:]).prefix(active.count - wanted))
      expectations.expectDeletions(key, victims.map(\.metadata.uid))
      for victim: Pod in victims { try await control.delete(victim, for: run.job) }
      return .zero
    }
    let occupied: Int = active.count + (run.job.spec.podReplacementPolicy == "Failed" ? run.terminating.count : 0)
    let missing: Int = min(wanted - occupied, PodControl.burst)
    guard missing > 0 else { return .zero }
    let pause: Duration = run.backOff()
    guard pause <= .zero else { return pause }
    try await start(missing, run)
    return .zero
  }

  private func start(_ count: Int, _ run: JobRun) async throws {
    let job: Job = run.job
    var pods: [Pod] = []
    if job.isIndexed {
      pods = run.missingIndexes(count).map { self.pod(job, index: $0) }
    } else {
      pods = Array(repeating: self.pod(job, index: nil), count: count)
    }
    guard !pods.isEmpty else { return }
    expectations.expectCreations(job.key, pods.count)
    let control: PodControl = control
    let made: [Pod] = pods
    let result: (successes: Int, error: KubeClientError?) = await PodControl.slowStart(made.count) {
      place throws(KubeClientError) in
      try await control.create(made[place], for: job)
    }
    for _ in result.successes..<pods.count { expectations.observeCreation(job.key) }
    if let error: KubeClientError = result.error, !error.isNamespaceTerminating { throw error }
  }

  private func pod(_ job: Job, index: Int?) -> Pod {
    var pod: Pod = PodControl.pod(from: job.spec.template, for: job)
    pod.metadata.finalizers.append(Self.finalizer)
    guard let index else { return pod }
    pod.metadata.annotations[Self.indexAnnotation] = String(index)
    pod.metadata.labels[Self.indexAnnotation] = String(index)
    pod.metadata.generateName = "\(job.metadata.name)-\(index)-"
    pod.spec.hostname = "\(job.metadata.name)-\(index)"
    var source: EnvVar = EnvVar()
    source.name = "JOB_COMPLETION_INDEX"
    source.valueFrom.fieldRef.fieldPath = "metadata.labels['\(Self.indexAnnotation)']"
    for place: Int in pod.spec.containers.indices { pod.spec.containers[place].env.append(source) }
    for place: Int in pod.spec.initContainers.indices { pod.spec.initContainers[place].env.append(source) }
    return pod
  }

  private func updateFigures(_ run: inout JobRun) {
    let isOver: Bool = run.job.isFinished
    run.job.status.active = isOver ? 0 : Int32(run.active.count)
    run.job.status.ready = isOver ? 0 : Int32(run.ready.count)
    run.job.status.terminating = isOver ? 0 : Int32(run.terminating.count)
  }
}
