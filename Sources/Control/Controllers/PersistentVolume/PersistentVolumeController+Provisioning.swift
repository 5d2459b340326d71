// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CSI
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues
import Logging

extension PersistentVolumeController {
  /// Parameters that are meant for the provisioner and not for the driver.
  private static let parameterPrefix: String = "csi.storage.k8s.io/"
  /// The finalizer of a claim for which a driver may have made a volume that no PersistentVolume tells of yet: whoever
  /// dies between the two, the claim remains and with it the knowledge. It goes when the claim is bound.
  static let provisioningFinalizer: String = "volume.apus.dev/provisioning"

  /// The name of the volume that is made for a claim.
  static func volumeName(_ claim: PersistentVolumeClaim) -> String { "pvc-\(claim.metadata.uid)" }

  /// Makes a volume for a claim by its class's driver, and binds it.
  func provision(_ claim: PersistentVolumeClaim, _ storageClass: StorageStorageClass) async throws {
    if let made: PersistentVolume = volumes.get(name: Self.volumeName(claim)) {
      return try await bind(claim, to: made)
    }
    recorder.record(
      claim, .normal, reason: "Provisioning",
      message: "External provisioner is provisioning volume for claim \"\(claim.key)\"")
    let made: PersistentVolume
    do {
      made = try await make(claim, storageClass)
    } catch {
      recorder.record(
        claim, .warning, reason: "ProvisioningFailed",
        message: "failed to provision volume with StorageClass \"\(storageClass.metadata.name)\": \(error)")
      throw error
    }
    recorder.record(
      claim, .normal, reason: "ProvisioningSucceeded",
      message: "Successfully provisioned volume \(made.metadata.name)")
    try await bind(claims.get(claim.key) ?? claim, to: made)
  }

  /// Has the driver make the volume, and records it. Asking again finds what is there already.
  private func make(
    _ claim: PersistentVolumeClaim, _ storageClass: StorageStorageClass
  ) async throws -> PersistentVolume {
    let name: String = Self.volumeName(claim)
    let request: CSICreateVolumeRequest = try self.request(claim, storageClass, name: name)
    let answer: CSICreateVolumeResponse = try await drivers.call(storageClass.provisioner, "CreateVolume") {
      controller, options in
      try await controller.createVolume(request, options: options)
    }
    do throws(KubeClientError) {
      return try await client.create(volume(answer.volume, claim, storageClass, name: name))
    } catch {
      guard error.isAlreadyExists else { throw error }
      return try await client.get(PersistentVolume.self, name: name)
    }
  }

  /// Lets a claim go whose deletion began while its volume was being made: the volume is recorded first, so that it is
  /// reclaimed like any other.
  func finish(_ claim: PersistentVolumeClaim) async throws {
    guard claim.metadata.finalizers.contains(Self.provisioningFinalizer) else { return }
    if claim.spec.volumeName.isEmpty, volumes.get(name: Self.volumeName(claim)) == nil,
      let storageClass: StorageStorageClass = classes.get(name: claim.spec.storageClassName)
    {
      do {
        _ = try await make(claim, storageClass)
      } catch let error as StorageDriverError where !error.isInDoubt {
        // The driver says that there is none, and that there will be none.
        context.logger.debug("no volume was made", metadata: ["claim": "\(claim.key)", "error": "\(error)"])
      }
    }
    var changed: PersistentVolumeClaim = claim
    changed.metadata.finalizers.removeAll { $0 == Self.provisioningFinalizer }
    do throws(KubeClientError) {
      _ = try await client.update(changed)
    } catch {
      guard error.isNotFound else { throw error }
    }
  }

  private func request(
    _ claim: PersistentVolumeClaim, _ storageClass: StorageStorageClass, name: String
  ) throws -> CSICreateVolumeRequest {
    var request: CSICreateVolumeRequest = CSICreateVolumeRequest()
    request.name = name
    request.capacityRange.requiredBytes = VolumeMatching.request(claim).value
    request.volumeCapabilities = Self.capabilities(
      claim, fsType: storageClass.parameters["csi.storage.k8s.io/fstype"] ?? "", mountFlags: storageClass.mountOptions)
    request.parameters = storageClass.parameters.filter { !$0.key.hasPrefix(Self.parameterPrefix) }
    if claim.spec.hasDataSource, claim.spec.dataSource.kind == "PersistentVolumeClaim",
      let source: PersistentVolumeClaim = claims.get(
        namespace: claim.metadata.namespace, name: claim.spec.dataSource.name),
      let origin: PersistentVolume = volumes.get(name: source.spec.volumeName)
    {
      request.volumeContentSource.volume.volumeID = origin.spec.persistentVolumeSource.csi.volumeHandle
    }
    let topologies: [CSITopology] = topology(claim, storageClass)
    if !topologies.isEmpty {
      request.accessibilityRequirements.requisite = topologies
      request.accessibilityRequirements.preferred = topologies
    }
    return request
  }

