// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Jobs.
struct JobStrategy: ResourceStrategy {
  static let labelPrefix: String = "batch.kubernetes.io/"

  var traits: StrategyTraits {
    StrategyTraits(
      generation: .of(["spec"]), hasStatus: true,
      selectableFields: [SelectableField("status.successful", paths: [["status", "succeeded"]], absent: "0")],
      template: ["spec", "template"], updateChecks: [.whole, .change])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    let labels: JSONValue = object["spec"]["template"]["metadata"]["labels"]
    object.fill("spec") { spec in
      if spec["completions"].isNull, spec["parallelism"].isNull {
        spec["completions"] = 1
        spec["parallelism"] = 1
      }
      spec.setDefault("parallelism", 1)
      let isPerIndex: Bool = spec["backoffLimitPerIndex"].isThere
      spec.setDefault("backoffLimit", isPerIndex ? .int(Int64(Int32.max)) : 6)
      spec.setDefault("completionMode", "NonIndexed")
      spec.setDefault("suspend", false)
      spec.setDefault("manualSelector", false)
      spec.edit("podFailurePolicy", Self.policyDefaults)
      let hasPolicy: Bool = spec["podFailurePolicy"].isThere
      spec.setDefault("podReplacementPolicy", hasPolicy ? "Failed" : "TerminatingOrFailed")
    }
    if object["metadata"]["labels"].isVoid, !labels.isVoid { object["metadata"]["labels"] = labels }
    Workload.applyTemplateDefaults(&object)
  }

  static func policyDefaults(_ policy: inout JSONValue) {
    policy.editItems("rules") { rule in
      rule.editItems("onPodConditions") { $0.setDefaultText("status", "True") }
    }
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    prepareCommonForCreate(&object)
    guard !(object["spec"]["manualSelector"].bool ?? false) else { return }
    let metadata: JSONValue = object["metadata"]
    // Where the job's labels were taken from the template, both are one map upstream.
    let isShared: Bool =
      !metadata["labels"].isVoid && metadata["labels"] == object["spec"]["template"]["metadata"]["labels"]
    for (key, value) in [("controller-uid", metadata["uid"]), ("job-name", .string(metadata["name"].plain))] {
      for label: String in [key, Self.labelPrefix + key] {
        if object["spec"]["template"]["metadata"]["labels"][label].isNull {
          object["spec"]["template"]["metadata"]["labels"][label] = value
        }
        if isShared, object["metadata"]["labels"][label].isNull { object["metadata"]["labels"][label] = value }
      }
    }
    let label: String = Self.labelPrefix + "controller-uid"
    if object["spec"]["selector"]["matchLabels"][label].isNull {
      object["spec"]["selector"]["matchLabels"][label] = metadata["uid"]
    }
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    prepareCommonForUpdate(&object, old: old, context)
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    JobValidation.errors(object, FieldPath("spec"))
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    if context.subresource == "status" { return JobStatusRules.errors(object, old: old) }
    return JobUpdateValidation.errors(object, old: old)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    guard context.subresource == nil else { return [] }
    return (old == nil ? PodWarnings.nameWarnings(object) : [])
      + Self.sizeWarnings(object["spec"], object, old, FieldPath("spec")) + Workload.templateWarnings(object, old)
  }

  /// A warning about more indexes than can be followed.
  static func sizeWarnings(
    _ spec: JSONValue, _ object: JSONValue, _ old: JSONValue?, _ path: FieldPath
  ) -> [String] {
    guard spec["completionMode"].plain == "Indexed", spec["completions"].int ?? 0 > 100_000,
      spec["parallelism"].int ?? 0 > 10_000, old?["metadata"]["generation"] != object["metadata"]["generation"]
    else { return [] }
    return [
      "\(path): In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, "
        + "Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
    ]
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    let status: JSONValue = object["status"]
    let succeeded: Int64 = status["succeeded"].int ?? 0
    let completions: String
    if let wanted: Int64 = spec["completions"].int {
      completions = "\(succeeded)/\(wanted)"
    } else {
      let parallelism: Int64 = spec["parallelism"].int ?? 0
      completions = parallelism > 1 ? "\(succeeded)/1 of \(parallelism)" : "\(succeeded)/1"
    }
    var duration: String = ""
    if let start: Double = TableText.seconds(status["startTime"]) {
      duration = TableText.duration((TableText.seconds(status["completionTime"]) ?? context.now) - start)
    }
    return [
      object["metadata"]["name"], .string(Self.state(object)), .string(completions), .string(duration),
      TableText.age(object, context),
    ] + TableText.containers(spec["template"]["spec"]) + [TableText.selector(spec["selector"])]
  }

  private static func state(_ job: JSONValue) -> String {
    func holds(_ type: String) -> Bool {
      job["status"]["conditions"].items.contains { $0["type"].plain == type && $0["status"].plain == "True" }
    }
    if holds("Complete") { return "Complete" }
    if holds("Failed") { return "Failed" }
    if job["metadata"]["deletionTimestamp"].isThere { return "Terminating" }
    return ["Suspended", "FailureTarget", "SuccessCriteriaMet"].first { holds($0) } ?? "Running"
  }
}
