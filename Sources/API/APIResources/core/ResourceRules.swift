// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// Requests and limits.
enum ResourceRules {
  private static let standard: Set<String> = ["cpu", "memory", "ephemeral-storage"]
  private static let milli: Int128 = 1_000_000

  private static func isHugePage(_ name: String) -> Bool { name.hasPrefix("hugepages-") }
  /// Resources with a domain that is not Kubernetes' own: whole numbers that cannot be overcommitted.
  static func isExtended(_ name: String) -> Bool {
    name.contains("/") && !name.split(separator: "/")[0].hasSuffix("kubernetes.io") && !name.hasPrefix("requests.")
  }

  static func requirements(
    _ resources: JSONValue, _ path: FieldPath, claims: [String], isPodLevel: Bool = false
  ) -> [FieldError] {
    var errors: [FieldError] = []
    if isPodLevel, resources["claims"].isThere {
      errors.append(.forbidden(path.child("claims"), "claims may not be set for Resources at pod-level"))
    }
    let limits: JSONValue = resources["limits"]
    let requests: JSONValue = resources["requests"]
    for name: String in limits.sortedKeys {
      errors += nameErrors(name, path.child("limits").key(name), isPodLevel: isPodLevel)
      errors += quantityErrors(name, limits[name], path.child("limits").key(name))
      errors += pageErrors(name, limits[name], path.child("limits").key(name))
    }
    for name: String in requests.sortedKeys {
      let at: FieldPath = path.child("requests")
      errors += nameErrors(name, at.key(name), isPodLevel: isPodLevel)
      errors += quantityErrors(name, requests[name], at.key(name))
      if limits[name].isThere {
        errors += compare(name, requests[name], limits[name], at)
      } else if isExtended(name) || isHugePage(name) {
        errors.append(.required(path.child("limits"), "Limit must be set for non overcommitable resources"))
      }
      errors += pageErrors(name, requests[name], at.key(name))
    }
    let names: [String] = limits.sortedKeys + requests.sortedKeys
    if names.contains(where: isHugePage), !names.contains("cpu"), !names.contains("memory") {
      errors.append(.forbidden(path, "HugePages require cpu or memory"))
    }
    errors += claimErrors(resources["claims"], path.child("claims"), claims)
    return errors
  }

  private static func nameErrors(_ name: String, _ path: FieldPath, isPodLevel: Bool) -> [FieldError] {
    guard isPodLevel else { return containerNameErrors(name, path) }
    let wrong: [FieldError] = anyNameErrors(name, path)
    if !wrong.isEmpty || name == "cpu" || name == "memory" || isHugePage(name) { return wrong }
    return [.notSupported(path, .string(name), ["cpu", "hugepages-", "memory"])]
  }

  /// Names without a domain that are known at all.
  private static let knownNames: Set<String> = standard.union([
    "storage", "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
    "persistentvolumeclaims", "services.nodeports", "services.loadbalancers", "requests.cpu", "requests.memory",
    "requests.storage", "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
  ])

  /// The name of a resource of any sort.
  static func anyNameErrors(_ name: String, _ path: FieldPath) -> [FieldError] {
    if standard.contains(name) { return [] }
    let wrong: [String] = Names.qualified(name)
    if !wrong.isEmpty { return wrong.map { .invalid(path, .string(name), $0) } }
    if name.contains("/") || isHugePage(name) || name.hasPrefix("requests.hugepages-") || knownNames.contains(name) {
      return []
    }
    return [.invalid(path, .string(name), "must be a standard resource type or fully qualified")]
  }

  /// The name of a resource that containers have.
  static func containerNameErrors(_ name: String, _ path: FieldPath) -> [FieldError] {
    if standard.contains(name) { return [] }
    let wrong: [FieldError] = anyNameErrors(name, path)
    if !name.contains("/") {
      return isHugePage(name)
        ? wrong : wrong + [.invalid(path, .string(name), "must be a standard resource for containers")]
    }
    if name.contains("kubernetes.io/") || isExtendedName(name) { return wrong }
    return wrong + [.invalid(path, .string(name), "doesn't follow extended resource name standard")]
  }

  /// Whether quotas can have a name for the requests of a resource with a domain.
  private static func isExtendedName(_ name: String) -> Bool {
    !name.hasPrefix("requests.") && Names.qualified("requests." + name).isEmpty
  }

  static func quantityErrors(_ name: String, _ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard let quantity: ResourceQuantity = Checks.quantity(value) else { return [] }
    var errors: [FieldError] = []
    if quantity.nanounits < 0 {
      errors.append(.invalid(path, Checks.canonical(value), "must be greater than or equal to 0"))
    }
    let isWhole: Bool =
      isExtended(name) || isHugePage(name)
      || [
        "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
        "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
      ].contains(name)
    if isWhole, quantity.nanounits % 1_000_000_000 != 0 {
      errors.append(.invalid(path, Checks.canonical(value), "must be an integer"))
    }
    return errors
  }

  /// Huge pages are whole.
  private static func pageErrors(_ name: String, _ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard isHugePage(name), let quantity: ResourceQuantity = Checks.quantity(value) else { return [] }
    let size: Int128 = ResourceQuantity(String(name.dropFirst("hugepages-".count)))?.nanounits ?? 0
    if size > 0, size % 1_000_000_000 == 0, quantity.nanounits % size == 0 { return [] }
    return [
      .invalid(path, Checks.canonical(value), "\(Checks.canonical(value).plain) is not positive integer multiple of \(name)")
    ]
  }

  private static func compare(
    _ name: String, _ request: JSONValue, _ limit: JSONValue, _ path: FieldPath
  ) -> [FieldError] {
    guard let wanted: ResourceQuantity = Checks.quantity(request), let most: ResourceQuantity = Checks.quantity(limit)
    else { return [] }
    if isExtended(name) || isHugePage(name) {
      return wanted == most
        ? [] : [.invalid(path, Checks.canonical(request), "must be equal to \(name) limit of \(most)")]
    }
    return most < wanted
      ? [.invalid(path, Checks.canonical(request), "must be less than or equal to \(name) limit of \(most)")] : []
  }

  private static func claimErrors(_ claims: JSONValue, _ path: FieldPath, _ known: [String]) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, claim) in claims.items.enumerated() {
      let name: String = claim["name"].plain
      if name.isEmpty {
        errors.append(.required(path.index(place)))
      } else if !known.contains(name) {
        let list: String = known.isEmpty ? " which is empty" : ": " + known.sorted().joined(separator: ", ")
        errors.append(
          FieldError(
            .notFound, path.index(place), .string(name), "must be one of the names in pod.spec.resourceClaims\(list)"))
      }
    }
    return errors
  }

  /// - Parameter path: of the overhead; the limits that it stands for are below it.
  static func overhead(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    requirements(["limits": value], path, claims: [])
  }
}
