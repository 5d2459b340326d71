// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// What an update of a job's status may say. A rule holds where what it is about has changed, so that a job which
/// broke it before can still be written.
struct JobStatusRules {
  private let job: JSONValue
  private let old: JSONValue
  private let status: JSONValue
  private let before: JSONValue
  private let path: FieldPath = FieldPath("status")
  private var errors: [FieldError] = []

  private init(_ job: JSONValue, _ old: JSONValue) {
    self.job = job
    self.old = old
    status = job["status"]
    before = old["status"]
  }

  static func errors(_ job: JSONValue, old: JSONValue) -> [FieldError] {
    var rules: JobStatusRules = JobStatusRules(job, old)
    rules.checkNumbers()
    rules.checkOutcome()
    rules.checkFinished()
    rules.checkIndexes()
    rules.checkSuccess()
    rules.checkChange()
    return rules.errors
  }

  static func holds(_ status: JSONValue, _ type: String, _ value: String = "True") -> Bool {
    status["conditions"].items.contains { $0["type"].plain == type && $0["status"].plain == value }
  }

  private func holds(_ type: String) -> Bool { Self.holds(status, type) }
  private func held(_ type: String) -> Bool { Self.holds(before, type) }
  private func changed(_ type: String) -> Bool { holds(type) != held(type) }
  private func changed(field: String) -> Bool { status[field] != before[field] }
  private var isFinished: Bool { holds("Complete") || holds("Failed") }
  private var isFinishedChanged: Bool { isFinished != (held("Complete") || held("Failed")) }
  private var isIndexed: Bool { job["spec"]["completionMode"].plain == "Indexed" }

  private mutating func refuse(_ words: String) { errors.append(.invalid(path.child("conditions"), nil, words)) }
  private mutating func refuse(_ field: String, _ words: String) {
    errors.append(.invalid(path.child(field), status[field], words))
  }

  private mutating func checkNumbers() {
    for key: String in ["active", "succeeded", "failed", "ready", "terminating"] {
      errors += Checks.nonNegative(status[key], path.child(key))
    }
    var seen: Set<JSONValue> = []
    for list: String in ["succeeded", "failed"] {
      for (place, pod) in status["uncountedTerminatedPods"][list].items.enumerated() {
        let at: FieldPath = path.child("uncountedTerminatedPods", list).index(place)
        if pod.plain.isEmpty {
          errors.append(.invalid(at, "", "must not be empty"))
        } else if !seen.insert(pod).inserted {
          errors.append(.duplicate(at, pod))
        }
      }
    }
  }

  private mutating func checkOutcome() {
    let isComplete: Bool = holds("Complete")
    if changed("Complete") || changed("Failed"), isComplete, holds("Failed") {
      refuse("cannot set Complete=True and Failed=true conditions")
    }
    if changed("Complete") || changed("FailureTarget"), isComplete, holds("FailureTarget") {
      refuse("cannot set Complete=True and FailureTarget=true conditions")
    }
    let isTimeChanged: Bool = changed("Complete") || changed(field: "completionTime")
    if isTimeChanged, status["completionTime"].isThere, !isComplete {
      refuse("completionTime", "cannot set completionTime when there is no Complete=True condition")
    }
    if isTimeChanged, status["completionTime"].isNull, isComplete {
      errors.append(.required(path.child("completionTime"), "completionTime is required for Complete jobs"))
    }
    if changed(field: "startTime") || changed(field: "completionTime"), status["startTime"].isThere,
      status["completionTime"].isThere, status["completionTime"].plain < status["startTime"].plain
    {
      refuse("completionTime", "must be equal to or after `startTime`")
    }
    if changed("Failed") || changed(field: "failedIndexes"), holds("Failed"), !holds("FailureTarget") {
      refuse("cannot set Failed=True condition without the FailureTarget=true condition")
    }
    if changed("Complete") || changed("SuccessCriteriaMet"), isComplete, !holds("SuccessCriteriaMet") {
      refuse("cannot set Complete=True condition without the SuccessCriteriaMet=true condition")
    }
  }

