// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// CSIDrivers.
struct CSIDriverStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(allowsUnconditionalUpdate: false) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object["spec"].setDefault("attachRequired", true)
    object["spec"].setDefault("podInfoOnMount", false)
    object["spec"].setDefault("storageCapacity", false)
    object["spec"].setDefault("fsGroupPolicy", "ReadWriteOnceWithFSType")
    if object["spec"]["volumeLifecycleModes"].isVoid { object["spec"]["volumeLifecycleModes"] = ["Persistent"] }
    object["spec"].setDefault("requiresRepublish", false)
    object["spec"].setDefault("seLinuxMount", false)
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    prepareCommonForCreate(&object)
    // Behind a gate that is off (VolumeLimitScaling).
    object["spec"]["preventPodSchedulingIfMissing"] = .null
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    object["metadata"]["generation"] = old["metadata"]["generation"]
    if object["spec"] != old["spec"] { object["metadata"]["generation"] = .int((old["metadata"]["generation"].int ?? 0) + 1) }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    StorageValidation.driverErrors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    StorageValidation.driverErrors(object)
      + ["attachRequired", "podInfoOnMount", "volumeLifecycleModes"].flatMap { key in
        key == "podInfoOnMount"
          ? []
          : Checks.immutable(
            object["spec"][key], old["spec"][key],
            FieldPath("spec").child(key == "attachRequired" ? "attachedRequired" : key))
      }
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    let spec: JSONValue = object["spec"]
    guard !spec["tokenRequests"].isVoid, old?["spec"]["tokenRequests"] != spec["tokenRequests"],
      spec["serviceAccountTokenInSecrets"].isNull
    else { return [] }
    return [
      "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible "
        + "logging of tokens in volume attributes"
    ]
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    let audiences: String = spec["tokenRequests"].items.map { $0["audience"].plain }.joined(separator: ",")
    let modes: String = spec["volumeLifecycleModes"].strings.joined(separator: ",")
    return [
      object["metadata"]["name"], .bool(spec["attachRequired"].bool ?? true),
      .bool(spec["podInfoOnMount"].bool ?? false), .bool(spec["storageCapacity"].bool ?? false),
      .string(spec["tokenRequests"].isVoid ? "<unset>" : audiences), .bool(spec["requiresRepublish"].bool ?? false),
      .string(modes.isEmpty ? "<none>" : modes), TableText.age(object, context),
    ]
  }
}
