// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// What an update of a job may change.
enum JobUpdateValidation {
  static func errors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    let before: JSONValue = old["spec"]
    let labels: JSONValue = before["template"]["metadata"]["labels"]
    let isPrefixed: Bool = ["job-name", "controller-uid"].allSatisfy { labels[JobStrategy.labelPrefix + $0].isThere }
    var errors: [FieldError] = JobValidation.errors(object, path, requiresPrefixedLabels: isPrefixed)
    errors += JobValidation.specErrors(spec, path)
    errors += completionErrors(spec, before, path.child("completions"))
    errors += GoForm.immutable(spec["selector"], before["selector"], path.child("selector"), "*_")
    errors += templateErrors(object, old, path)
    for (key, type) in [
      ("completionMode", "*s"), ("podFailurePolicy", "*@batch.PodFailurePolicy"), ("backoffLimitPerIndex", "*i"),
      ("managedBy", "*s"), ("successPolicy", "*@batch.SuccessPolicy"),
    ] {
      errors += GoForm.immutable(spec[key], before[key], path.child(key), type)
    }
    return errors
  }

  /// Indexed jobs may be made larger and smaller as a whole.
  private static func completionErrors(_ spec: JSONValue, _ before: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard spec["completionMode"].plain == "Indexed" else {
      return Checks.immutable(spec["completions"], before["completions"], path)
    }
    guard spec["completions"] != before["completions"], spec["completions"].isThere,
      spec["completions"] != spec["parallelism"]
    else { return [] }
    return [.invalid(path, spec["completions"], "can only be modified in tandem with spec.parallelism")]
  }

  /// While a job is suspended and nothing of it runs, its pods may still be placed elsewhere and sized otherwise.
  private static func templateErrors(_ object: JSONValue, _ old: JSONValue, _ path: FieldPath) -> [FieldError] {
    let template: JSONValue = object["spec"]["template"]
    var before: JSONValue = old["spec"]["template"]
    let status: JSONValue = old["status"]
    let isSuspended: Bool = old["spec"]["suspend"].bool ?? false
    let isIdle: Bool =
      isSuspended && (status["startTime"].isNull || JobStatusRules.holds(status, "Suspended"))
      && status["active"].int ?? 0 == 0
    if isIdle {
      for key: String in ["nodeSelector", "tolerations", "schedulingGates"] {
        before["spec"][key] = template["spec"][key]
      }
      for key: String in ["annotations", "labels"] { before["metadata"][key] = template["metadata"][key] }
      let affinity: JSONValue = template["spec"]["affinity"]
      if affinity.isThere {
        before["spec"]["affinity"]["nodeAffinity"] = affinity["nodeAffinity"]
      } else if before["spec"]["affinity"].isThere {
        before["spec"]["affinity"]["nodeAffinity"] = .null
        if before["spec"]["affinity"].isVoid { before["spec"]["affinity"] = .null }
      }
    }
    guard isSuspended, isIdle else {
      return GoForm.immutable(template, before, path.child("template"), "*@core.PodTemplateSpec")
    }
    for list: String in ["containers", "initContainers"] {
      let wanted: [JSONValue] = template["spec"][list].items
      var known: [JSONValue] = before["spec"][list].items
      guard wanted.count == known.count, !known.isEmpty else { continue }
      for place: Int in known.indices where known[place]["name"] == wanted[place]["name"] {
        known[place]["resources"] = wanted[place]["resources"]
      }
      before["spec"][list] = .array(known)
    }
    return GoForm.immutable(template["spec"], before["spec"], path.child("template.spec"), "@core.PodSpec")
  }
}
