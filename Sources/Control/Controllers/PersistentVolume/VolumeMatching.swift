// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta
import KubeValues

/// Which volume suits a claim. Pure.
enum VolumeMatching {
  static let bindCompleted: String = "pv.kubernetes.io/bind-completed"
  static let boundByController: String = "pv.kubernetes.io/bound-by-controller"
  static let provisionedBy: String = "pv.kubernetes.io/provisioned-by"
  static let selectedNode: String = "volume.kubernetes.io/selected-node"
  static let storageProvisioner: String = "volume.kubernetes.io/storage-provisioner"

  static func capacity(_ volume: PersistentVolume) -> ResourceQuantity {
    volume.spec.capacity["storage"].map { ResourceQuantity($0) } ?? .zero
  }

  static func request(_ claim: PersistentVolumeClaim) -> ResourceQuantity {
    claim.spec.resources.requests["storage"].map { ResourceQuantity($0) } ?? .zero
  }

  /// Whether the volume is meant for the claim.
  static func isReserved(_ volume: PersistentVolume, for claim: PersistentVolumeClaim) -> Bool {
    guard volume.spec.hasClaimRef else { return false }
    let reference: ObjectReference = volume.spec.claimRef
    return reference.namespace == claim.metadata.namespace && reference.name == claim.metadata.name
      && (reference.uid.isEmpty || reference.uid == claim.metadata.uid)
  }

  /// The volume for a claim: one that is reserved for it, else the smallest free one that suits.
  static func find(for claim: PersistentVolumeClaim, in volumes: [PersistentVolume]) -> PersistentVolume? {
    let suiting: [PersistentVolume] = volumes.filter { suits($0, claim) }
    if let reserved: PersistentVolume = suiting.first(where: { isReserved($0, for: claim) }) { return reserved }
    return suiting.filter { !$0.spec.hasClaimRef && $0.status.phase == "Available" }.min { capacity($0) < capacity($1) }
  }

  private static func suits(_ volume: PersistentVolume, _ claim: PersistentVolumeClaim) -> Bool {
    func mode(_ text: String) -> String { text.isEmpty ? "Filesystem" : text }
    guard !volume.metadata.isBeingDeleted, volume.spec.storageClassName == claim.spec.storageClassName,
      mode(volume.spec.volumeMode) == mode(claim.spec.volumeMode),
      Set(claim.spec.accessModes).isSubset(of: volume.spec.accessModes), capacity(volume) >= request(claim)
    else { return false }
    return !claim.spec.hasSelector || LabelSelector(claim.spec.selector).matches(volume.metadata.labels)
  }
}
