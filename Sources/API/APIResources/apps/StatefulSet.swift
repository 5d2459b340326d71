// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// StatefulSets.
struct StatefulSetStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(
      name: .label, generation: .of(["spec"]), hasStatus: true, template: ["spec", "template"], scale: ScalePaths())
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { spec in
      spec.setDefaultText("podManagementPolicy", "OrderedReady")
      if spec["updateStrategy"]["type"].plain.isEmpty {
        spec["updateStrategy"]["type"] = "RollingUpdate"
        spec["updateStrategy"]["rollingUpdate"].setDefault("partition", 0)
      }
      if spec["updateStrategy"]["type"].plain == "RollingUpdate", spec["updateStrategy"]["rollingUpdate"].isThere {
        spec["updateStrategy"]["rollingUpdate"].setDefault("partition", 0)
      }
      spec["persistentVolumeClaimRetentionPolicy"].setDefaultText("whenDeleted", "Retain")
      spec["persistentVolumeClaimRetentionPolicy"].setDefaultText("whenScaled", "Retain")
      spec.setDefault("replicas", 1)
      spec.setDefault("revisionHistoryLimit", 10)
      spec.editItems("volumeClaimTemplates") { claim in
        claim["apiVersion"] = "v1"
        claim["kind"] = "PersistentVolumeClaim"
        PersistentVolumeClaimStrategy.setDefaults(&claim)
      }
    }
    Workload.applyTemplateDefaults(&object)
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    prepareCommonForCreate(&object)
    Self.dropUnavailable(&object)
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    if old["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"].isNull { Self.dropUnavailable(&object) }
    prepareCommonForUpdate(&object, old: old, context)
  }

  /// maxUnavailable is behind a feature gate that is off (MaxUnavailableStatefulSet).
  private static func dropUnavailable(_ object: inout JSONValue) {
    guard object["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"].isThere else { return }
    object["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] = .null
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    StatefulSetValidation.specErrors(object["spec"], FieldPath("spec"))
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    if context.subresource == "status" { return StatefulSetValidation.statusErrors(object["status"]) }
    return StatefulSetValidation.updateErrors(object, old: old)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    guard context.subresource == nil else { return [] }
    var warnings: [String] = Workload.templateWarnings(object, old)
    let claims: FieldPath = FieldPath("spec", "volumeClaimTemplates")
    for (place, claim) in object["spec"]["volumeClaimTemplates"].items.enumerated() {
      // Upstream names the member differently in updates.
      warnings += PodWarnings.claimWarnings(
        claim["spec"], old == nil ? claims.index(place) : claims.index(place).child("Spec"))
    }
    if object["spec"]["revisionHistoryLimit"].int ?? 0 < 0 {
      warnings.append(
        "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended")
    }
    return warnings
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let ready: Int64 = object["status"]["readyReplicas"].int ?? 0
    return [
      object["metadata"]["name"], .string("\(ready)/\(object["spec"]["replicas"].int ?? 0)"),
      TableText.age(object, context),
    ] + TableText.containers(object["spec"]["template"]["spec"])
  }
}
