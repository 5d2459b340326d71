// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// ReplicaSets.
struct ReplicaSetStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(generation: .of(["spec"]), hasStatus: true, template: ["spec", "template"], scale: ScalePaths())
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { $0.setDefault("replicas", 1) }
    Workload.applyTemplateDefaults(&object)
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    return Checks.nonNegative(spec["replicas"], path.child("replicas"))
      + Checks.nonNegative(spec["minReadySeconds"], path.child("minReadySeconds"))
      + Workload.selectorErrors(spec, path, "deployment")
      + Workload.templateErrors(spec, path, replicas: spec["replicas"].int ?? 0)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    if context.subresource == "status" { return ReplicaStatus.errors(object["status"], FieldPath("status")) }
    return validateContent(object, context)
      + Checks.immutable(object["spec"]["selector"], old["spec"]["selector"], FieldPath("spec", "selector"))
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    Workload.warnings(object, old, context)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [
      object["metadata"]["name"], TableText.number(object["spec"]["replicas"]),
      TableText.number(object["status"]["replicas"]), TableText.number(object["status"]["readyReplicas"]),
      TableText.age(object, context),
    ] + TableText.containers(object["spec"]["template"]["spec"]) + [TableText.selector(object["spec"]["selector"])]
  }
}

/// The status of replica sets and replication controllers.
enum ReplicaStatus {
  static func errors(_ status: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for key: String in [
      "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration",
    ] {
      errors += Checks.nonNegative(status[key], path.child(key))
    }
    let replicas: Int64 = status["replicas"].int ?? 0
    func compare(_ key: String, _ bound: Int64, _ message: String) {
      if let value: Int64 = status[key].int, value > bound {
        errors.append(.invalid(path.child(key), .int(value), message))
      }
    }
    compare("fullyLabeledReplicas", replicas, "cannot be greater than status.replicas")
    compare("readyReplicas", replicas, "cannot be greater than status.replicas")
    compare("availableReplicas", replicas, "cannot be greater than status.replicas")
    compare("availableReplicas", status["readyReplicas"].int ?? 0, "cannot be greater than readyReplicas")
    return errors
  }
}
