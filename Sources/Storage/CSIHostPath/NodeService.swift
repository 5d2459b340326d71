// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CSI
internal import GRPCCore
internal import Glibc
internal import Kernel

/// CSI Node: volumes appear where a kubelet wants them.
///
/// What is published is what the kernel's mount table says, so nothing is remembered that could be wrong
/// after a crash.
struct NodeService: CSINode.SimpleServiceProtocol {
  let configuration: CSIHostPathConfiguration
  let store: VolumeStore

  func nodeGetCapabilities(
    request: CSINodeGetCapabilitiesRequest, context: ServerContext
  ) async throws -> CSINodeGetCapabilitiesResponse {
    let types: [CSINodeServiceCapability.RPC.TypeEnum] = [
      .getVolumeStats, .expandVolume, .volumeCondition, .singleNodeMultiWriter,
    ]
    var response: CSINodeGetCapabilitiesResponse = CSINodeGetCapabilitiesResponse()
    response.capabilities = types.map { type in
      var capability: CSINodeServiceCapability = CSINodeServiceCapability()
      capability.rpc.type = type
      return capability
    }
    return response
  }

  func nodeGetInfo(request: CSINodeGetInfoRequest, context: ServerContext) async throws -> CSINodeGetInfoResponse {
    var response: CSINodeGetInfoResponse = CSINodeGetInfoResponse()
    response.nodeID = configuration.nodeID
    response.accessibleTopology.segments = [configuration.topologyKey: configuration.nodeID]
    return response
  }

  func nodeStageVolume(
    request: CSINodeStageVolumeRequest, context: ServerContext
  ) async throws -> CSINodeStageVolumeResponse {
    throw CSIHostPathError(.unimplemented, "volumes of this driver need no staging")
  }

  func nodeUnstageVolume(
    request: CSINodeUnstageVolumeRequest, context: ServerContext
  ) async throws -> CSINodeUnstageVolumeResponse {
    throw CSIHostPathError(.unimplemented, "volumes of this driver need no staging")
  }

  func nodePublishVolume(
    request: CSINodePublishVolumeRequest, context: ServerContext
  ) async throws -> CSINodePublishVolumeResponse {
    guard !request.volumeID.isEmpty else { throw CSIHostPathError.invalid("volume ID missing in request") }
    guard !request.targetPath.isEmpty else { throw CSIHostPathError.invalid("target path missing in request") }
    guard request.hasVolumeCapability else { throw CSIHostPathError.invalid("volume capability missing in request") }
    let access: VolumeRecord.Access = try VolumeCapabilities.access([request.volumeCapability])
    try await store.exclusively("volume \(request.volumeID)") {
      let volume: VolumeRecord = try await volume(request)
      guard volume.access == access else {
        throw CSIHostPathError.invalid(
          "volume \(volume.id) is a \(volume.access.rawValue) volume, not a \(access.rawValue) volume")
      }
      guard try !Mounts.all().contains(where: { $0.target == request.targetPath }) else { return }
      if request.volumeCapability.accessMode.mode == .singleNodeSingleWriter, try store.isInUse(volume) {
        throw CSIHostPathError(
          .failedPrecondition, "volume \(volume.id) has its single writer already, at another path")
      }
      try publish(volume, request)
    }
    return CSINodePublishVolumeResponse()
  }

  /// The volume to publish; an ephemeral one is made here.
  private func volume(_ request: CSINodePublishVolumeRequest) async throws -> VolumeRecord {
    if let volume: VolumeRecord = await store.volumes[request.volumeID] { return volume }
    guard request.volumeContext["csi.storage.k8s.io/ephemeral"] == "true", !request.volumeID.contains("/") else {
      throw CSIHostPathError.noVolume(request.volumeID)
    }
    var volume: VolumeRecord = VolumeRecord(
      id: request.volumeID, name: "ephemeral-\(request.volumeID)",
      capacityBytes: request.volumeContext["size"].flatMap { Int64($0) } ?? ControllerService.capacityDefault,
      access: .mount)
    volume.isEphemeral = true
    try await store.create(volume, from: nil)
    return volume
  }

  private func publish(_ volume: VolumeRecord, _ request: CSINodePublishVolumeRequest) throws {
    let target: String = request.targetPath
    let source: String
    switch volume.access {
    case .mount:
      try Files.makeDirectories(target, mode: 0o750)
      source = store.data(volume)
    case .block:
      if !Files.exists(target) {
        try Files.makeDirectories(Files.parent(of: target) ?? "/", mode: 0o750)
        try Files.write(target, [])
      }
      source = try LoopDevices.attach(store.data(volume))
    }
    try Mounts.mount(source, on: target, flags: .bind)
    Failpoints.reach("NodePublishVolume.mounted")
    let options: [String] = request.volumeCapability.mount.mountFlags + (request.readonly ? ["ro"] : [])
    do {
      let flags: MountFlags = try options.reduce(into: MountFlags()) { flags, option in
        flags.formUnion(try Self.flag(option))
      }
      if !flags.isEmpty { try Mounts.mount("", on: target, flags: [.bind, .remount, flags]) }
    } catch {
      // The refusal is what the caller must see.
      try? Mounts.unmount(target)
      throw error
    }
  }

