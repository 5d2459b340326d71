// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// The rules of Jobs.
enum JobValidation {
  static func errors(_ object: JSONValue, _ path: FieldPath) -> [FieldError] {
    generatedErrors(object, path) + specErrors(object["spec"], path)
  }

  /// Labels and selector must be those that the server makes, unless the user makes their own.
  private static func generatedErrors(_ object: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard !(object["spec"]["manualSelector"].bool ?? false) else { return [] }
    var errors: [FieldError] = []
    let labels: JSONValue = object["spec"]["template"]["metadata"]["labels"]
    let at: FieldPath = path.child("template", "metadata", "labels")
    func expect(_ key: String, _ wanted: JSONValue) {
      if labels[key].isNull {
        errors.append(.required(at.key(key), "must be '\(wanted.plain)'"))
      } else if labels[key] != wanted {
        errors.append(.invalid(at, labels, "must be '\(wanted.plain)'"))
      }
    }
    for prefix: String in ["", JobStrategy.labelPrefix] {
      expect(prefix + "controller-uid", object["metadata"]["uid"])
      expect(prefix + "job-name", object["metadata"]["name"])
    }
    let expected: JSONValue = ["matchLabels": [JobStrategy.labelPrefix + "controller-uid": object["metadata"]["uid"]]]
    let legacy: JSONValue = ["matchLabels": ["controller-uid": object["metadata"]["uid"]]]
    if object["spec"]["selector"] != expected, object["spec"]["selector"] != legacy {
      errors.append(.invalid(path.child("selector"), object["spec"]["selector"], "`selector` not auto-generated"))
    }
    return errors
  }

  static func specErrors(_ spec: JSONValue, _ path: FieldPath, isTemplate: Bool = false) -> [FieldError] {
    var errors: [FieldError] = []
    for key: String in [
      "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
      "backoffLimitPerIndex", "maxFailedIndexes",
    ] {
      errors += Checks.nonNegative(spec[key], path.child(key))
    }
    if spec["managedBy"].isThere {
      errors += Names.isDomainPrefixed(spec["managedBy"].plain).map {
        .invalid(path.child("managedBy"), spec["managedBy"], $0)
      }
    }
    errors += completionErrors(spec, path)
    if spec["podFailurePolicy"].isThere { errors += failurePolicyErrors(spec, path) }
    if spec["podReplacementPolicy"].isThere {
      let known: [String] = spec["podFailurePolicy"].isThere ? ["Failed"] : ["Failed", "TerminatingOrFailed"]
      errors += Checks.supported(spec["podReplacementPolicy"], path.child("podReplacementPolicy"), known)
    }
    errors += templateErrors(spec, path)
    return errors
  }

  private static func completionErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if spec["selector"].isThere { errors += Checks.labelSelector(spec["selector"], path.child("selector")) }
    let mode: JSONValue = spec["completionMode"]
    if mode.isThere, !["NonIndexed", "Indexed"].contains(mode.plain) {
      errors.append(.notSupported(path.child("completionMode"), mode, ["Indexed", "NonIndexed"]))
    }
    if mode.plain == "Indexed", spec["completions"].isNull {
      errors.append(.required(path.child("completions"), "when completion mode is Indexed"))
    }
    if mode.plain != "Indexed" {
      for key: String in ["backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"] where spec[key].isThere {
        errors.append(.invalid(path.child(key), spec[key], "requires indexed completion mode"))
      }
    }
    if spec["maxFailedIndexes"].isThere, spec["backoffLimitPerIndex"].isNull {
      errors.append(.required(path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
    }
    return errors
  }

  private static func templateErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let at: FieldPath = path.child("template")
    var errors: [FieldError] = []
    let labels: JSONValue = spec["template"]["metadata"]["labels"]
    if spec["selector"].isThere, !Checks.selector(spec["selector"]).matches(labels.stringMap) {
      errors.append(
        .invalid(at.child("metadata", "labels"), labels, "`selector` does not match template `labels`"))
    }
    errors += PodTemplateValidation.errors(spec["template"], at)
    let policy: JSONValue = spec["template"]["spec"]["restartPolicy"]
    switch policy.plain {
    case "OnFailure", "Never": break
    case "", "Always":
      errors.append(.required(at.child("spec", "restartPolicy"), "valid values: \"OnFailure\", \"Never\""))
    default:
      errors.append(
        .notSupported(at.child("spec", "restartPolicy"), policy, ["OnFailure", "Never"]))
    }
    if spec["podFailurePolicy"].isThere, policy.plain != "Never" {
      errors.append(
        .invalid(
          at.child("spec", "restartPolicy"), policy, "only \"Never\" is supported when podFailurePolicy is specified"))
    }
    return errors
  }

