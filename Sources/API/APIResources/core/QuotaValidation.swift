// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// The rules of ResourceQuotas.
enum ResourceQuotaValidation {
  private static let scopes: [String] = [
    "Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
  ]
  private static let standard: Set<String> = [
    "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.storage",
    "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage", "pods",
    "resourcequotas", "services", "replicationcontrollers", "secrets", "persistentvolumeclaims", "configmaps",
    "services.nodeports", "services.loadbalancers",
  ]
  private static let podResources: Set<String> = [
    "pods", "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory",
  ]

  static func errors(_ object: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    return listErrors(spec["hard"], path.child("hard")) + scopeListErrors(spec, path)
      + selectorErrors(spec["scopeSelector"], path.child("scopeSelector"))
  }

  private static func listErrors(_ list: JSONValue, _ path: FieldPath) -> [FieldError] {
    list.sortedKeys.flatMap { name in
      nameErrors(name, path.key(name)) + ResourceRules.quantityErrors(name, list[name], path.key(name))
    }
  }

  static func nameErrors(_ name: String, _ path: FieldPath) -> [FieldError] {
    let wrong: [String] = Names.qualified(name)
    if !wrong.isEmpty { return wrong.map { .invalid(path, .string(name), $0) } }
    if name.contains("/") || standard.contains(name) || name.contains("hugepages-") { return [] }
    return [
      .invalid(path, .string(name), "must be a standard resource type or fully qualified"),
      .invalid(path, .string(name), "must be a standard resource for quota"),
    ]
  }

  private static func scopeListErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let names: [String] = spec["scopes"].strings
    let at: FieldPath = path.child("scopes")
    var errors: [FieldError] = []
    for name: String in names {
      if !scopes.contains(name) { errors.append(.invalid(at, spec["scopes"], "unsupported scope")) }
      let isForPods: Bool = name != "VolumeAttributesClass"
      for resource: String in spec["hard"].sortedKeys where isForPods && scopes.contains(name) {
        let allowed: Bool = name == "BestEffort" ? resource == "pods" : podResources.contains(resource)
        if standard.contains(resource), !allowed {
          errors.append(.invalid(at, spec["scopes"], "unsupported scope applied to resource"))
        }
      }
    }
    for (one, other) in [("Terminating", "NotTerminating"), ("BestEffort", "NotBestEffort")]
    where names.contains(one) && names.contains(other) {
      errors.append(.invalid(at, spec["scopes"], "conflicting scopes"))
    }
    return errors
  }

  private static func selectorErrors(_ selector: JSONValue, _ path: FieldPath) -> [FieldError] {
    let at: FieldPath = path.child("matchExpressions")
    var errors: [FieldError] = []
    for requirement: JSONValue in selector["matchExpressions"].items {
      let name: String = requirement["scopeName"].plain
      if !scopes.contains(name) { errors.append(.invalid(at.child("scopeName"), .string(name), "unsupported scope")) }
      let values: JSONValue = requirement["values"]
      switch requirement["operator"].plain {
      case "In", "NotIn":
        if values.isVoid {
          errors.append(
            .required(
              at.child("values"),
              "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
        }
      case "Exists", "DoesNotExist":
        if !values.isVoid {
          errors.append(
            .invalid(
              at.child("values"), values,
              "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"))
        }
      default:
        errors.append(.invalid(at.child("operator"), requirement["operator"], "not a valid selector operator"))
      }
    }
    return errors
  }

  static func scopeErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    let now: JSONValue = object["spec"]["scopes"]
    return Set(now.strings) == Set(old["spec"]["scopes"].strings)
      ? [] : [.invalid(FieldPath("spec", "scopes"), now, Checks.immutable)]
  }

  static func statusErrors(_ object: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("status")
    return listErrors(object["status"]["hard"], path.child("hard"))
      + listErrors(object["status"]["used"], path.child("used"))
  }
}

/// The rules of LimitRanges.
enum LimitRangeValidation {
  static func errors(_ object: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    var types: Set<String> = []
    for (place, item) in object["spec"]["limits"].items.enumerated() {
      let at: FieldPath = FieldPath("spec", "limits").index(place)
      let type: String = item["type"].plain
      if !["Container", "Pod", "PersistentVolumeClaim"].contains(type), !type.contains("/") {
        errors.append(.invalid(at.child("type"), .string(type), "must be a standard limit type or fully qualified"))
      }
      if !types.insert(type).inserted { errors.append(.duplicate(at.child("type"), .string(type))) }
      if type == "Pod" {
        for key: String in ["default", "defaultRequest"] where !item[key].isVoid {
          errors.append(.forbidden(at.child(key), "may not be specified when `type` is 'Pod'"))
        }
      }
      errors += orderErrors(item, at)
    }
    return errors
  }

  private static func orderErrors(_ item: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let names: Set<String> = Set(
      ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"].flatMap { item[$0].sortedKeys })
    for name: String in names.sorted() {
      func compare(_ low: String, _ high: String) {
        guard let one = Checks.quantity(item[low][name]), let other = Checks.quantity(item[high][name]),
          one.nanounits > other.nanounits
        else { return }
        let words: [String: String] = ["defaultRequest": "default request", "default": "default"]
        errors.append(
          .invalid(
            at.child(low).key(name), .string(one.description),
            "\(words[low] ?? low) value \(one) is greater than \(words[high] ?? high) value \(other)"))
      }
      compare("min", "max")
      compare("min", "defaultRequest")
      compare("defaultRequest", "max")
      compare("defaultRequest", "default")
      compare("min", "default")
      compare("default", "max")
    }
    return errors
  }
}
