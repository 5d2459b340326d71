// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// The rules of Jobs.
enum JobValidation {
  private static let parallelismMax: Int64 = 100_000
  private static let failedIndexesMax: Int64 = 100_000
  /// Above so many completions, less is allowed of the rest.
  private static let manyCompletions: Int64 = 100_000
  private static let parallelismMaxOfMany: Int64 = 10_000
  private static let failedIndexesMaxOfMany: Int64 = 10_000

  /// What is wrong with a job; `requiresPrefixedLabels` is off for jobs from before those labels.
  static func errors(_ object: JSONValue, _ path: FieldPath, requiresPrefixedLabels: Bool = true) -> [FieldError] {
    var errors: [FieldError] = generatedErrors(object, path, requiresPrefixedLabels)
    errors += specErrors(object["spec"], path)
    let spec: JSONValue = object["spec"]
    if spec["completionMode"].plain == "Indexed", let completions: Int64 = spec["completions"].int, completions > 0 {
      let host: String = "\(object["metadata"]["name"].plain)-\(completions - 1)"
      if !Names.label(host).isEmpty {
        errors.append(
          .invalid(
            FieldPath("metadata", "name"), .string(object["metadata"]["name"].plain),
            "will not able to create pod with invalid DNS label: \(host)"))
      }
    }
    return errors
  }

  /// Labels and selector must be those that the server makes, unless the user makes their own.
  private static func generatedErrors(_ object: JSONValue, _ path: FieldPath, _ prefixed: Bool) -> [FieldError] {
    guard !(object["spec"]["manualSelector"].bool ?? false), object["spec"]["selector"].isThere else { return [] }
    var errors: [FieldError] = []
    let labels: JSONValue = object["spec"]["template"]["metadata"]["labels"]
    let at: FieldPath = path.child("template", "metadata", "labels")
    var expected: [String: String] = [:]
    if object["metadata"]["uid"].plain.isEmpty { errors.append(.required(FieldPath("metadata", "uid"))) }
    for prefix: String in prefixed ? ["", JobStrategy.labelPrefix] : [""] {
      for (key, wanted) in [("controller-uid", "uid"), ("job-name", "name")] {
        let label: String = prefix + key
        let value: String = object["metadata"][wanted].plain
        expected[label] = value
        if labels[label].isNull {
          errors.append(.required(at.key(label), "must be '\(value)'"))
        } else if labels[label].plain != value {
          errors.append(.invalid(at.key(label), GoForm.of(labels, "{}s"), "must be '\(value)'"))
        }
      }
    }
    let selector: JSONValue = object["spec"]["selector"]
    if Checks.labelSelector(selector, path).isEmpty, !Checks.selector(selector).matches(expected) {
      errors.append(.invalid(path.child("selector"), GoForm.of(selector, "_"), "`selector` not auto-generated"))
    }
    return errors
  }

