// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// The rules of Deployments.
enum DeploymentValidation {
  static func specErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = Checks.nonNegative(spec["replicas"], path.child("replicas"))
    errors += Workload.selectorErrors(spec, path, "deployment")
    errors += Workload.templateErrors(spec, path)
    errors += strategyErrors(spec["strategy"], path.child("strategy"))
    errors += Checks.nonNegative(spec["minReadySeconds"], path.child("minReadySeconds"))
    errors += Checks.nonNegative(spec["revisionHistoryLimit"], path.child("revisionHistoryLimit"))
    if let deadline: Int64 = spec["progressDeadlineSeconds"].int {
      errors += Checks.nonNegative(.int(deadline), path.child("progressDeadlineSeconds"))
      if deadline <= spec["minReadySeconds"].int ?? 0 {
        errors.append(
          .invalid(path.child("progressDeadlineSeconds"), .int(deadline), "must be greater than minReadySeconds"))
      }
    }
    return errors
  }

  private static func strategyErrors(_ strategy: JSONValue, _ path: FieldPath) -> [FieldError] {
    let rolling: JSONValue = strategy["rollingUpdate"]
    switch strategy["type"].plain {
    case "Recreate":
      guard rolling.isThere else { return [] }
      return [
        .forbidden(path.child("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'")
      ]
    case "RollingUpdate":
      if rolling.isNull { return [.required(path.child("rollingUpdate"), "this should be defaulted and never be nil")] }
      return rollingErrors(rolling, path.child("rollingUpdate"))
    default:
      let shown: JSONValue = Workload.shown(strategy)
      return [FieldError.notSupported(path, shown, ["Recreate", "RollingUpdate"])]
    }
  }

  private static func rollingErrors(_ rolling: JSONValue, _ path: FieldPath) -> [FieldError] {
    let unavailable: JSONValue = rolling["maxUnavailable"]
    let surge: JSONValue = rolling["maxSurge"]
    var errors: [FieldError] = Checks.nonNegativeIntOrPercent(unavailable, path.child("maxUnavailable"))
    errors += Checks.nonNegativeIntOrPercent(surge, path.child("maxSurge"))
    if Checks.intOrPercent(unavailable) == 0, Checks.intOrPercent(surge) == 0 {
      errors.append(.invalid(path.child("maxUnavailable"), unavailable, "may not be 0 when `maxSurge` is 0"))
    }
    return errors + Checks.notMoreThanAll(unavailable, path.child("maxUnavailable"))
  }

  static func statusErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("status")
    let status: JSONValue = object["status"]
    var errors: [FieldError] = []
    for key: String in [
      "observedGeneration", "replicas", "updatedReplicas", "terminatingReplicas", "readyReplicas", "availableReplicas",
      "unavailableReplicas", "collisionCount",
    ] {
      errors += Checks.nonNegative(status[key], path.child(key))
    }
    let message: String = "cannot be greater than status.replicas"
    let replicas: Int64 = status["replicas"].int ?? 0
    for key: String in ["updatedReplicas", "readyReplicas", "availableReplicas"] where status[key].int ?? 0 > replicas {
      errors.append(.invalid(path.child(key), status[key], message))
    }
    if status["availableReplicas"].int ?? 0 > status["readyReplicas"].int ?? 0 {
      errors.append(
        .invalid(path.child("availableReplicas"), status["availableReplicas"], "cannot be greater than readyReplicas"))
    }
    if let before: Int64 = old["status"]["collisionCount"].int {
      if status["collisionCount"].int ?? -1 < before {
        errors.append(.invalid(path.child("collisionCount"), status["collisionCount"], "cannot be decremented"))
      }
    }
    return errors
  }
}

