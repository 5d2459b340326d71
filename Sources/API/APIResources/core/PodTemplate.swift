// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// PodTemplates.
struct PodTemplateStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(generation: .of(["template"]), template: ["template"]) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("template") { template in template.fill("spec") { PodDefaults.apply(&$0) } }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    PodTemplateValidation.errors(object["template"], FieldPath("template"))
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    Workload.templateWarnings(object, old, at: ["template"])
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"]] + TableText.containers(object["template"]["spec"])
      + [TableText.labels(object["template"]["metadata"]["labels"])]
  }
}