  private static func failurePolicyErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let at: FieldPath = path.child("podFailurePolicy", "rules")
    let rules: [JSONValue] = spec["podFailurePolicy"]["rules"].items
    var errors: [FieldError] = []
    if rules.count > 20 { errors.append(.tooMany(at, rules.count, 20)) }
    let names: Set<String> = Set(
      ["containers", "initContainers"].flatMap { list in
        spec["template"]["spec"][list].items.map { $0["name"].plain }
      })
    for (place, rule) in rules.enumerated() {
      let path: FieldPath = at.index(place)
      let action: String = rule["action"].plain
      if action.isEmpty {
        errors.append(
          .required(path.child("action"), "valid values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\""))
      } else {
        errors += Checks.supported(
          rule["action"], path.child("action"), ["Count", "FailIndex", "FailJob", "Ignore"])
      }
      if rule["onExitCodes"].isThere, !rule["onPodConditions"].isVoid {
        errors.append(
          .invalid(path, rule, "specifying both OnExitCodes and OnPodConditions is not supported"))
      }
      if rule["onExitCodes"].isNull, rule["onPodConditions"].isVoid {
        errors.append(.invalid(path, rule, "specifying one of OnExitCodes and OnPodConditions is required"))
      }
      errors += exitCodeErrors(rule["onExitCodes"], path.child("onExitCodes"), names)
    }
    return errors
  }

  private static func exitCodeErrors(_ rule: JSONValue, _ path: FieldPath, _ names: Set<String>) -> [FieldError] {
    guard rule.isThere else { return [] }
    var errors: [FieldError] = Checks.supported(rule["operator"], path.child("operator"), ["In", "NotIn"])
    if let name: String = rule["containerName"].string, !names.contains(name) {
      errors.append(
        .invalid(
          path.child("containerName"), .string(name),
          "must be one of the container or initContainer names in the pod template"))
    }
    let values: [JSONValue] = rule["values"].items
    let at: FieldPath = path.child("values")
    if values.isEmpty { errors.append(.invalid(at, .array(values), "at least one value is required")) }
    if values.count > 255 { errors.append(.tooMany(at, values.count, 255)) }
    for (place, value) in values.enumerated() where rule["operator"].plain == "In" && value.int == 0 {
      errors.append(.invalid(at.index(place), value, "must not be 0 for the In operator"))
    }
    return errors
  }

  static func updateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    let before: JSONValue = old["spec"]
    var errors: [FieldError] = errors(object, path)
    let isIndexed: Bool = before["completionMode"].plain == "Indexed"
    let isElastic: Bool = isIndexed && spec["completions"] == spec["parallelism"]
    if spec["completions"] != before["completions"], !isElastic {
      errors.append(.invalid(path.child("completions"), spec["completions"], Checks.immutable))
    }
    errors += Checks.immutable(spec["selector"], before["selector"], path.child("selector"))
    errors += templateUpdateErrors(object, old, path)
    for key: String in ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] {
      errors += Checks.immutable(spec[key], before[key], path.child(key))
    }
    return errors
  }

  /// The template may change where its pods may be placed while the job is suspended and has not started.
  private static func templateUpdateErrors(_ object: JSONValue, _ old: JSONValue, _ path: FieldPath) -> [FieldError] {
    var template: JSONValue = object["spec"]["template"]
    let before: JSONValue = old["spec"]["template"]
    let isIdle: Bool = old["spec"]["suspend"].bool ?? false && old["status"]["startTime"].isNull
    if isIdle {
      for key: String in ["nodeSelector", "tolerations", "schedulingGates"] {
        template["spec"][key] = before["spec"][key]
      }
      template["spec"]["affinity"]["nodeAffinity"] = before["spec"]["affinity"]["nodeAffinity"]
      if template["spec"]["affinity"].isVoid { template["spec"]["affinity"] = before["spec"]["affinity"] }
      template["metadata"]["annotations"] = before["metadata"]["annotations"]
      template["metadata"]["labels"] = before["metadata"]["labels"]
    }
    return template == before ? [] : [.invalid(path.child("template"), object["spec"]["template"], Checks.immutable)]
  }

  static func statusErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("status")
    let status: JSONValue = object["status"]
    var errors: [FieldError] = ["active", "succeeded", "failed", "ready", "terminating"].flatMap {
      Checks.nonNegative(status[$0], path.child($0))
    }
    let isComplete: Bool = status["conditions"].items.contains {
      $0["type"].plain == "Complete" && $0["status"].plain == "True"
    }
    if status["completionTime"].isThere, !isComplete {
      errors.append(
        .invalid(
          path.child("completionTime"), status["completionTime"],
          "cannot set completionTime when there is no Complete=True condition"))
    }
    if old["status"]["startTime"].isThere, status["startTime"] != old["status"]["startTime"],
      !(object["spec"]["suspend"].bool ?? false)
    {
      errors.append(
        .required(path.child("startTime"), "startTime cannot be removed for unsuspended job"))
    }
    return errors
  }
}
