// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// A Job with its pods, and what follows from them. Pure.
struct JobRun: Sendable {
  var job: Job
  let pods: [Pod]
  let now: Timestamp

  /// Pods that ended and are in the status, or are to be put into it now.
  var newlySucceeded: [Pod] { uncounted.filter { Self.hasSucceeded($0) } }
  var newlyFailed: [Pod] { uncounted.filter { isFailed($0) && !isIgnored($0) } }

  private var uncounted: [Pod] {
    pods.filter { pod in
      pod.metadata.finalizers.contains(JobController.finalizer) && (Self.hasSucceeded(pod) || isFailed(pod))
    }
  }

  /// Pods that hold the finalizer although their end is decided.
  var countable: [Pod] { uncounted }

  static func hasSucceeded(_ pod: Pod) -> Bool { pod.status.phase == "Succeeded" }

  func isFailed(_ pod: Pod) -> Bool {
    if pod.status.phase == "Failed" { return true }
    // A pod that was deleted before it ended failed, unless its replacement waits for its end.
    return pod.metadata.isBeingDeleted && pod.status.phase != "Succeeded" && job.spec.podReplacementPolicy != "Failed"
      && job.spec.podFailurePolicy.rules.isEmpty
  }

  /// Whether the status lists pods that are counted and not yet let go of.
  var hasUncounted: Bool {
    !job.status.uncountedTerminatedPods.succeeded.isEmpty || !job.status.uncountedTerminatedPods.failed.isEmpty
  }

  var active: [Pod] { pods.filter { !$0.isTerminal && !$0.metadata.isBeingDeleted } }
  var terminating: [Pod] { pods.filter { !$0.isTerminal && $0.metadata.isBeingDeleted } }
  var ready: [Pod] { active.filter(\.isReady) }

  var parallelism: Int { job.spec.suspend ? 0 : job.spec.hasParallelism ? Int(job.spec.parallelism) : 1 }
  var completions: Int? { job.spec.hasCompletions ? Int(job.spec.completions) : nil }
  var succeeded: Int { Int(job.status.succeeded) }
  var failed: Int { Int(job.status.failed) }

  // MARK: Indexes

  static func index(_ pod: Pod) -> Int? { pod.metadata.annotations[JobController.indexAnnotation].flatMap { Int($0) } }

  /// The indexes of a text such as `1,3-5`.
  static func indexes(_ text: String) -> Set<Int> {
    var result: Set<Int> = []
    for part: Substring in text.split(separator: ",") {
      let bounds: [Int] = part.split(separator: "-").compactMap { Int($0) }
      guard let first: Int = bounds.first, let last: Int = bounds.last, first <= last else { continue }
      result.formUnion(first...last)
    }
    return result
  }

  /// The text of indexes.
  static func text(_ indexes: Set<Int>) -> String {
    var ranges: [(first: Int, last: Int)] = []
    for index: Int in indexes.sorted() {
      if let last: Int = ranges.last?.last, last + 1 == index {
        ranges[ranges.count - 1].last = index
      } else {
        ranges.append((index, index))
      }
    }
    return ranges.map { range in
      range.first == range.last
        ? "\(range.first)"
        : range.last == range.first + 1 ? "\(range.first),\(range.last)" : "\(range.first)-\(range.last)"
    }.joined(separator: ",")
  }

  var succeededIndexes: Set<Int> { Self.indexes(job.status.completedIndexes) }
  var failedIndexes: Set<Int> { Self.indexes(job.status.failedIndexes) }

  /// The indexes for which pods are to be started, the smallest first.
  func missingIndexes(_ count: Int) -> [Int] {
    guard let completions, count > 0 else { return [] }
    let done: Set<Int> = succeededIndexes.union(failedIndexes)
    let blocking: [Pod] = job.spec.podReplacementPolicy == "Failed" ? active + terminating : active
    let running: Set<Int> = Set(blocking.compactMap { Self.index($0) })
    var result: [Int] = []
    for index: Int in 0..<completions where !done.contains(index) && !running.contains(index) {
      result.append(index)
      if result.count == count { break }
    }
    return result
  }

  // MARK: What a failure means

  /// What the pod failure policy says of a pod: an action and the rule that asks for it.
  func failureAction(_ pod: Pod) -> (action: String, message: String)? {
    for (place, rule) in job.spec.podFailurePolicy.rules.enumerated() {
      if rule.hasOnExitCodes, let message: String = matches(pod, rule.onExitCodes) {
        return (rule.action, message + " matching \(rule.action) rule at index \(place)")
      }
      for pattern: PodFailurePolicyOnPodConditionsPattern in rule.onPodConditions {
        let status: String = pattern.status.isEmpty ? "True" : pattern.status
        guard pod.status.conditions.contains(where: { $0.type == pattern.type && $0.status == status }) else {
          continue
        }
        return (
          rule.action, "Pod \(pod.key) has condition \(pattern.type) matching \(rule.action) rule at index \(place)"
        )
      }
    }
    return nil
  }

