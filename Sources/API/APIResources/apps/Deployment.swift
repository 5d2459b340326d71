// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Deployments.
struct DeploymentStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(
      generation: .of(["spec"]), hasStatus: true, statusMetadata: .annotationsOnly,
      template: ["spec", "template"], scale: ScalePaths())
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { spec in
      spec.setDefault("replicas", 1)
      spec["strategy"].setDefaultText("type", "RollingUpdate")
      if spec["strategy"]["type"].plain == "RollingUpdate" {
        spec["strategy"]["rollingUpdate"].setDefault("maxUnavailable", "25%")
        spec["strategy"]["rollingUpdate"].setDefault("maxSurge", "25%")
      }
      spec.setDefault("revisionHistoryLimit", 10)
      spec.setDefault("progressDeadlineSeconds", 600)
    }
    Workload.applyTemplateDefaults(&object)
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    prepareCommonForUpdate(&object, old: old, context)
    // Annotations are what the deployment controller copies to replica sets: a change must be observed.
    if context.subresource == nil, object["metadata"]["annotations"] != old["metadata"]["annotations"],
      object["spec"] == old["spec"]
    {
      object["metadata"]["generation"] = .int((old["metadata"]["generation"].int ?? 0) + 1)
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    DeploymentValidation.specErrors(object["spec"], FieldPath("spec"))
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    if context.subresource == "status" { return DeploymentValidation.statusErrors(object, old: old) }
    return DeploymentValidation.specErrors(object["spec"], FieldPath("spec"))
      + Checks.immutable(object["spec"]["selector"], old["spec"]["selector"], FieldPath("spec", "selector"))
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    Workload.warnings(object, old, context)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let status: JSONValue = object["status"]
    let desired: Int64 = object["spec"]["replicas"].int ?? 0
    return [
      object["metadata"]["name"], .string("\(status["readyReplicas"].int ?? 0)/\(desired)"),
      TableText.number(status["updatedReplicas"]), TableText.number(status["availableReplicas"]),
      TableText.age(object, context),
    ] + TableText.containers(object["spec"]["template"]["spec"]) + [TableText.selector(object["spec"]["selector"])]
  }
}
