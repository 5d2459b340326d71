// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of roles and bindings.
enum RBACValidation {
  static func roleErrors(_ object: JSONValue, isCluster: Bool) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, rule) in object["rules"].items.enumerated() {
      errors += ruleErrors(rule, FieldPath("rules").index(place), isCluster: isCluster)
    }
    let aggregation: JSONValue = object["aggregationRule"]
    guard isCluster, aggregation.isThere else { return errors }
    let at: FieldPath = FieldPath("aggregationRule", "clusterRoleSelectors")
    if aggregation["clusterRoleSelectors"].isVoid {
      errors.append(.required(at, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
    }
    for (place, selector) in aggregation["clusterRoleSelectors"].items.enumerated() {
      let wrong: [FieldError] = Checks.labelSelector(selector, at.index(place))
      errors += wrong
      if !wrong.isEmpty { errors.append(.invalid(at.index(place), .null, "invalid label selector.")) }
    }
    return errors
  }

  private static func ruleErrors(_ rule: JSONValue, _ path: FieldPath, isCluster: Bool) -> [FieldError] {
    var errors: [FieldError] = []
    if rule["verbs"].isVoid { errors.append(.required(path.child("verbs"), "verbs must contain at least one value")) }
    if !rule["nonResourceURLs"].isVoid {
      if !isCluster {
        errors.append(
          .invalid(
            path.child("nonResourceURLs"), rule["nonResourceURLs"],
            "namespaced rules cannot apply to non-resource URLs"))
      }
      if ["apiGroups", "resources", "resourceNames"].contains(where: { !rule[$0].isVoid }) {
        errors.append(
          .invalid(
            path.child("nonResourceURLs"), rule["nonResourceURLs"],
            "rules cannot apply to both regular resources and non-resource URLs"))
      }
      return errors
    }
    if rule["apiGroups"].isVoid {
      errors.append(.required(path.child("apiGroups"), "resource rules must supply at least one api group"))
    }
    if rule["resources"].isVoid {
      errors.append(.required(path.child("resources"), "resource rules must supply at least one resource"))
    }
    return errors
  }

  static func bindingErrors(_ object: JSONValue, isCluster: Bool) -> [FieldError] {
    let reference: JSONValue = object["roleRef"]
    let path: FieldPath = FieldPath("roleRef")
    var errors: [FieldError] = []
    let group: String = "rbac.authorization.k8s.io"
    if reference["apiGroup"].plain != group {
      errors.append(.notSupported(path.child("apiGroup"), .string(reference["apiGroup"].plain), [group]))
    }
    let kinds: [String] = isCluster ? ["ClusterRole"] : ["Role", "ClusterRole"]
    if !kinds.contains(reference["kind"].plain) {
      errors.append(.notSupported(path.child("kind"), .string(reference["kind"].plain), kinds))
    }
    if reference["name"].plain.isEmpty {
      errors.append(.required(path.child("name")))
    } else {
      errors += Names.pathSegment(reference["name"].plain, isPrefix: false).map {
        .invalid(path.child("name"), reference["name"], $0)
      }
    }
    for (place, subject) in object["subjects"].items.enumerated() {
      errors += subjectErrors(subject, FieldPath("subjects").index(place), isNamespaced: !isCluster, group)
    }
    return errors
  }

  private static func subjectErrors(
    _ subject: JSONValue, _ path: FieldPath, isNamespaced: Bool, _ group: String
  ) -> [FieldError] {
    var errors: [FieldError] = []
    if subject["name"].plain.isEmpty { errors.append(.required(path.child("name"))) }
    switch subject["kind"].plain {
    case "ServiceAccount":
      if !subject["name"].plain.isEmpty { errors += Checks.text(subject["name"], path.child("name"), Names.subdomain) }
      if !subject["apiGroup"].plain.isEmpty {
        errors.append(.notSupported(path.child("apiGroup"), subject["apiGroup"], [""]))
      }
      if !isNamespaced, subject["namespace"].plain.isEmpty { errors.append(.required(path.child("namespace"))) }
    case "User", "Group":
      if subject["apiGroup"].plain != group {
        errors.append(.notSupported(path.child("apiGroup"), .string(subject["apiGroup"].plain), [group]))
      }
    default:
      errors.append(
        .notSupported(path.child("kind"), .string(subject["kind"].plain), ["ServiceAccount", "User", "Group"]))
    }
    return errors
  }
}
