// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// DeviceClasses.
struct DeviceClassStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(generation: .of(["spec"]), updateChecks: [.whole, .change]) }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    DeviceValidation.classErrors(object)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"], TableText.age(object, context)]
  }
}

/// ResourceClaims.
struct ResourceClaimStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(hasStatus: true, statusMetadata: .kept, updateChecks: [.whole, .change]) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.edit("spec", DeviceDefaults.claim)
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    DeviceValidation.claimSpecErrors(object["spec"], FieldPath("spec"))
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    guard context.subresource == nil else { return [] }
    return GoForm.immutable(object["spec"], old["spec"], FieldPath("spec"), "@resource.ResourceClaimSpec")
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    var states: [String] = []
    if object["metadata"]["deletionTimestamp"].isThere { states.append("deleted") }
    if object["status"]["allocation"].isNull {
      if states.isEmpty { states.append("pending") }
    } else {
      states.append("allocated")
      states.append(object["status"]["reservedFor"].isVoid ? "" : "reserved")
    }
    return [
      object["metadata"]["name"], .string(states.filter { !$0.isEmpty }.joined(separator: ",")),
      TableText.age(object, context),
    ]
  }
}

/// ResourceClaimTemplates.
struct ResourceClaimTemplateStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(updateChecks: [.whole, .change]) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { $0.edit("spec", DeviceDefaults.claim) }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    VolumeRules.claimMetadataErrors(object["spec"]["metadata"], FieldPath("spec", "metadata"))
      + DeviceValidation.claimSpecErrors(object["spec"]["spec"], FieldPath("spec", "spec"))
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    validateContent(object, context)
      + GoForm.immutable(object["spec"], old["spec"], FieldPath("spec"), "@resource.ResourceClaimTemplateSpec")
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"], TableText.age(object, context)]
  }
}

/// ResourceSlices.
struct ResourceSliceStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(
      generation: .of(["spec"]),
      selectableFields: [SelectableField("spec.nodeName"), SelectableField("spec.driver")])
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    ResourceSliceValidation.errors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    ResourceSliceValidation.errors(object, old: old)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    let driver: String = object["spec"]["driver"].plain
    return driver == driver.lowercased()
      ? [] : ["spec.driver: driver names should be lowercase; \(driver.goQuoted) contains uppercase characters"]
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    return [
      object["metadata"]["name"], .string(spec["nodeName"].plain), spec["driver"], .string(spec["pool"]["name"].plain),
      TableText.age(object, context),
    ]
  }
}

/// Defaults of claims, alone or in templates.
enum DeviceDefaults {
  static func claim(_ spec: inout JSONValue) {
    spec.edit("devices") { devices in
      devices.editItems("requests") { request in
        request.edit("exactly", exact)
        request.editItems("firstAvailable", exact)
      }
    }
  }

  private static func exact(_ request: inout JSONValue) {
    request.setDefaultText("allocationMode", "ExactCount")
    if request["allocationMode"].plain == "ExactCount", request["count"].int ?? 0 == 0 { request["count"] = 1 }
    request.editItems("tolerations") { $0.setDefaultText("operator", "Equal") }
  }
}
