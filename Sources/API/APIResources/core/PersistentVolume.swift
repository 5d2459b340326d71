// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// PersistentVolumes.
struct PersistentVolumeStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(hasStatus: true, updateChecks: [.whole]) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    if object["status"]["phase"].plain.isEmpty { object["status"]["phase"] = "Pending" }
    object.fill("spec") { spec in
      spec.setDefaultText("persistentVolumeReclaimPolicy", "Retain")
      spec.setDefault("volumeMode", "Filesystem")
      spec.edit("hostPath") { $0.setDefault("type", "") }
      spec.edit("iscsi") { $0.setDefaultText("iscsiInterface", "default") }
      spec.edit("azureDisk") { disk in
        disk.setDefault("cachingMode", "ReadWrite")
        disk.setDefault("kind", "Shared")
        disk.setDefault("fsType", "ext4")
        disk.setDefault("readOnly", false)
      }
      spec.edit("rbd") { rbd in
        rbd.setDefaultText("pool", "rbd")
        rbd.setDefaultText("user", "admin")
        rbd.setDefaultText("keyring", "/etc/ceph/keyring")
      }
    }
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    object["status"] = ["phase": "Pending", "lastPhaseTransitionTime": .string(context.now)]
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    prepareCommonForUpdate(&object, old: old, context)
    guard context.subresource == "status", object["status"]["phase"] != old["status"]["phase"],
      object["status"]["lastPhaseTransitionTime"] == old["status"]["lastPhaseTransitionTime"]
    else { return }
    object["status"]["lastPhaseTransitionTime"] = .string(context.now)
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    PersistentVolumeValidation.errors(object) + Self.mountErrors(object)
  }

  /// Volumes that can be mounted with options of their annotation.
  private static let mountable: [String] = [
    "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "nfs", "rbd", "quobyte", "iscsi", "cinder", "cephfs",
    "azureFile", "vsphereVolume", "azureDisk", "photonPersistentDisk",
  ]

  private static func mountErrors(_ object: JSONValue) -> [FieldError] {
    let key: String = "volume.beta.kubernetes.io/mount-options"
    guard object["metadata"]["annotations"][key].isThere, !mountable.contains(where: { object["spec"][$0].isThere })
    else { return [] }
    return [
      .forbidden(FieldPath("metadata", "annotations", key), "may not specify mount options for this volume type")
    ]
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    // What is wrong with the object itself is told twice, as upstream does.
    context.subresource == "status"
      ? []
      : PersistentVolumeValidation.errors(object) + Self.mountErrors(object)
        + PersistentVolumeValidation.updateErrors(object, old: old)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    guard context.subresource == nil else { return [] }
    let spec: JSONValue = object["spec"]
    let path: FieldPath = FieldPath("metadata", "annotations")
    var warnings: [String] = [
      ("volume.beta.kubernetes.io/storage-class", "v1.8; use \"storageClassName\""),
      ("volume.beta.kubernetes.io/mount-options", "v1.31; use \"mountOptions\""),
    ].compactMap { key, advice in
      object["metadata"]["annotations"][key].isNull
        ? nil : "\(path.key(key)): deprecated since \(advice) attribute instead"
    }
    if spec["persistentVolumeReclaimPolicy"].plain == "Recycle" {
      warnings.append(
        "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended "
          + "approach is to use dynamic provisioning.")
    }
    warnings += NodeLabels.warnings(
      terms: spec["nodeAffinity"]["required"]["nodeSelectorTerms"],
      FieldPath("spec", "nodeAffinity", "required", "nodeSelectorTerms"))
    for kind: String in ["cephfs", "photonPersistentDisk", "scaleIO", "storageos", "glusterfs", "rbd"]
    where spec[kind].isThere {
      for old in PodWarnings.oldVolumes where old.kind == kind {
        warnings.append("\(FieldPath("spec", old.shown)): deprecated in \(old.since)")
      }
    }
    return warnings
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    let claim: JSONValue = spec["claimRef"]
    let phase: String =
      object["metadata"]["deletionTimestamp"].isThere
      ? "Terminating" : object["status"]["phase"].plain
    let annotation: String = object["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"].plain
    return [
      object["metadata"]["name"], .string(spec["capacity"]["storage"].plain),
      TableText.accessModes(spec["accessModes"]), .string(spec["persistentVolumeReclaimPolicy"].plain),
      .string(phase), .string(claim.isNull ? "" : "\(claim["namespace"].plain)/\(claim["name"].plain)"),
      .string(annotation.isEmpty ? spec["storageClassName"].plain : annotation),
      TableText.text(spec["volumeAttributesClassName"], or: "<unset>"), .string(object["status"]["reason"].plain),
      TableText.age(object, context), TableText.text(spec["volumeMode"], or: "<unset>"),
    ]
  }
}