/// The rules of DaemonSets.
enum DaemonSetValidation {
  static func specErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let template: FieldPath = path.child("template")
    errors += Checks.labelSelector(spec["selector"], path.child("selector"))
    let selector: JSONValue = spec["selector"]
    let labels: JSONValue = spec["template"]["metadata"]["labels"]
    if errors.isEmpty, !Checks.selector(selector).matches(labels.stringMap) {
      errors.append(
        .invalid(
          template.child("metadata", "labels"), GoForm.of(labels, "{}s"),
          "`selector` does not match template `labels`"))
    }
    if selector.isThere, selector["matchLabels"].isVoid, selector["matchExpressions"].isVoid {
      errors.append(.invalid(path.child("selector"), [:], "empty selector is invalid for daemonset"))
    }
    errors += PodTemplateValidation.errors(spec["template"], template)
    let policy: String = spec["template"]["spec"]["restartPolicy"].plain
    if policy != "Always" {
      errors.append(.notSupported(template.child("spec", "restartPolicy"), .string(policy), ["Always"]))
    }
    if spec["template"]["spec"]["activeDeadlineSeconds"].isThere {
      errors.append(
        .forbidden(
          template.child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in DaemonSet is not Supported"))
    }
    errors += Checks.nonNegative(spec["minReadySeconds"], path.child("minReadySeconds"))
    errors += strategyErrors(spec["updateStrategy"], path.child("updateStrategy"))
    return errors + Checks.nonNegative(spec["revisionHistoryLimit"], path.child("revisionHistoryLimit"))
  }

  private static func strategyErrors(_ strategy: JSONValue, _ path: FieldPath) -> [FieldError] {
    switch strategy["type"].plain {
    case "OnDelete": return []
    case "RollingUpdate":
      let rolling: JSONValue = strategy["rollingUpdate"]
      let at: FieldPath = path.child("rollingUpdate")
      if rolling.isNull { return [.required(at)] }
      var errors: [FieldError] = []
      for key: String in ["maxUnavailable", "maxSurge"] {
        errors += Checks.nonNegativeIntOrPercent(rolling[key], at.child(key))
        errors += Checks.notMoreThanAll(rolling[key], at.child(key))
      }
      let unavailable: Int64 = Checks.intOrPercent(rolling["maxUnavailable"])
      let surge: Int64 = Checks.intOrPercent(rolling["maxSurge"])
      if unavailable != 0, surge != 0 {
        errors.append(
          .invalid(at.child("maxSurge"), rolling["maxSurge"], "may not be set when maxUnavailable is non-zero"))
      } else if unavailable == 0, surge == 0 {
        errors.append(.required(at.child("maxUnavailable"), "cannot be 0 when maxSurge is 0"))
      }
      return errors
    default:
      return [
        .notSupported(
          path, Workload.shown(strategy), ["RollingUpdate", "OnDelete"])
      ]
    }
  }

  static func statusErrors(_ status: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("status")
    return [
      "currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady", "observedGeneration",
      "updatedNumberScheduled", "numberAvailable", "numberUnavailable", "collisionCount",
    ].flatMap { Checks.nonNegative(status[$0], path.child($0)) }
  }
}

/// The rules of StatefulSets.
enum StatefulSetValidation {
  /// - Parameter isChange: The claims' templates and the service's name cannot change and were checked before.
  static func specErrors(_ spec: JSONValue, _ path: FieldPath, isChange: Bool = false) -> [FieldError] {
    var errors: [FieldError] = []
    switch spec["podManagementPolicy"].plain {
    case "": errors.append(.required(path.child("podManagementPolicy")))
    case "OrderedReady", "Parallel": break
    default:
      errors.append(
        .invalid(
          path.child("podManagementPolicy"), spec["podManagementPolicy"], "must be 'OrderedReady' or 'Parallel'"))
    }
    errors += strategyErrors(spec["updateStrategy"], path.child("updateStrategy"))
    for key: String in ["whenDeleted", "whenScaled"] {
      let value: JSONValue = spec["persistentVolumeClaimRetentionPolicy"][key]
      if !["Retain", "Delete"].contains(value.plain) {
        errors.append(
          .notSupported(
            path.child("persistentVolumeClaimRetentionPolicy", key), .string(value.plain), ["Retain", "Delete"]))
      }
    }
    if !isChange { errors += claimErrors(spec, path.child("volumeClaimTemplates")) }
    errors += Checks.nonNegative(spec["replicas"], path.child("replicas"))
    errors += Checks.nonNegative(spec["minReadySeconds"], path.child("minReadySeconds"))
    errors += Checks.nonNegative(spec["ordinals"]["start"], path.child("ordinals", "start"))
    if !isChange, !spec["serviceName"].plain.isEmpty {
      errors += Checks.text(spec["serviceName"], path.child("serviceName"), Names.label)
    }
    errors += Workload.selectorErrors(spec, path, "statefulset")
    errors += Workload.templateErrors(withClaims(spec), path).map { error in
      var error: FieldError = error
      error.detail = error.detail.replacing("in ReplicaSet is", with: "in StatefulSet is")
      if error.detail == "invalid label selector" { error.detail = "" }
      return error
    }
    return errors
  }

