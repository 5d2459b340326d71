// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// CSINodes.
struct CSINodeStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(allowsUnconditionalUpdate: false, updateChecks: [.whole]) }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    StorageValidation.nodeErrors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    StorageValidation.nodeUpdateErrors(object, old: old)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [
      object["metadata"]["name"], JSONValue(object["spec"]["drivers"].items.count), TableText.age(object, context),
    ]
  }
}
