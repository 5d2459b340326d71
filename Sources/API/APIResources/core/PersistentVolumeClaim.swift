// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// PersistentVolumeClaims.
struct PersistentVolumeClaimStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(hasStatus: true, updateChecks: [.change, .whole]) }

  /// Defaults of a claim, also in a stateful set's template.
  static func setDefaults(_ claim: inout JSONValue) {
    if claim["status"]["phase"].plain.isEmpty { claim["status"]["phase"] = "Pending" }
    claim.fill("spec") { $0.setDefault("volumeMode", "Filesystem") }
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) { Self.setDefaults(&object) }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    object["status"] = ["phase": "Pending"]
    object.edit("spec", Self.unifySources)
  }

  /// The two ways to name a source are one where both can say it.
  private static func unifySources(_ spec: inout JSONValue) {
    // A source in another namespace is behind a feature gate that is off.
    if !spec["dataSourceRef"]["namespace"].plain.isEmpty { spec["dataSourceRef"] = .null }
    if !isKnownSource(spec["dataSource"]) { spec["dataSource"] = .null }
    let source: JSONValue = spec["dataSource"]
    let reference: JSONValue = spec["dataSourceRef"]
    if source.isThere, reference.isNull {
      spec["dataSourceRef"] = source
    } else if reference.isThere, source.isNull, reference["namespace"].plain.isEmpty {
      spec["dataSource"] = reference
    }
  }

  private static func isKnownSource(_ source: JSONValue) -> Bool {
    let kind: String = source["apiGroup"].plain.isEmpty ? "PersistentVolumeClaim" : "VolumeSnapshot"
    return ["", "snapshot.storage.k8s.io"].contains(source["apiGroup"].plain) && source["kind"].plain == kind
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    prepareCommonForUpdate(&object, old: old, context)
    if context.subresource == nil { object.edit("spec", Self.unifySources) }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    PersistentVolumeClaimValidation.specErrors(object["spec"], FieldPath("spec"))
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    if context.subresource == "status" { return PersistentVolumeClaimValidation.statusErrors(object, old: old) }
    return PersistentVolumeClaimValidation.updateErrors(object, old: old)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    guard context.subresource == nil else { return [] }
    let key: String = "volume.beta.kubernetes.io/storage-class"
    let path: FieldPath = FieldPath("metadata", "annotations").key(key)
    return
      (object["metadata"]["annotations"][key].isThere
      ? ["\(path): deprecated since v1.8; use \"storageClassName\" attribute instead"] : [])
      + PodWarnings.claimWarnings(object["spec"], FieldPath("spec"))
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    let status: JSONValue = object["status"]
    let isBound: Bool = !spec["volumeName"].plain.isEmpty
    let phase: String = object["metadata"]["deletionTimestamp"].isThere ? "Terminating" : status["phase"].plain
    let capacity: String = isBound ? (status["capacity"]["storage"].string ?? "0") : ""
    let annotation: String = object["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"].plain
    return [
      object["metadata"]["name"], .string(phase), .string(spec["volumeName"].plain), .string(capacity),
      isBound ? TableText.accessModes(status["accessModes"]) : "",
      .string(annotation.isEmpty ? spec["storageClassName"].plain : annotation),
      TableText.text(spec["volumeAttributesClassName"], or: "<unset>"), TableText.age(object, context),
      TableText.text(spec["volumeMode"], or: "<unset>"),
    ]
  }
}
