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
