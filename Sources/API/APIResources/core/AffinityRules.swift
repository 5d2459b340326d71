// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Affinity to nodes and to other pods.
enum AffinityRules {
  private static let required: String = "requiredDuringSchedulingIgnoredDuringExecution"
  private static let preferred: String = "preferredDuringSchedulingIgnoredDuringExecution"

  static func errors(_ affinity: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let node: JSONValue = affinity["nodeAffinity"]
    let at: FieldPath = path.child("nodeAffinity")
    if node[required].isThere { errors += nodeSelector(node[required], at.child(required)) }
    for (place, term) in node[preferred].items.enumerated() {
      errors += weight(term, at.child(preferred).index(place))
      errors += nodeTerm(
        term["preference"], at.child(preferred).index(place).child("preference"), judgesValues: false)
    }
    for kind: String in ["podAffinity", "podAntiAffinity"] {
      let terms: JSONValue = affinity[kind]
      for (place, term) in terms[required].items.enumerated() {
        errors += podTerm(term, path.child(kind, required).index(place))
      }
      for (place, term) in terms[preferred].items.enumerated() {
        let at: FieldPath = path.child(kind, preferred).index(place)
        errors += weight(term, at)
        errors += podTerm(term["podAffinityTerm"], at.child("podAffinityTerm"))
      }
    }
    return errors
  }

  private static func weight(_ term: JSONValue, _ path: FieldPath) -> [FieldError] {
    let weight: Int64 = term["weight"].int ?? 0
    return (1...100).contains(weight)
      ? [] : [.invalid(path.child("weight"), .int(weight), "must be in the range 1-100")]
  }

  static func nodeSelector(_ selector: JSONValue, _ path: FieldPath) -> [FieldError] {
    let terms: [JSONValue] = selector["nodeSelectorTerms"].items
    let at: FieldPath = path.child("nodeSelectorTerms")
    if terms.isEmpty { return [.required(at, "must have at least one node selector term")] }
    return terms.enumerated().flatMap { nodeTerm($1, at.index($0)) }
  }

  private static func nodeTerm(
    _ term: JSONValue, _ path: FieldPath, judgesValues: Bool = true
  ) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, requirement) in term["matchExpressions"].items.enumerated() {
      errors += requirementErrors(requirement, path.child("matchExpressions").index(place), judgesValues)
    }
    for (place, requirement) in term["matchFields"].items.enumerated() {
      errors += fieldErrors(requirement, path.child("matchFields").index(place))
    }
    return errors
  }

  private static func requirementErrors(
    _ requirement: JSONValue, _ at: FieldPath, _ judgesValues: Bool
  ) -> [FieldError] {
    var errors: [FieldError] = []
    let values: [String] = requirement["values"].strings
    switch requirement["operator"].plain {
    case "In", "NotIn":
      if values.isEmpty {
        errors.append(.required(at.child("values"), "must be specified when `operator` is 'In' or 'NotIn'"))
      }
    case "Exists", "DoesNotExist":
      if !values.isEmpty {
        errors.append(
          .forbidden(at.child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
      }
    case "Gt", "Lt":
      if values.count != 1 {
        errors.append(.required(at.child("values"), "must be specified single value when `operator` is 'Lt' or 'Gt'"))
      }
    default:
      errors.append(
        .invalid(at.child("operator"), .string(requirement["operator"].plain), "not a valid selector operator"))
    }
    errors += Checks.text(requirement["key"], at.child("key"), Names.qualified)
    for (place, value) in values.enumerated() where judgesValues {
      errors += Names.labelValue(value).map { .invalid(at.child("values").index(place), .string(value), $0) }
    }
    return errors
  }

  private static func fieldErrors(_ requirement: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    switch requirement["operator"].plain {
    case "In", "NotIn":
      if requirement["values"].items.count != 1 {
        errors.append(
          .required(
            at.child("values"), "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
      }
    default:
      errors.append(
        .invalid(at.child("operator"), .string(requirement["operator"].plain), "not a valid selector operator"))
    }
    guard requirement["key"].plain == "metadata.name" else {
      return errors + [.invalid(at.child("key"), .string(requirement["key"].plain), "not a valid field selector key")]
    }
    for (place, value) in requirement["values"].strings.enumerated() {
      errors += Names.subdomain(value).map { .invalid(at.child("values").index(place), .string(value), $0) }
    }
    return errors
  }

  private static func podTerm(_ term: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    errors += Checks.labelSelector(term["labelSelector"], path.child("labelSelector"))
    errors += Checks.labelSelector(term["namespaceSelector"], path.child("namespaceSelector"))
    for name: String in term["namespaces"].strings {
      errors += Names.label(name).map { .invalid(path.child("namespace"), .string(name), $0) }
    }
    for list: String in ["matchLabelKeys", "mismatchLabelKeys"] where !term[list].isVoid {
      if term["labelSelector"].isNull {
        errors.append(.forbidden(path.child(list), "must not be specified when labelSelector is not set"))
        continue
      }
      for (place, key) in term[list].strings.enumerated() {
        errors += Names.qualified(key).map { .invalid(path.child(list).index(place), .string(key), $0) }
      }
    }
    let refused: [String] = term["mismatchLabelKeys"].strings
    for (place, key) in term["matchLabelKeys"].strings.enumerated() where refused.contains(key) {
      errors.append(
        .invalid(
          path.child("matchLabelKeys").index(place), .string(key), "exists in both matchLabelKeys and mismatchLabelKeys"))
    }
    if term["topologyKey"].plain.isEmpty { errors.append(.required(path.child("topologyKey"), "can not be empty")) }
    return errors + Checks.text(term["topologyKey"], path.child("topologyKey"), Names.qualified)
  }
}
