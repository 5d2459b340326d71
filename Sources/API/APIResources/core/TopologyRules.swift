// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Topology spread constraints.
enum TopologyRules {
  static func errors(_ constraints: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    func pair(_ constraint: JSONValue) -> String {
      "{\(constraint["topologyKey"].plain), \(constraint["whenUnsatisfiable"].plain)}"
    }
    for (place, constraint) in constraints.items.enumerated() {
      let at: FieldPath = path.index(place)
      let key: String = constraint["topologyKey"].plain
      let action: String = constraint["whenUnsatisfiable"].plain
      if constraint["maxSkew"].int ?? 0 <= 0 {
        errors.append(
          .invalid(at.child("maxSkew"), .int(constraint["maxSkew"].int ?? 0), "must be greater than zero"))
      }
      if key.isEmpty { errors.append(.required(at.child("topologyKey"), "can not be empty")) }
      errors += Checks.supported(
        constraint["whenUnsatisfiable"], at.child("whenUnsatisfiable"), ["DoNotSchedule", "ScheduleAnyway"])
      for later: JSONValue in constraints.items.dropFirst(place + 1) where pair(later) == pair(constraint) {
        errors.append(.duplicate(at.child("{topologyKey, whenUnsatisfiable}"), .string(pair(constraint))))
      }
      if let domains: Int64 = constraint["minDomains"].int {
        if domains <= 0 {
          errors.append(.invalid(at.child("minDomains"), .int(domains), "must be greater than zero"))
        }
        if action != "DoNotSchedule" {
          errors.append(
            .invalid(
              at.child("minDomains"), .int(domains),
              "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not \(action)"))
        }
      }
      for policy: String in ["nodeAffinityPolicy", "nodeTaintsPolicy"] where constraint[policy].isThere {
        errors += Checks.supported(constraint[policy], at.child(policy), ["Honor", "Ignore"])
      }
      errors += keyErrors(constraint, at)
      errors += Checks.labelSelector(constraint["labelSelector"], at.child("labelSelector"))
    }
    return errors
  }

  private static func keyErrors(_ constraint: JSONValue, _ at: FieldPath) -> [FieldError] {
    let keys: [String] = constraint["matchLabelKeys"].strings
    if keys.isEmpty { return [] }
    if constraint["labelSelector"].isNull {
      return [.forbidden(at.child("matchLabelKeys"), "must not be specified when labelSelector is not set")]
    }
    return keys.enumerated().flatMap { place, key in
      Names.qualified(key).map { .invalid(at.child("matchLabelKeys").index(place), .string(key), $0) }
    }
  }
}
