// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// PodDisruptionBudgets.
struct PodDisruptionBudgetStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(name: .anyGeneric, generation: .of(["spec"]), hasStatus: true,
      allowsUnconditionalUpdate: false, updateChecks: [], statusChecks: []) }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = []
    if spec["minAvailable"].isThere, spec["maxUnavailable"].isThere {
      errors.append(.invalid(path, GoForm.of(spec, "@policy.PodDisruptionBudgetSpec"), "minAvailable and maxUnavailable cannot be both set"))
    }
    for key: String in ["minAvailable", "maxUnavailable"] where spec[key].isThere {
      errors += Checks.nonNegativeIntOrPercent(spec[key], path.child(key))
      errors += Checks.notMoreThanAll(spec[key], path.child(key))
    }
    errors += Checks.labelSelector(spec["selector"], path.child("selector"))
    let policy: JSONValue = spec["unhealthyPodEvictionPolicy"]
    if policy.isThere {
      errors += Checks.supported(policy, path.child("unhealthyPodEvictionPolicy"), ["AlwaysAllow", "IfHealthyBudget"])
    }
    return errors
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    guard context.subresource == "status" else { return validateContent(object, context) }
    return ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"].flatMap {
      Checks.nonNegative(object["status"][$0], FieldPath("status").child($0))
    }
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    func text(_ value: JSONValue) -> JSONValue {
      value.int.map { .string("\($0)") } ?? TableText.text(value, or: "N/A")
    }
    return [
      object["metadata"]["name"], text(object["spec"]["minAvailable"]), text(object["spec"]["maxUnavailable"]),
      TableText.number(object["status"]["disruptionsAllowed"]), TableText.age(object, context),
    ]
  }
}
