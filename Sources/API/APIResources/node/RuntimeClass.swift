// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// RuntimeClasses.
struct RuntimeClassStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(name: .subdomainGeneric, allowsCreateOnUpdate: true, allowsUnconditionalUpdate: false, updateChecks: [.whole, .change]) }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    var errors: [FieldError] =
      object["handler"].plain.isEmpty
      ? [.required(FieldPath("handler"))] : Checks.text(object["handler"], FieldPath("handler"), Names.label)
    let overhead: JSONValue = object["overhead"]["podFixed"]
    if object["overhead"].isThere {
      errors += ResourceRules.overhead(overhead, FieldPath("overhead"))
    }
    let scheduling: JSONValue = object["scheduling"]
    if scheduling.isThere {
      errors += Checks.labels(scheduling["nodeSelector"], FieldPath("scheduling", "nodeSelector"))
      errors += TolerationRules.errors(scheduling["tolerations"], FieldPath("scheduling", "tolerations"))
      var seen: Set<JSONValue> = []
      for (place, toleration) in scheduling["tolerations"].items.enumerated() where !seen.insert(toleration).inserted {
        let shown: JSONValue = [
          "Key": .string(toleration["key"].plain), "Operator": .string(toleration["operator"].plain),
          "Value": .string(toleration["value"].plain), "Effect": .string(toleration["effect"].plain),
          "TolerationSeconds": toleration["tolerationSeconds"],
        ]
        errors.append(.duplicate(FieldPath("scheduling", "tolerations").index(place), shown))
      }
    }
    return errors
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    Checks.immutable(object["handler"], old["handler"], FieldPath("handler"))
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    NodeLabels.warnings(map: object["scheduling"]["nodeSelector"]) { _ in FieldPath("scheduling", "nodeSelector") }
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"], object["handler"], TableText.age(object, context)]
  }
}
