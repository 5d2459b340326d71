// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// FlowSchemas.
struct FlowSchemaStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(generation: .of(["spec"]), hasStatus: true, statusMetadata: .kept, updateChecks: [.whole], statusChecks: [])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    if object["spec"]["matchingPrecedence"].int ?? 0 == 0 { object["spec"]["matchingPrecedence"] = 1000 }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    FlowControlValidation.schemaErrors(object)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    let dangling: JSONValue? = object["status"]["conditions"].items.first { $0["type"].plain == "Dangling" }
    return [
      object["metadata"]["name"], spec["priorityLevelConfiguration"]["name"],
      TableText.number(spec["matchingPrecedence"]),
      TableText.text(spec["distinguisherMethod"]["type"], or: "<none>"), TableText.age(object, context),
      dangling?["status"] ?? "?",
    ]
  }
}

/// PriorityLevelConfigurations.
struct PriorityLevelConfigurationStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(generation: .of(["spec"]), hasStatus: true, statusMetadata: .kept, updateChecks: [.whole], statusChecks: [])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { spec in
      spec.edit("limited") { limited in
        limited.setDefault("nominalConcurrencyShares", 30)
        limited.setDefault("lendablePercent", 0)
        limited["limitResponse"].edit("queuing") { queuing in
          for (key, value) in [("queues", 64), ("handSize", 8), ("queueLengthLimit", 50)]
          where queuing[key].int ?? 0 == 0 {
            queuing[key] = .int(Int64(value))
          }
        }
      }
      spec.edit("exempt") { exempt in
        exempt.setDefault("nominalConcurrencyShares", 0)
        exempt.setDefault("lendablePercent", 0)
      }
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    FlowControlValidation.levelErrors(object)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let limited: JSONValue = object["spec"]["limited"]
    let queuing: JSONValue = limited["limitResponse"]["queuing"]
    func number(_ value: JSONValue) -> JSONValue { value.int.map { .int($0) } ?? "<none>" }
    return [
      object["metadata"]["name"], object["spec"]["type"], number(limited["nominalConcurrencyShares"]),
      number(queuing["queues"]), number(queuing["handSize"]), number(queuing["queueLengthLimit"]),
      TableText.age(object, context),
    ]
  }
}
