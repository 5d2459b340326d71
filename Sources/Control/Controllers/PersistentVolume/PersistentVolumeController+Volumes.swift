// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CSI
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

extension PersistentVolumeController {
  /// The finalizer that keeps a volume until its driver has deleted it, upstream's.
  static let provisionerFinalizer: String = "external-provisioner.volume.kubernetes.io/finalizer"

  func reconcile(volume name: String) async throws {
    guard let volume: PersistentVolume = volumes.get(name: name) else { return }
    // A volume that is to go is still bound until its claim has gone.
    if volume.metadata.isBeingDeleted, volume.status.phase != "Bound" { return try await finalize(volume) }
    guard volume.spec.hasClaimRef else { return try await setPhase(volume, "Available") }
    let reference: ObjectReference = volume.spec.claimRef
    // Reserved by its maker for a claim that need not be there yet.
    guard !reference.uid.isEmpty else { return try await setPhase(volume, "Available") }
    if let claim: PersistentVolumeClaim = claims.get(namespace: reference.namespace, name: reference.name),
      claim.metadata.uid == reference.uid
    {
      if claim.spec.volumeName == volume.metadata.name { try await setPhase(volume, "Bound") }
      return
    }
    // The cache may only be behind: what follows cannot be taken back.
    do throws(KubeClientError) {
      let claim: PersistentVolumeClaim = try await client.get(
        PersistentVolumeClaim.self, namespace: reference.namespace, name: reference.name)
      if claim.metadata.uid == reference.uid { return volumeQueue.add(name, after: .milliseconds(100)) }
    } catch {
      guard error.isNotFound else { throw error }
    }
    try await setPhase(volume, "Released")
    guard volume.spec.persistentVolumeReclaimPolicy == "Delete", !volume.metadata.isBeingDeleted else { return }
    try await reclaim(volume)
  }

  private func setPhase(_ volume: PersistentVolume, _ phase: String) async throws {
    guard volume.status.phase != phase else { return }
    var changed: PersistentVolume = volume
    changed.status.phase = phase
    changed.status.message = ""
    changed.status.lastPhaseTransitionTime = .now
    volumes.remember(try await client.updateStatus(changed))
  }

  /// Deletes the volume's contents by its driver, and then the volume.
  private func reclaim(_ volume: PersistentVolume) async throws {
    let driver: String =
      volume.metadata.annotations[VolumeMatching.provisionedBy] ?? volume.spec.persistentVolumeSource.csi.driver
    guard !driver.isEmpty, await drivers.socket(of: driver) != nil else { return }
    do {
      try await deleteContents(volume, driver)
    } catch {
      var failed: PersistentVolume = volume
      failed.status.phase = "Failed"
      failed.status.message = "\(error)"
      recorder.record(volume, .warning, reason: "VolumeFailedDelete", message: "\(error)")
      if failed.status != volume.status { volumes.remember(try await client.updateStatus(failed)) }
      throw error
    }
    do throws(KubeClientError) {
      try await client.delete(PersistentVolume.self, name: volume.metadata.name)
    } catch {
      guard error.isNotFound else { throw error }
    }
  }

  private func deleteContents(_ volume: PersistentVolume, _ driver: String) async throws {
    var request: CSIDeleteVolumeRequest = CSIDeleteVolumeRequest()
    request.volumeID = volume.spec.persistentVolumeSource.csi.volumeHandle
    let given: CSIDeleteVolumeRequest = request
    _ = try await drivers.call(driver, "DeleteVolume") { controller, options in
      try await controller.deleteVolume(given, options: options)
    }
  }

  /// Lets a volume go whose deletion has begun.
  private func finalize(_ volume: PersistentVolume) async throws {
    guard volume.metadata.finalizers.contains(Self.provisionerFinalizer), volume.status.phase != "Bound" else { return }
    let driver: String = volume.spec.persistentVolumeSource.csi.driver
    guard await drivers.socket(of: driver) != nil else { return }
    if volume.spec.persistentVolumeReclaimPolicy == "Delete" { try await deleteContents(volume, driver) }
    var changed: PersistentVolume = volume
    changed.metadata.finalizers.removeAll { $0 == Self.provisionerFinalizer }
    do throws(KubeClientError) {
      try await client.update(changed)
    } catch {
      guard error.isNotFound else { throw error }
    }
  }

  // MARK: Expansion

  /// Makes a bound volume as large as its claim has come to ask for.
  func expand(_ claim: PersistentVolumeClaim, _ volume: PersistentVolume) async throws {
    let wanted: ResourceQuantity = VolumeMatching.request(claim)
    let driver: String = volume.spec.persistentVolumeSource.csi.driver
    let present: ResourceQuantity = claim.status.capacity["storage"].map { ResourceQuantity($0) } ?? .zero
    guard wanted > present, !driver.isEmpty, await drivers.socket(of: driver) != nil,
      classes.get(name: claim.spec.storageClassName)?.allowVolumeExpansion ?? false
    else { return }
    if VolumeMatching.capacity(volume) >= wanted { return }
    var request: CSIControllerExpandVolumeRequest = CSIControllerExpandVolumeRequest()
    request.volumeID = volume.spec.persistentVolumeSource.csi.volumeHandle
    request.capacityRange.requiredBytes = wanted.value
    request.volumeCapability = Self.capabilities(claim, fsType: volume.spec.persistentVolumeSource.csi.fsType)[0]
    let given: CSIControllerExpandVolumeRequest = request
    let answer: CSIControllerExpandVolumeResponse = try await drivers.call(driver, "ControllerExpandVolume") {
      controller, options in
      try await controller.controllerExpandVolume(given, options: options)
    }
    let size: Quantity = Quantity(ResourceQuantity(max(answer.capacityBytes, wanted.value), format: .binarySI))
    var larger: PersistentVolume = volume
    larger.spec.capacity["storage"] = size
    volumes.remember(try await client.update(larger))
    var changed: PersistentVolumeClaim = claim
    if answer.nodeExpansionRequired {
      var condition: PersistentVolumeClaimCondition = PersistentVolumeClaimCondition()
      condition.type = "FileSystemResizePending"
      condition.status = "True"
      condition.message = "Waiting for user to (re-)start a pod to finish file system resize of volume on node."
      condition.lastTransitionTime = .now
      changed.status.conditions = [condition]
    } else {
      changed.status.conditions = []
      changed.status.capacity["storage"] = size
      recorder.record(claim, .normal, reason: "VolumeResizeSuccessful", message: "Resize volume succeeded")
    }
    claims.remember(try await client.updateStatus(changed))
  }
}