  private static func claimErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    spec["volumeClaimTemplates"].items.enumerated().flatMap { place, claim in
      PersistentVolumeClaimValidation.specErrors(claim["spec"], path.index(place).child("spec"))
    }
  }

  /// The template with a volume for each claim, as its pods will have it.
  private static func withClaims(_ spec: JSONValue) -> JSONValue {
    let claims: [JSONValue] = spec["volumeClaimTemplates"].items
    if claims.isEmpty { return spec }
    var spec: JSONValue = spec
    var names: [String] = []
    for claim: JSONValue in claims where !names.contains(claim["metadata"]["name"].plain) {
      names.append(claim["metadata"]["name"].plain)
    }
    let volumes: [JSONValue] = spec["template"]["spec"]["volumes"].items.filter { !names.contains($0["name"].plain) }
    let added: [JSONValue] = names.map {
      ["name": .string($0), "persistentVolumeClaim": ["claimName": .string($0)]]
    }
    spec["template"]["spec"]["volumes"] = .array(volumes + added)
    return spec
  }

  private static func strategyErrors(_ strategy: JSONValue, _ path: FieldPath) -> [FieldError] {
    let rolling: JSONValue = strategy["rollingUpdate"]
    let shown: JSONValue = [
      "Type": .string(strategy["type"].plain),
      "RollingUpdate": rolling.isNull
        ? .null : ["Partition": .int(rolling["partition"].int ?? 0), "MaxUnavailable": rolling["maxUnavailable"]],
    ]
    switch strategy["type"].plain {
    case "": return [.required(path)]
    case "OnDelete":
      guard rolling.isThere else { return [] }
      return [
        .invalid(
          path.child("rollingUpdate"), shown["RollingUpdate"], "only allowed for updateStrategy 'RollingUpdate'")
      ]
    case "RollingUpdate":
      let at: FieldPath = path.child("rollingUpdate")
      var errors: [FieldError] = Checks.nonNegative(rolling["partition"], at.child("partition"))
      let unavailable: JSONValue = rolling["maxUnavailable"]
      if unavailable.isThere {
        errors += Checks.nonNegativeIntOrPercent(unavailable, at.child("maxUnavailable"))
        if Checks.intOrPercent(unavailable) == 0 {
          errors.append(.invalid(at.child("maxUnavailable"), unavailable, "cannot be 0"))
        }
        errors += Checks.notMoreThanAll(unavailable, at.child("maxUnavailable"))
      }
      return errors
    default: return [.invalid(path, shown, "must be 'RollingUpdate' or 'OnDelete'")]
    }
  }

  static func updateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    var errors: [FieldError] = specErrors(object["spec"], path, isChange: true)
    var allowed: JSONValue = object["spec"]
    for key: String in [
      "replicas", "template", "updateStrategy", "minReadySeconds", "ordinals", "revisionHistoryLimit",
      "persistentVolumeClaimRetentionPolicy",
    ] {
      allowed[key] = old["spec"][key]
    }
    if !GoForm.isSame(allowed, old["spec"], "@apps.StatefulSetSpec") {
      errors.append(
        .forbidden(
          path,
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
            + "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"))
    }
    return errors
  }

  static func statusErrors(_ status: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("status")
    var errors: [FieldError] = [
      "replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas", "observedGeneration",
      "collisionCount",
    ].flatMap { Checks.nonNegative(status[$0], path.child($0)) }
    let replicas: Int64 = status["replicas"].int ?? 0
    for key: String in ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"]
    where status[key].int ?? 0 > replicas {
      errors.append(.invalid(path.child(key), status[key], "cannot be greater than status.replicas"))
    }
    if status["availableReplicas"].int ?? 0 > status["readyReplicas"].int ?? 0 {
      errors.append(
        .invalid(
          path.child("availableReplicas"), status["availableReplicas"], "cannot be greater than status.readyReplicas"))
    }
    return errors
  }
}
