// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// VolumeAttributesClasses.
struct VolumeAttributesClassStrategy: ResourceStrategy {
  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    StorageValidation.attributesClassErrors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    StorageValidation.attributesClassErrors(object)
      + (object["driverName"] == old["driverName"]
        ? [] : [.forbidden(FieldPath("driverName"), "updates to driverName are forbidden.")])
      + (object["parameters"] == old["parameters"]
        ? [] : [.forbidden(FieldPath("parameters"), "updates to parameters are forbidden.")])
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let isDefault: Bool =
      object["metadata"]["annotations"]["volumeattributesclass.kubernetes.io/is-default-class"].plain == "true"
    let name: String = object["metadata"]["name"].plain
    return [.string(isDefault ? name + " (default)" : name), object["driverName"], TableText.age(object, context)]
  }
}
