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
      + selectorErrors(spec, path.child("scopeSelector"))
  }

  private static func listErrors(_ list: JSONValue, _ path: FieldPath) -> [FieldError] {
    list.sortedKeys.flatMap { name in
      nameErrors(name, path.key(name)) + ResourceRules.quantityErrors(name, list[name], path.key(name))
    }
  }

  static func nameErrors(_ name: String, _ path: FieldPath) -> [FieldError] {
    let errors: [FieldError] = ResourceRules.anyNameErrors(name, path)
    if name.contains("/") || isStandard(name) { return errors }
    return errors + [.invalid(path, .string(name), "must be a standard resource for quota")]
  }

  private static func isStandard(_ name: String) -> Bool {
    standard.contains(name) || name.hasPrefix("hugepages-") || name.hasPrefix("requests.hugepages-")
  }

  /// Whether a scope says nothing about a resource that quotas know.
  private static func mismatches(_ scope: String, _ resource: String) -> Bool {
    guard isStandard(resource) else { return false }
    switch scope {
    case "Terminating", "NotTerminating", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity":
      return !podResources.contains(resource)
    case "BestEffort": return resource != "pods"
    case "VolumeAttributesClass": return !["persistentvolumeclaims", "requests.storage"].contains(resource)
    default: return false
    }
  }

  private static func scopeListErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let names: [String] = spec["scopes"].strings
    let at: FieldPath = path.child("scopes")
    var errors: [FieldError] = []
    for name: String in names {
      if !scopes.contains(name) { errors.append(.invalid(at, spec["scopes"], "unsupported scope")) }
      for resource: String in spec["hard"].sortedKeys where mismatches(name, resource) {
        errors.append(.invalid(at, spec["scopes"], "unsupported scope applied to resource"))
      }
    }
    return errors + conflicts(names, at, spec)
  }

  private static func conflicts(_ names: [String], _ at: FieldPath, _ spec: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    for (one, other) in [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")]
    where names.contains(one) && names.contains(other) {
      errors.append(.invalid(at, GoForm.of(spec["scopes"], "[]s"), "conflicting scopes"))
    }
    return errors
  }

  private static func selectorErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let selector: JSONValue = spec["scopeSelector"]
    let at: FieldPath = path.child("matchExpressions")
    var errors: [FieldError] = []
    for requirement: JSONValue in selector["matchExpressions"].items {
      let name: String = requirement["scopeName"].plain
      defer { errors += operatorErrors(requirement, at) }
      if !scopes.contains(name) { errors.append(.invalid(at.child("scopeName"), .string(name), "unsupported scope")) }
      for resource: String in spec["hard"].sortedKeys where mismatches(name, resource) {
        let shown: [JSONValue] = selector["matchExpressions"].items.map { item in
          [
            "ScopeName": .string(item["scopeName"].plain), "Operator": .string(item["operator"].plain),
            "Values": item["values"],
          ]
        }
        errors.append(
          .invalid(at, ["MatchExpressions": .array(shown)], "unsupported scope applied to resource"))
      }
    }
    return errors + conflicts(selector["matchExpressions"].items.map { $0["scopeName"].plain }, at, spec)
  }

  private static func operatorErrors(_ requirement: JSONValue, _ at: FieldPath) -> [FieldError] {
      var errors: [FieldError] = []
      let existing: Set<String> = [
        "BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity",
      ]
      let comparison: JSONValue = .string(requirement["operator"].plain)
      if existing.contains(requirement["scopeName"].plain), comparison.plain != "Exists" {
        errors.append(
          .invalid(
            at.child("operator"), comparison,
            "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
              + "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
              + "ResourceQuotaScopeCrossNamespacePodAffinity"))
      }
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
        errors.append(.invalid(at.child("operator"), comparison, "not a valid selector operator"))
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
