// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// LimitRanges.
struct LimitRangeStrategy: ResourceStrategy {
  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { spec in
      spec.editItems("limits") { item in
        guard item["type"].plain == "Container" else { return }
        for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
          for (name, value) in item[from].object ?? JSONObject() where item[to][name].isNull {
            item[to][name] = value
          }
        }
      }
    }
  }

  var traits: StrategyTraits { StrategyTraits(allowsCreateOnUpdate: true, updateChecks: [.whole]) }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    prepareCommonForCreate(&object)
    if object["metadata"]["name"].plain.isEmpty { object["metadata"]["name"] = .string(UniqueName.make()) }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    LimitRangeValidation.errors(object)
  }
}
