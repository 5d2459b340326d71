// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// DaemonSets.
struct DaemonSetStrategy: ResourceStrategy {
  private static let templateGeneration: String = "deprecated.daemonset.template.generation"

  var traits: StrategyTraits { 
    StrategyTraits(generation: .of(["spec"]), hasStatus: true, template: ["spec", "template"])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    // Before anything counts it the template's generation is there, and so has an owner.
    object["metadata"]["annotations"].setDefaultText(Self.templateGeneration, "0")
    object.fill("spec") { spec in
      spec["updateStrategy"].setDefaultText("type", "RollingUpdate")
      if spec["updateStrategy"]["type"].plain == "RollingUpdate" {
        spec["updateStrategy"]["rollingUpdate"].setDefault("maxUnavailable", 1)
        spec["updateStrategy"]["rollingUpdate"].setDefault("maxSurge", 0)
      }
      spec.setDefault("revisionHistoryLimit", 10)
    }
    Workload.applyTemplateDefaults(&object)
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    prepareCommonForCreate(&object)
    if (Int64(object["metadata"]["annotations"][Self.templateGeneration].plain) ?? 0) < 1 {
      object["metadata"]["annotations"][Self.templateGeneration] = "1"
    }
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    prepareCommonForUpdate(&object, old: old, context)
    guard context.subresource == nil else { return }
    var generation: Int64 = Int64(old["metadata"]["annotations"][Self.templateGeneration].plain) ?? 0
    if object["spec"]["template"] != old["spec"]["template"] { generation += 1 }
    object["metadata"]["annotations"][Self.templateGeneration] = .string("\(generation)")
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    DaemonSetValidation.specErrors(object["spec"], FieldPath("spec"))
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    if context.subresource == "status" { return DaemonSetValidation.statusErrors(object["status"]) }
    return Checks.immutable(object["spec"]["selector"], old["spec"]["selector"], FieldPath("spec", "selector"))
      + validateContent(object, context)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    // The generation may go up for another reason than the template.
    if context.subresource != nil || old?["spec"]["template"] == object["spec"]["template"] { return [] }
    return Workload.templateWarnings(object, old)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let status: JSONValue = object["status"]
    return [
      object["metadata"]["name"], TableText.number(status["desiredNumberScheduled"]),
      TableText.number(status["currentNumberScheduled"]), TableText.number(status["numberReady"]),
      TableText.number(status["updatedNumberScheduled"]), TableText.number(status["numberAvailable"]),
      TableText.labels(object["spec"]["template"]["spec"]["nodeSelector"]), TableText.age(object, context),
    ] + TableText.containers(object["spec"]["template"]["spec"]) + [TableText.selector(object["spec"]["selector"])]
  }
}