  private func matches(_ pod: Pod, _ rule: PodFailurePolicyOnExitCodesRequirement) -> String? {
    for status: ContainerStatus in pod.status.initContainerStatuses + pod.status.containerStatuses {
      let code: Int32 = status.state.terminated.exitCode
      guard status.state.hasTerminated, code != 0, rule.containerName.isEmpty || rule.containerName == status.name,
        rule.values.contains(code) == (rule.operator == "In")
      else { continue }
      return "Container \(status.name) for pod \(pod.key) failed with exit code \(code)"
    }
    return nil
  }

  func isIgnored(_ pod: Pod) -> Bool { failureAction(pod)?.action == "Ignore" }

  /// How long new pods wait after failures: 10 s, doubled for each failure in a row, at most 10 min.
  func backOff() -> Duration {
    let ends: [(time: Int64, failed: Bool)] = pods.compactMap { pod in
      guard pod.isTerminal else { return nil }
      let finished: Int64 = pod.status.containerStatuses.map(\.state.terminated.finishedAt.seconds).max() ?? 0
      return (finished > 0 ? finished : pod.metadata.creationTimestamp.seconds, pod.status.phase == "Failed")
    }
    let lastSuccess: Int64 = ends.filter { !$0.failed }.map(\.time).max() ?? 0
    let failures: [Int64] = ends.filter { $0.failed && $0.time > lastSuccess }.map(\.time)
    guard let last: Int64 = failures.max() else { return .zero }
    let pause: Duration = min(.seconds(10) * (1 << min(failures.count - 1, 10)), .seconds(600))
    return Timestamp(seconds: last) + pause - now
  }

  /// Why the Job has failed; nil if it has not.
  func failure() -> (reason: String, message: String)? {
    for pod: Pod in pods where pod.status.phase == "Failed" {
      if let match: (action: String, message: String) = failureAction(pod), match.action == "FailJob" {
        return ("PodFailurePolicy", match.message)
      }
    }
    let limit: Int = job.spec.hasBackoffLimit ? Int(job.spec.backoffLimit) : 6
    if failed > limit { return ("BackoffLimitExceeded", "Job has reached the specified backoff limit") }
    if job.spec.template.spec.restartPolicy == "OnFailure" {
      let restarts: Int = pods.filter { $0.status.phase == "Running" || $0.status.phase == "Pending" }.reduce(0) {
        sum, pod in
        sum + pod.status.containerStatuses.reduce(0) { $0 + Int($1.restartCount) }
      }
      if limit == 0 ? restarts > 0 : restarts >= limit, restarts > 0 {
        return ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
      }
    }
    if job.spec.hasActiveDeadlineSeconds, job.status.hasStartTime, !job.spec.suspend,
      now - Timestamp(job.status.startTime) >= .seconds(job.spec.activeDeadlineSeconds)
    {
      return ("DeadlineExceeded", "Job was active longer than specified deadline")
    }
    if job.spec.hasMaxFailedIndexes, failedIndexes.count > Int(job.spec.maxFailedIndexes) {
      return ("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes")
    }
    if job.isIndexed, job.spec.hasBackoffLimitPerIndex, let completions, !failedIndexes.isEmpty,
      failedIndexes.count + succeededIndexes.count >= completions
    {
      return ("FailedIndexes", "Job has failed indexes")
    }
    return nil
  }

  /// Whether enough pods have succeeded.
  var isComplete: Bool {
    if isSuccessPolicyMet { return true }
    guard let completions else { return succeeded > 0 && active.isEmpty && terminating.isEmpty }
    return succeeded >= completions && active.isEmpty
  }

  /// Whether a rule of the success policy holds.
  var isSuccessPolicyMet: Bool {
    job.isIndexed
      && job.spec.successPolicy.rules.contains { rule in
        let wanted: Set<Int>? = rule.succeededIndexes.isEmpty ? nil : Self.indexes(rule.succeededIndexes)
        let done: Set<Int> = wanted.map { succeededIndexes.intersection($0) } ?? succeededIndexes
        if rule.hasSucceededCount { return done.count >= Int(rule.succeededCount) }
        return wanted.map { $0.isSubset(of: done) } ?? false
      }
  }
}
