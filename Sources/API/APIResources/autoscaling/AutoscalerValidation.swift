// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// The rules of HorizontalPodAutoscalers.
enum AutoscalerValidation {
  private static let windowMax: Int64 = 3600
  private static let periodMax: Int64 = 1800
  private static let kinds: [String: String] = [
    "Object": "object", "Pods": "pods", "Resource": "resource", "ContainerResource": "containerResource",
    "External": "external",
  ]

  static func errors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let least: Int64 = spec["minReplicas"].int ?? 1
    let most: Int64 = spec["maxReplicas"].int ?? 0
    if spec["minReplicas"].isThere, least < 1 {
      errors.append(.invalid(path.child("minReplicas"), .int(least), "must be greater than or equal to 1"))
    }
    if most == 0 { errors.append(.required(path.child("maxReplicas"), "must be set and greater than 0")) }
    if most < 0 {
      errors.append(.invalid(path.child("maxReplicas"), .int(most), "must be greater than or equal to 1"))
    }
    if spec["minReplicas"].isThere, most < least {
      errors.append(.invalid(path.child("maxReplicas"), .int(most), "must be greater than or equal to `minReplicas`"))
    }
    errors += referenceErrors(spec["scaleTargetRef"], path.child("scaleTargetRef"), isTarget: true)
    for (place, metric) in spec["metrics"].items.enumerated() {
      errors += metricErrors(metric, path.child("metrics").index(place))
    }
    let types: [String] = spec["metrics"].items.map { $0["type"].plain }
    if spec["minReplicas"].int == 0, !types.contains("Object"), !types.contains("External") {
      errors.append(
        .forbidden(
          path.child("metrics"),
          "must specify at least one Object or External metric to support scaling to zero replicas"))
    }
    for direction: String in ["scaleUp", "scaleDown"] where spec["behavior"][direction].isThere {
      errors += ruleErrors(spec["behavior"][direction], path.child("behavior", direction))
    }
    return errors
  }

  private static func referenceErrors(_ reference: JSONValue, _ path: FieldPath, isTarget: Bool) -> [FieldError] {
    var errors: [FieldError] = []
    for key: String in ["kind", "name"] {
      if reference[key].plain.isEmpty {
        errors.append(.required(path.child(key)))
      } else {
        errors += Names.pathSegment(reference[key].plain, isPrefix: false).map {
          .invalid(path.child(key), reference[key], $0)
        }
      }
    }
    let version: String = reference["apiVersion"].plain
    if version.count(where: { $0 == "/" }) > 1 {
      errors.append(
        .invalid(path.child("apiVersion"), .string(version), "unexpected GroupVersion string: " + version))
    } else if isTarget, !version.contains("/") || version.hasPrefix("/") {
      errors.append(.invalid(path.child("apiVersion"), .string(version), "apiVersion must specify API group"))
    }
    return errors
  }

  private static func metricErrors(_ metric: JSONValue, _ path: FieldPath) -> [FieldError] {
    let type: String = metric["type"].plain
    var errors: [FieldError] = []
    // A type that is none is found by the list of types, and by what the type should have.
    let unknown: FieldError = .notSupported(path.child("type"), .string(type), kinds.keys.sorted())
    if type.isEmpty { errors.append(.required(path.child("type"), "must specify a metric source type")) }
    if kinds[type] == nil { errors.append(unknown) }
    let present: [String] = ["Object", "External", "Pods", "Resource", "ContainerResource"].filter { kind in
      kinds[kind].map { metric[$0].isThere } ?? false
    }
    // Of several sources the first is looked at, whatever the type says.
    if let first: String = present.first, let key: String = kinds[first] {
      errors += sourceErrors(first, metric[key], path.child(key))
    }
    if let key: String = kinds[type] {
      if metric[key].isNull {
        errors.append(.required(path.child(key), "must populate information for the given metric source"))
      }
    } else {
      errors.append(unknown)
    }
    guard present.count != 1 else { return errors }
    for key: String in present.filter({ $0 != type }).compactMap({ kinds[$0] }).sorted() {
      errors.append(.forbidden(path.child(key), "must populate the given metric source only"))
    }
    return errors
  }

  private static func sourceErrors(_ type: String, _ source: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let target: JSONValue = source["target"]
    let at: FieldPath = path.child("target")
    if ["Object", "Pods", "External"].contains(type) {
      if type == "Object" {
        errors += referenceErrors(source["describedObject"], path.child("describedObject"), isTarget: false)
      }
      if source["metric"]["name"].plain.isEmpty {
        errors.append(.required(path.child("metric", "name"), "must specify a metric name"))
      } else {
        errors += Names.pathSegment(source["metric"]["name"].plain, isPrefix: false).map {
          .invalid(path.child("metric", "name"), source["metric"]["name"], $0)
        }
      }
    } else {
      if source["name"].plain.isEmpty {
        errors.append(.required(path.child("name"), "must specify a resource name"))
      } else if type == "ContainerResource" {
        errors += ResourceRules.containerNameErrors(source["name"].plain, path.child("name"))
      }
      if type == "ContainerResource" {
        errors +=
          source["container"].plain.isEmpty
          ? [.required(path.child("container"), "must specify a container")]
          : Checks.text(source["container"], path.child("container"), Names.label)
      }
    }
    errors += targetErrors(target, at)
    switch type {
    case "Pods":
      if target["averageValue"].isNull {
        errors.append(.required(at.child("averageValue"), "must specify a positive target averageValue"))
      }
    case "Object":
      if target["value"].isNull, target["averageValue"].isNull {
        errors.append(.required(at.child("averageValue"), "must set either a target value or averageValue"))
      }
    case "External":
      if target["value"].isNull, target["averageValue"].isNull {
        errors.append(
          .required(
            at.child("averageValue"), "must set either a target value for metric or a per-pod target"))
      }
      if target["value"].isThere, target["averageValue"].isThere {
        errors.append(
          .forbidden(at.child("value"), "may not set both a target value for metric and a per-pod target"))
      }
    default:
      if target["averageUtilization"].isNull, target["averageValue"].isNull {
        errors.append(
          .required(at.child("averageUtilization"), "must set either a target raw value or a target utilization"))
      }
      if target["averageUtilization"].isThere, target["averageValue"].isThere {
        errors.append(
          .forbidden(at.child("averageValue"), "may not set both a target raw value and a target utilization"))
      }
    }
    return errors
  }

  private static func targetErrors(_ target: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if target["type"].plain.isEmpty {
      errors.append(.required(path.child("type"), "must specify a metric target type"))
    }
    if !["Utilization", "Value", "AverageValue"].contains(target["type"].plain) {
      errors.append(
        .invalid(
          path.child("type"), .string(target["type"].plain), "must be either Utilization, Value, or AverageValue"))
    }
    for key: String in ["value", "averageValue"] {
      if let quantity = Checks.quantity(target[key])?.nanounits, quantity <= 0 {
        errors.append(.invalid(path.child(key), Checks.canonical(target[key]), "must be positive"))
      }
    }
    if let percent: Int64 = target["averageUtilization"].int, percent < 1 {
      errors.append(.invalid(path.child("averageUtilization"), .int(percent), "must be greater than 0"))
    }
    return errors
  }

  private static func ruleErrors(_ rules: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if let window: Int64 = rules["stabilizationWindowSeconds"].int {
      let at: FieldPath = path.child("stabilizationWindowSeconds")
      if window < 0 { errors.append(.invalid(at, .int(window), "must be greater than or equal to zero")) }
      if window > windowMax { errors.append(.invalid(at, .int(window), "must be less than or equal to \(windowMax)")) }
    }
    if rules["selectPolicy"].isThere {
      errors += Checks.supported(rules["selectPolicy"], path.child("selectPolicy"), ["Max", "Min", "Disabled"])
    }
    let policies: [JSONValue] = rules["policies"].items
    if policies.isEmpty { errors.append(.required(path.child("policies"), "must specify at least one Policy")) }
    for (place, policy) in policies.enumerated() {
      let at: FieldPath = path.child("policies").index(place)
      errors += Checks.supported(policy["type"], at.child("type"), ["Pods", "Percent"])
      let value: Int64 = policy["value"].int ?? 0
      if value <= 0 { errors.append(.invalid(at.child("value"), .int(value), "must be greater than zero")) }
      let period: Int64 = policy["periodSeconds"].int ?? 0
      if period <= 0 { errors.append(.invalid(at.child("periodSeconds"), .int(period), "must be greater than zero")) }
      if period > periodMax {
        errors.append(
          .invalid(at.child("periodSeconds"), .int(period), "must be less than or equal to \(periodMax)"))
      }
    }
    if let tolerance = Checks.quantity(rules["tolerance"])?.nanounits, tolerance < 0 {
      errors.append(
        .invalid(path.child("tolerance"), Checks.canonical(rules["tolerance"]), "must be greater than or equal to 0"))
    }
    return errors
  }
}
