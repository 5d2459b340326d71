// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// PriorityClasses.
struct PriorityClassStrategy: ResourceStrategy {
  private static let systemPrefix: String = "system-"
  private static let userValueMax: Int64 = 1_000_000_000

  var traits: StrategyTraits { StrategyTraits(generation: .of([])) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.setDefault("preemptionPolicy", "PreemptLowerPriority")
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let name: String = object["metadata"]["name"].plain
    let value: Int64 = object["value"].int ?? 0
    let system: [String: Int64] = ["system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000]
    var errors: [FieldError] = []
    if name.hasPrefix(Self.systemPrefix) {
      if system[name] != value {
        errors.append(
          .forbidden(
            FieldPath("metadata", "name"),
            "priority class names with '\(Self.systemPrefix)' prefix are reserved for system use only. error: "
              + (system[name] == nil
                ? "\(name) is not a known system priority class"
                : "value of \(name) PriorityClass must be \(system[name] ?? 0)")))
      }
    } else if value > Self.userValueMax {
      errors.append(
        .forbidden(
          FieldPath("value"), "maximum allowed value of a user defined priority is \(Self.userValueMax)"))
    }
    if object["preemptionPolicy"].isThere {
      errors += PriorityRules.preemption(object["preemptionPolicy"], FieldPath("preemptionPolicy"))
    }
    return errors
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    var errors: [FieldError] = []
    if object["value"].int ?? 0 != old["value"].int ?? 0 {
      errors.append(.forbidden(FieldPath("value"), "may not be changed in an update."))
    }
    return errors
      + Checks.immutable(object["preemptionPolicy"], old["preemptionPolicy"], FieldPath("preemptionPolicy"))
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [
      object["metadata"]["name"], TableText.number(object["value"]), .bool(object["globalDefault"].bool ?? false),
      TableText.age(object, context), TableText.text(object["preemptionPolicy"], or: "PreemptLowerPriority"),
    ]
  }
}

/// Rules of pods' and classes' priorities.
enum PriorityRules {
  static func preemption(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    switch value.plain {
    case "PreemptLowerPriority", "Never": []
    case "": [.required(path)]
    default: [.notSupported(path, value, ["PreemptLowerPriority", "Never"])]
    }
  }
}