  /// What the claim wants to do with the volume, one capability for each access mode.
  static func capabilities(
    _ claim: PersistentVolumeClaim, fsType: String, mountFlags: [String] = []
  ) -> [CSIVolumeCapability] {
    let modes: [String] = claim.spec.accessModes.isEmpty ? ["ReadWriteOnce"] : claim.spec.accessModes
    return modes.map { mode in
      var capability: CSIVolumeCapability = CSIVolumeCapability()
      if claim.spec.volumeMode == "Block" {
        capability.block = CSIVolumeCapability.BlockVolume()
      } else {
        capability.mount.fsType = fsType
        capability.mount.mountFlags = mountFlags
      }
      switch mode {
      case "ReadWriteMany": capability.accessMode.mode = .multiNodeMultiWriter
      case "ReadOnlyMany": capability.accessMode.mode = .multiNodeReaderOnly
      case "ReadWriteOncePod": capability.accessMode.mode = .singleNodeSingleWriter
      default: capability.accessMode.mode = .singleNodeWriter
      }
      return capability
    }
  }

  /// Where the volume must be reachable: from the node that the scheduler chose, or from any of the driver's.
  private func topology(_ claim: PersistentVolumeClaim, _ storageClass: StorageStorageClass) -> [CSITopology] {
    let selected: String? = claim.metadata.annotations[VolumeMatching.selectedNode]
    var result: [CSITopology] = []
    for csiNode: StorageCSINode in csiNodes.list().sorted(by: { $0.metadata.name < $1.metadata.name }) {
      guard selected == nil || selected == csiNode.metadata.name,
        let driver: StorageCSINodeDriver = csiNode.spec.drivers.first(where: { $0.name == storageClass.provisioner }),
        let labels: [String: String] = nodes.get(name: csiNode.metadata.name)?.metadata.labels
      else { continue }
      var topology: CSITopology = CSITopology()
      for key: String in driver.topologyKeys { topology.segments[key] = labels[key] }
      if !topology.segments.isEmpty, !result.contains(topology) { result.append(topology) }
    }
    return result
  }

  private func volume(
    _ made: CSIVolume, _ claim: PersistentVolumeClaim, _ storageClass: StorageStorageClass, name: String
  ) -> PersistentVolume {
    var volume: PersistentVolume = PersistentVolume()
    volume.metadata.name = name
    volume.metadata.annotations[VolumeMatching.provisionedBy] = storageClass.provisioner
    volume.metadata.finalizers = [Self.provisionerFinalizer]
    let bytes: Int64 = made.capacityBytes > 0 ? made.capacityBytes : VolumeMatching.request(claim).value
    volume.spec.capacity["storage"] = Quantity(ResourceQuantity(bytes, format: .binarySI))
    volume.spec.accessModes = claim.spec.accessModes
    volume.spec.claimRef = claim.reference()
    volume.spec.persistentVolumeReclaimPolicy =
      storageClass.reclaimPolicy.isEmpty ? "Delete" : storageClass.reclaimPolicy
    volume.spec.storageClassName = storageClass.metadata.name
    volume.spec.mountOptions = storageClass.mountOptions
    volume.spec.volumeMode = claim.spec.volumeMode.isEmpty ? "Filesystem" : claim.spec.volumeMode
    volume.spec.persistentVolumeSource.csi.driver = storageClass.provisioner
    volume.spec.persistentVolumeSource.csi.volumeHandle = made.volumeID
    volume.spec.persistentVolumeSource.csi.volumeAttributes = made.volumeContext
    if let type: String = storageClass.parameters["csi.storage.k8s.io/fstype"] {
      volume.spec.persistentVolumeSource.csi.fsType = type
    }
    let terms: [NodeSelectorTerm] = made.accessibleTopology.map { topology in
      var term: NodeSelectorTerm = NodeSelectorTerm()
      term.matchExpressions = topology.segments.sorted { $0.key < $1.key }.map { key, value in
        var requirement: NodeSelectorRequirement = NodeSelectorRequirement()
        requirement.key = key
        requirement.operator = "In"
        requirement.values = [value]
        return requirement
      }
      return term
    }
    if !terms.isEmpty { volume.spec.nodeAffinity.required.nodeSelectorTerms = terms }
    return volume
  }
}
