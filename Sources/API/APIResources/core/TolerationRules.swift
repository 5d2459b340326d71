// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Tolerations.
enum TolerationRules {
  static func errors(_ tolerations: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, toleration) in tolerations.items.enumerated() {
      let at: FieldPath = path.index(place)
      let key: String = toleration["key"].plain
      let comparison: String = toleration["operator"].plain
      let effect: String = toleration["effect"].plain
      if !key.isEmpty { errors += Checks.text(toleration["key"], at.child("key"), Names.qualified) }
      if key.isEmpty, comparison != "Exists" {
        errors.append(
          .invalid(
            at.child("operator"), .string(comparison),
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\""))
      }
      if toleration["tolerationSeconds"].isThere, effect != "NoExecute" {
        errors.append(
          .invalid(at.child("effect"), .string(effect), "effect must be 'NoExecute' when `tolerationSeconds` is set"))
      }
      switch comparison {
      case "Equal", "":
        errors += Names.labelValue(toleration["value"].plain).map {
          .invalid(at.child("operator"), .string(toleration["value"].plain), $0)
        }
      case "Exists":
        if !toleration["value"].plain.isEmpty {
          errors.append(
            .invalid(
              at.child("operator"), toleration["value"], "value must be empty when `operator` is 'Exists'"))
        }
      // Comparisons of numbers are known, but behind a gate that is off.
      case "Lt", "Gt":
        errors.append(.notSupported(at.child("operator"), .string(comparison), ["Equal", "Exists", "Lt", "Gt"]))
      default: errors.append(.notSupported(at.child("operator"), .string(comparison), ["Equal", "Exists"]))
      }
      if !effect.isEmpty { errors += effectErrors(effect, at.child("effect")) }
    }
    return errors
  }

  static func effectErrors(_ effect: String, _ path: FieldPath) -> [FieldError] {
    let known: [String] = ["NoSchedule", "PreferNoSchedule", "NoExecute"]
    return known.contains(effect) ? [] : [.notSupported(path, .string(effect), known)]
  }
}