  private mutating func checkFinished() {
    guard isFinished else { return }
    if isFinishedChanged || changed(field: "active"), status["active"].int ?? 0 > 0 {
      refuse("active", "active>0 is invalid for finished job")
    }
    let neverStarts: Bool = job["spec"]["suspend"].bool ?? false && job["spec"]["completions"].int == 0
    if isFinishedChanged || changed(field: "startTime"), !neverStarts, status["startTime"].isNull {
      errors.append(.required(path.child("startTime"), "startTime is required for finished job"))
    }
    let uncounted: JSONValue = status["uncountedTerminatedPods"]
    if isFinishedChanged || changed(field: "uncountedTerminatedPods"),
      !uncounted["failed"].isVoid || !uncounted["succeeded"].isVoid
    {
      let shown: JSONValue = GoForm.of(uncounted, "@batch.UncountedTerminatedPods")
      errors.append(.invalid(path.child("uncountedTerminatedPods"), shown, "must be empty for finished job"))
    }
  }

  private mutating func checkIndexes() {
    let spec: JSONValue = job["spec"]
    let completed: String = status["completedIndexes"].plain
    let failed: JSONValue = status["failedIndexes"]
    let isCompletedChanged: Bool = completed != before["completedIndexes"].plain
    let isFailedChanged: Bool = changed(field: "failedIndexes")
    if isCompletedChanged, let completions: Int64 = spec["completions"].int,
      case .wrong(let words) = JobIndexes.parse(completed, completions: completions)
    {
      errors.append(
        .invalid(path.child("completedIndexes"), .string(completed), "error parsing completedIndexes: \(words)"))
    }
    if isFailedChanged, let completions: Int64 = spec["completions"].int, spec["backoffLimitPerIndex"].isThere,
      failed.isThere, case .wrong(let words) = JobIndexes.parse(failed.plain, completions: completions)
    {
      refuse("failedIndexes", "error parsing failedIndexes: \(words)")
    }
    if isCompletedChanged, !completed.isEmpty, !isIndexed {
      refuse("completedIndexes", "cannot set non-empty completedIndexes when non-indexed completion mode")
    }
    if isFailedChanged, spec["backoffLimitPerIndex"].isNull, failed.isThere {
      refuse("failedIndexes", "cannot set non-null failedIndexes when backoffLimitPerIndex is null")
    }
    if isFailedChanged || isCompletedChanged, let completions: Int64 = spec["completions"].int, failed.isThere,
      let index: Int64 = JobIndexes.overlap(completed, failed.plain, completions: completions)
    {
      refuse("failedIndexes", "failedIndexes and completedIndexes overlap at index: \(index)")
    }
    if isFinishedChanged || changed(field: "terminating"), status["terminating"].int ?? 0 > 0, isFinished {
      refuse("terminating", "terminating>0 is invalid for finished job")
    }
    if changed(field: "ready") || changed(field: "active"), status["ready"].int ?? 0 > status["active"].int ?? 0 {
      refuse("ready", "cannot set more ready pods than active")
    }
  }

  private mutating func checkSuccess() {
    let isMet: Bool = holds("SuccessCriteriaMet")
    if isMet, holds("Failed") { refuse("cannot set SuccessCriteriaMet=True and Failed=true conditions") }
    if isMet, holds("FailureTarget") { refuse("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions") }
    if job["spec"]["successPolicy"].isThere, !isMet, holds("Complete") {
      refuse("cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True")
    }
  }

  private mutating func checkChange() {
    for type: String in ["Failed", "Complete", "FailureTarget"] where held(type) && !holds(type) {
      refuse("cannot disable the terminal \(type)=True condition")
    }
    if status["failed"].int ?? 0 < before["failed"].int ?? 0 {
      errors.append(
        .invalid(path.child("failed"), .int(status["failed"].int ?? 0), "cannot decrease the failed counter"))
    }
    let isElastic: Bool = isIndexed && job["spec"]["completions"] == job["spec"]["parallelism"]
    if !isElastic, status["succeeded"].int ?? 0 < before["succeeded"].int ?? 0 {
      errors.append(
        .invalid(path.child("succeeded"), .int(status["succeeded"].int ?? 0), "cannot decrease the succeeded counter"))
    }
    if status["completionTime"].isThere, before["completionTime"].isThere, changed(field: "completionTime") {
      refuse("completionTime", "field is immutable")
    }
    let isResuming: Bool = held("Suspended") && Self.holds(status, "Suspended", "False")
    if !isResuming, before["startTime"].isThere, changed(field: "startTime"), !(job["spec"]["suspend"].bool ?? false) {
      refuse("startTime", "field is immutable for unsuspended job once set")
    }
    if held("SuccessCriteriaMet"), !holds("SuccessCriteriaMet") {
      refuse("cannot disable the SuccessCriteriaMet=True condition")
    }
    if held("Complete"), !held("SuccessCriteriaMet"), holds("SuccessCriteriaMet") {
      refuse("cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions")
    }
  }
}
