// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// CSIStorageCapacities.
struct CSIStorageCapacityStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(allowsUnconditionalUpdate: false, updateChecks: [.whole, .change]) }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    StorageValidation.capacityErrors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    // An update may change the figures, not what they are about.
    Checks.immutable(object["nodeTopology"], old["nodeTopology"], FieldPath("nodeTopology"))
      + Checks.immutable(object["storageClassName"], old["storageClassName"], FieldPath("storageClassName"))
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    let path: FieldPath = FieldPath("nodeTopology")
    let topology: JSONValue = object["nodeTopology"]
    return NodeLabels.warnings(expressions: topology["matchExpressions"], path.child("matchExpressions"))
      + NodeLabels.warnings(map: topology["matchLabels"]) { path.child("matchLabels", $0) }
  }
}