  static func specErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = contentErrors(spec, path)
    let selector: JSONValue = spec["selector"]
    if selector.isNull {
      errors.append(.required(path.child("selector")))
    } else {
      errors += Checks.labelSelector(selector, path.child("selector"))
    }
    let labels: JSONValue = spec["template"]["metadata"]["labels"]
    if Checks.labelSelector(selector, path).isEmpty, !Checks.selector(selector).matches(labels.stringMap) {
      errors.append(
        .invalid(
          path.child("template", "metadata", "labels"), GoForm.of(labels, "{}s"),
          "`selector` does not match template `labels`"))
    }
    return errors
  }

  /// What is wrong with a job's specification but its selector, which templates of jobs do not have.
  static func contentErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for key: String in [
      "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
      "backoffLimitPerIndex", "maxFailedIndexes",
    ] {
      errors += Checks.nonNegative(spec[key], path.child(key))
    }
    if spec["maxFailedIndexes"].isThere, spec["backoffLimitPerIndex"].isNull {
      errors.append(.required(path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
    }
    if let manager: String = spec["managedBy"].string {
      errors +=
        manager.isEmpty
        ? [.required(path.child("managedBy"))]
        : Names.isDomainPrefixed(manager).map { .invalid(path.child("managedBy"), .string(manager), $0) }
      if manager.utf8.count > 63 { errors.append(.tooLong(path.child("managedBy"), 63)) }
    }
    errors += completionErrors(spec, path)
    if spec["podFailurePolicy"].isThere { errors += JobPolicyRules.failureErrors(spec, path.child("podFailurePolicy")) }
    if spec["successPolicy"].isThere {
      let at: FieldPath = path.child("successPolicy")
      if spec["completionMode"].plain == "Indexed" {
        errors += JobPolicyRules.successErrors(spec, at)
      } else {
        let shown: JSONValue = GoForm.of(spec["successPolicy"], "@batch.SuccessPolicy")
        errors.append(.invalid(at, shown, "requires indexed completion mode"))
      }
    }
    if spec["podReplacementPolicy"].isThere {
      let known: [String] = spec["podFailurePolicy"].isThere ? ["Failed"] : ["Failed", "TerminatingOrFailed"]
      errors += Checks.supported(spec["podReplacementPolicy"], path.child("podReplacementPolicy"), known)
    }
    errors += PodTemplateValidation.errors(spec["template"], path.child("template"))
    return errors + restartErrors(spec, path.child("template", "spec", "restartPolicy"))
  }

  private static func completionErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let mode: JSONValue = spec["completionMode"]
    if mode.isThere, !["NonIndexed", "Indexed"].contains(mode.plain) {
      errors.append(.notSupported(path.child("completionMode"), mode, ["NonIndexed", "Indexed"]))
    }
    if mode.plain == "Indexed" { errors += indexedErrors(spec, path) }
    if mode.isNull || mode.plain == "NonIndexed" {
      for key: String in ["backoffLimitPerIndex", "maxFailedIndexes"] where spec[key].isThere {
        errors.append(.invalid(path.child(key), spec[key], "requires indexed completion mode"))
      }
    }
    return errors
  }

  private static func indexedErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let completions: Int64? = spec["completions"].int
    let parallelism: Int64? = spec["parallelism"].int
    let failed: Int64? = spec["maxFailedIndexes"].int
    let isMost: String = "must be less than or equal to "
    if completions == nil {
      errors.append(.required(path.child("completions"), "when completion mode is Indexed"))
    }
    if let parallelism, parallelism > parallelismMax {
      let words: String = "\(isMost)\(parallelismMax) when completion mode is Indexed"
      errors.append(.invalid(path.child("parallelism"), .int(parallelism), words))
    }
    if let completions, let failed, failed > completions {
      errors.append(.invalid(path.child("maxFailedIndexes"), .int(failed), isMost + "completions"))
    }
    if let failed, failed > failedIndexesMax {
      errors.append(.invalid(path.child("maxFailedIndexes"), .int(failed), "\(isMost)\(failedIndexesMax)"))
    }
    guard let completions, completions > manyCompletions, spec["backoffLimitPerIndex"].isThere else { return errors }
    let circumstances: String =
      " when completions are above \(manyCompletions) and used with backoff limit per index"
    if failed == nil {
      let words: String = "must be specified when completions is above \(manyCompletions)"
      errors.append(.required(path.child("maxFailedIndexes"), words))
    }
    if let parallelism, parallelism > parallelismMaxOfMany {
      let words: String = "\(isMost)\(parallelismMaxOfMany)\(circumstances)"
      errors.append(.invalid(path.child("parallelism"), .int(parallelism), words))
    }
    if let failed, failed > failedIndexesMaxOfMany {
      let words: String = "\(isMost)\(failedIndexesMaxOfMany)\(circumstances)"
      errors.append(.invalid(path.child("maxFailedIndexes"), .int(failed), words))
    }
    return errors
  }

  private static func restartErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let policy: JSONValue = spec["template"]["spec"]["restartPolicy"]
    switch policy.plain {
    case "", "Always": return [.required(path, "valid values: \"OnFailure\", \"Never\"")]
    case "OnFailure" where spec["podFailurePolicy"].isThere:
      return [.invalid(path, policy, "only \"Never\" is supported when podFailurePolicy is specified")]
    case "OnFailure", "Never": return []
    default: return [.notSupported(path, policy, ["OnFailure", "Never"])]
    }
  }
}
