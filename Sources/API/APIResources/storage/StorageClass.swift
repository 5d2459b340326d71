// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// StorageClasses.
struct StorageClassStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(updateChecks: [.whole, .change]) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.setDefault("reclaimPolicy", "Delete")
    object.setDefault("volumeBindingMode", "Immediate")
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    StorageValidation.storageClassErrors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    StorageValidation.storageClassErrors(object) + StorageValidation.storageClassUpdateErrors(object, old: old)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    object["allowedTopologies"].items.enumerated().flatMap { place, term in
      term["matchLabelExpressions"].items.enumerated().compactMap { index, expression in
        let path: FieldPath = FieldPath("allowedTopologies").index(place).child("matchLabelExpressions").index(index)
        return NodeLabels.advice(expression["key"].plain).map { "\(path.child("key")): \($0)" }
      }
    }
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let annotations: JSONValue = object["metadata"]["annotations"]
    let isDefault: Bool = ["storageclass", "storageclass.beta"].contains {
      annotations[$0 + ".kubernetes.io/is-default-class"].plain == "true"
    }
    let name: String = object["metadata"]["name"].plain
    return [
      .string(isDefault ? name + " (default)" : name), object["provisioner"],
      TableText.text(object["reclaimPolicy"], or: "Delete"),
      TableText.text(object["volumeBindingMode"], or: "Immediate"),
      .bool(object["allowVolumeExpansion"].bool ?? false), TableText.age(object, context),
    ]
  }
}