  private static func flag(_ option: String) throws -> MountFlags {
    switch option {
    case "ro": .readOnly
    case "rw", "defaults", "relatime", "bind": []
    case "nosuid": .noSetUID
    case "nodev": .noDevices
    case "noexec": .noExecute
    case "noatime": .noAccessTime
    case "nodiratime": .noDirectoryAccessTime
    default: throw CSIHostPathError.invalid("unknown mount flag \(option)")
    }
  }

  func nodeUnpublishVolume(
    request: CSINodeUnpublishVolumeRequest, context: ServerContext
  ) async throws -> CSINodeUnpublishVolumeResponse {
    guard !request.volumeID.isEmpty else { throw CSIHostPathError.invalid("volume ID missing in request") }
    guard !request.targetPath.isEmpty else { throw CSIHostPathError.invalid("target path missing in request") }
    try await store.exclusively("volume \(request.volumeID)") {
      while try Mounts.all().contains(where: { $0.target == request.targetPath }) {
        try Mounts.unmount(request.targetPath)
      }
      Failpoints.reach("NodeUnpublishVolume.unmounted")
      try removeTarget(request.targetPath)
      guard let volume: VolumeRecord = await store.volumes[request.volumeID] else { return }
      let isInUse: Bool = try store.isInUse(volume)
      if volume.access == .block, !isInUse { try LoopDevices.detach(store.data(volume)) }
      if volume.isEphemeral, !isInUse { try await store.delete(volume.id) }
    }
    return CSINodeUnpublishVolumeResponse()
  }

  /// The target was made by us; a directory with something in it is not removed.
  private func removeTarget(_ path: String) throws {
    guard Files.exists(path) else { return }
    if try Files.status(path, followLinks: false).isDirectory {
      try Files.removeDirectory(path)
    } else {
      try Files.remove(path)
    }
  }

  func nodeGetVolumeStats(
    request: CSINodeGetVolumeStatsRequest, context: ServerContext
  ) async throws -> CSINodeGetVolumeStatsResponse {
    guard !request.volumeID.isEmpty else { throw CSIHostPathError.invalid("volume ID missing in request") }
    guard !request.volumePath.isEmpty else { throw CSIHostPathError.invalid("volume path missing in request") }
    guard let volume: VolumeRecord = await store.volumes[request.volumeID] else {
      throw CSIHostPathError.noVolume(request.volumeID)
    }
    guard Files.exists(request.volumePath) else {
      throw CSIHostPathError(.notFound, "volume path \(request.volumePath) does not exist")
    }
    var response: CSINodeGetVolumeStatsResponse = CSINodeGetVolumeStatsResponse()
    response.volumeCondition = VolumeHealth.condition(volume, store)
    guard !response.volumeCondition.abnormal else { return response }
    var bytes: CSIVolumeUsage = CSIVolumeUsage()
    bytes.unit = .bytes
    bytes.total = volume.capacityBytes
    if volume.access == .mount {
      let occupied: (bytes: Int64, inodes: Int64) = try await store.occupied(volume)
      let whole: Files.FileSystemUsage = try Files.usage(of: store.data(volume))
      bytes.used = occupied.bytes
      bytes.available = max(0, min(volume.capacityBytes - occupied.bytes, Int64(clamping: whole.availableBytes)))
      var inodes: CSIVolumeUsage = CSIVolumeUsage()
      inodes.unit = .inodes
      inodes.used = occupied.inodes
      inodes.available = Int64(clamping: whole.freeInodes)
      inodes.total = inodes.used + inodes.available
      response.usage = [bytes, inodes]
      if occupied.bytes > volume.capacityBytes {
        response.volumeCondition.abnormal = true
        response.volumeCondition.message = "the volume holds \(occupied.bytes) bytes, more than its capacity"
      }
    } else {
      response.usage = [bytes]
    }
    return response
  }

  func nodeExpandVolume(
    request: CSINodeExpandVolumeRequest, context: ServerContext
  ) async throws -> CSINodeExpandVolumeResponse {
    guard !request.volumeID.isEmpty else { throw CSIHostPathError.invalid("volume ID missing in request") }
    guard !request.volumePath.isEmpty else { throw CSIHostPathError.invalid("volume path missing in request") }
    guard let volume: VolumeRecord = await store.volumes[request.volumeID] else {
      throw CSIHostPathError.noVolume(request.volumeID)
    }
    guard Files.exists(request.volumePath) else {
      throw CSIHostPathError(.notFound, "volume path \(request.volumePath) does not exist")
    }
    guard request.capacityRange.requiredBytes <= configuration.volumeBytesMax else {
      throw CSIHostPathError(.outOfRange, "requested capacity exceeds maximum allowed \(configuration.volumeBytesMax)")
    }
    if volume.access == .block { try LoopDevices.grow(store.data(volume)) }
    var response: CSINodeExpandVolumeResponse = CSINodeExpandVolumeResponse()
    response.capacityBytes = volume.capacityBytes
    return response
  }
}
