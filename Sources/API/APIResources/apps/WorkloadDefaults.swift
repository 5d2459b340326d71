// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// What the kinds that make pods of a template share.
enum Workload {
  /// Defaults of the template.
  static func applyTemplateDefaults(_ object: inout JSONValue) {
    guard object["kind"].plain != "ReplicationController" || object["spec"]["template"].isThere else { return }
    object.fill("spec") { spec in
      spec.fill("template") { template in template.fill("spec") { PodDefaults.apply(&$0) } }
    }
  }

  /// The labels that a kind of the core group takes from its template.
  static func labelsFromTemplate(_ object: inout JSONValue) {
    let labels: JSONValue = object["spec"]["template"]["metadata"]["labels"]
    guard !labels.isVoid else { return }
    if object["spec"]["selector"].isVoid { object["spec"]["selector"] = labels }
    if object["metadata"]["labels"].isVoid { object["metadata"]["labels"] = labels }
  }

  /// A selector that is required, not empty, and selects the template's labels.
  /// A strategy of updates with Go's names.
  static func shown(_ strategy: JSONValue) -> JSONValue {
    var shown: JSONValue = GoText.capitalized(strategy, ["type", "rollingUpdate"])
    if shown["RollingUpdate"].isThere {
      shown["RollingUpdate"] = GoText.capitalized(shown["RollingUpdate"], ["maxUnavailable", "maxSurge"])
    }
    return shown
  }

  static func selectorErrors(_ spec: JSONValue, _ path: FieldPath, _ kind: String) -> [FieldError] {
    var errors: [FieldError] = []
    let selector: JSONValue = spec["selector"]
    if selector.isNull {
      errors.append(.required(path.child("selector")))
    } else {
      errors += Checks.labelSelector(selector, path.child("selector"))
      if selector["matchLabels"].isVoid, selector["matchExpressions"].isVoid {
        errors.append(.invalid(path.child("selector"), [:], "empty selector is invalid for \(kind)"))
      }
    }
    return errors
  }

  /// The template: its labels, its pod, its restart policy.
  static func templateErrors(
    _ spec: JSONValue, _ path: FieldPath, replicas: Int64 = 1, hasLabelSelector: Bool = true
  ) -> [FieldError] {
    var errors: [FieldError] = []
    let template: JSONValue = spec["template"]
    let at: FieldPath = path.child("template")
    let labels: JSONValue = template["metadata"]["labels"]
    let selector: JSONValue = spec["selector"]
    if hasLabelSelector, !Checks.labelSelector(selector, path).isEmpty {
      return [.invalid(path.child("selector"), selector, "invalid label selector")]
    }
    let isEmpty: Bool =
      selector.isThere && selector["matchLabels"].isVoid && selector["matchExpressions"].isVoid
    if !isEmpty, !Checks.selector(selector).matches(labels.stringMap) {
      errors.append(
        .invalid(
          at.child("metadata", "labels"), GoForm.of(labels, "{}s"),
          "`selector` does not match template `labels`"))
    }
    errors += PodTemplateValidation.errors(template, at)
    let policy: String = template["spec"]["restartPolicy"].plain
    if policy != "Always" {
      errors.append(.notSupported(at.child("spec", "restartPolicy"), .string(policy), ["Always"]))
    }
    if template["spec"]["activeDeadlineSeconds"].isThere {
      errors.append(
        .forbidden(at.child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicaSet is not Supported"))
    }
    return errors
  }

  /// Warnings about a template's pod: of a new object, or of one whose generation an update raises.
  static func templateWarnings(
    _ object: JSONValue, _ old: JSONValue?, at path: [String] = ["spec", "template"]
  ) -> [String] {
    if let old, object["metadata"]["generation"] == old["metadata"]["generation"] { return [] }
    var template: JSONValue = object
    var at: FieldPath = .root
    for name: String in path {
      template = template[name]
      at = at.child(name)
    }
    return PodWarnings.warnings(template, at: at)
  }

  /// Warnings of a kind whose pods have names that begin with its own.
  static func warnings(
    _ object: JSONValue, _ old: JSONValue?, _ context: StrategyContext, at path: [String] = ["spec", "template"]
  ) -> [String] {
    guard context.subresource == nil else { return [] }
    return (old == nil ? PodWarnings.nameWarnings(object) : []) + templateWarnings(object, old, at: path)
  }
}
