// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CSI
internal import GRPCCore
internal import Glibc
internal import SwiftOverlayShims
internal import SwiftProtobuf

extension SnapshotRecord {
  /// The snapshot as CSI speaks of it.
  var csi: CSISnapshot {
    var result: CSISnapshot = CSISnapshot()
    result.snapshotID = id
    result.sourceVolumeID = volumeID
    result.sizeBytes = sizeBytes
    result.creationTime.seconds = seconds
    result.creationTime.nanos = Int32(clamping: nanoseconds)
    result.readyToUse = true
    result.groupSnapshotID = groupID
    return result
  }

  /// A snapshot of a volume, taken now.
  static func now(name: String, of volume: VolumeRecord) -> SnapshotRecord {
    var time: timespec = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return SnapshotRecord(
      id: ControllerService.newID(), name: name, volume: volume, seconds: Int64(time.tv_sec),
      nanoseconds: Int64(time.tv_nsec))
  }
}

extension ControllerService {
  func createSnapshot(
    request: CSICreateSnapshotRequest, context: ServerContext
  ) async throws -> CSICreateSnapshotResponse {
    guard !request.name.isEmpty else { throw CSIHostPathError.invalid("name missing in request") }
    guard !request.sourceVolumeID.isEmpty else { throw CSIHostPathError.invalid("source volume ID missing in request") }
    let snapshot: SnapshotRecord = try await store.exclusively("snapshot name \(request.name)") {
      if let existing: SnapshotRecord = await store.snapshots.values.first(where: { $0.name == request.name }) {
        guard existing.volumeID == request.sourceVolumeID else {
          throw CSIHostPathError(
            .alreadyExists, "snapshot \(request.name) already exists, of volume \(existing.volumeID)")
        }
        return existing
      }
      guard let volume: VolumeRecord = await store.volumes[request.sourceVolumeID] else {
        throw CSIHostPathError.noVolume(request.sourceVolumeID)
      }
      let snapshot: SnapshotRecord = .now(name: request.name, of: volume)
      try await store.snapshot(snapshot, of: volume)
      return snapshot
    }
    var response: CSICreateSnapshotResponse = CSICreateSnapshotResponse()
    response.snapshot = snapshot.csi
    return response
  }

  func deleteSnapshot(
    request: CSIDeleteSnapshotRequest, context: ServerContext
  ) async throws -> CSIDeleteSnapshotResponse {
    guard !request.snapshotID.isEmpty else { throw CSIHostPathError.invalid("snapshot ID missing in request") }
    if let group: String = await store.snapshots[request.snapshotID]?.groupID, !group.isEmpty {
      throw CSIHostPathError.invalid("snapshot \(request.snapshotID) belongs to the group \(group): delete that")
    }
    try await store.exclusively("snapshot \(request.snapshotID)") { try await store.deleteSnapshot(request.snapshotID) }
    return CSIDeleteSnapshotResponse()
  }

  func listSnapshots(request: CSIListSnapshotsRequest, context: ServerContext) async throws -> CSIListSnapshotsResponse
  {
    let snapshots: [SnapshotRecord] = await store.snapshots.values.sorted { $0.id < $1.id }.filter { snapshot in
      (request.snapshotID.isEmpty || snapshot.id == request.snapshotID)
        && (request.sourceVolumeID.isEmpty || snapshot.volumeID == request.sourceVolumeID)
    }
    let page: Page<SnapshotRecord> = try Page(snapshots, token: request.startingToken, limit: request.maxEntries)
    var response: CSIListSnapshotsResponse = CSIListSnapshotsResponse()
    response.nextToken = page.nextToken
    response.entries = page.items.map { snapshot in
      var entry: CSIListSnapshotsResponse.Entry = CSIListSnapshotsResponse.Entry()
      entry.snapshot = snapshot.csi
      return entry
    }
    return response
  }

  func getSnapshot(request: CSIGetSnapshotRequest, context: ServerContext) async throws -> CSIGetSnapshotResponse {
    guard !request.snapshotID.isEmpty else { throw CSIHostPathError.invalid("snapshot ID missing in request") }
    guard let snapshot: SnapshotRecord = await store.snapshots[request.snapshotID] else {
      throw CSIHostPathError(.notFound, "snapshot \(request.snapshotID) does not exist")
    }
    var response: CSIGetSnapshotResponse = CSIGetSnapshotResponse()
    response.snapshot = snapshot.csi
    return response
  }
}

/// CSI GroupController: snapshots of several volumes that belong together.
struct GroupControllerService: CSIGroupController.SimpleServiceProtocol {
  let store: VolumeStore

  func groupControllerGetCapabilities(
    request: CSIGroupControllerGetCapabilitiesRequest, context: ServerContext
  ) async throws -> CSIGroupControllerGetCapabilitiesResponse {
    var capability: CSIGroupControllerServiceCapability = CSIGroupControllerServiceCapability()
    capability.rpc.type = .createDeleteGetVolumeGroupSnapshot
    var response: CSIGroupControllerGetCapabilitiesResponse = CSIGroupControllerGetCapabilitiesResponse()
    response.capabilities = [capability]
    return response
  }

  func createVolumeGroupSnapshot(
    request: CSICreateVolumeGroupSnapshotRequest, context: ServerContext
  ) async throws -> CSICreateVolumeGroupSnapshotResponse {
    guard !request.name.isEmpty else { throw CSIHostPathError.invalid("name missing in request") }
    guard !request.sourceVolumeIds.isEmpty else {
      throw CSIHostPathError.invalid("source volume IDs missing in request")
    }
    let snapshots: [SnapshotRecord] = try await store.exclusively("group \(request.name)") {
      let existing: [SnapshotRecord] = await store.snapshots.values.filter { $0.groupName == request.name }
      if Set(existing.map(\.volumeID)) == Set(request.sourceVolumeIds) { return existing }
      // Some of them but not all: a group that was being made when the driver was killed, if it is part of this one.
      guard Set(existing.map(\.volumeID)).isSubset(of: request.sourceVolumeIds) else {
        throw CSIHostPathError(.alreadyExists, "group \(request.name) already exists, of other volumes")
      }
      return try await complete(request, existing)
    }
    var response: CSICreateVolumeGroupSnapshotResponse = CSICreateVolumeGroupSnapshotResponse()
    response.groupSnapshot = group(snapshots)
    return response
  }

  private func complete(
    _ request: CSICreateVolumeGroupSnapshotRequest, _ existing: [SnapshotRecord]
  ) async throws -> [SnapshotRecord] {
    var snapshots: [SnapshotRecord] = existing
    let id: String = existing.first?.groupID ?? ControllerService.newID()
    let volumes: [String: VolumeRecord] = await store.volumes
    for volumeID: String in request.sourceVolumeIds where volumes[volumeID] == nil {
      throw CSIHostPathError.noVolume(volumeID)
    }
    for volumeID: String in request.sourceVolumeIds where !existing.contains(where: { $0.volumeID == volumeID }) {
      guard let volume: VolumeRecord = volumes[volumeID] else { continue }
      var snapshot: SnapshotRecord = .now(name: "\(request.name)/\(volumeID)", of: volume)
      snapshot.groupID = id
      snapshot.groupName = request.name
      try await store.snapshot(snapshot, of: volume)
      snapshots.append(snapshot)
    }
    return snapshots
  }

  private func group(_ snapshots: [SnapshotRecord]) -> CSIVolumeGroupSnapshot {
    var group: CSIVolumeGroupSnapshot = CSIVolumeGroupSnapshot()
    group.groupSnapshotID = snapshots.first?.groupID ?? ""
    group.snapshots = snapshots.map(\.csi)
    group.creationTime = group.snapshots.first?.creationTime ?? Google_Protobuf_Timestamp()
    group.readyToUse = true
    return group
  }

  private func members(_ id: String) async throws -> [SnapshotRecord] {
    guard !id.isEmpty else { throw CSIHostPathError.invalid("group snapshot ID missing in request") }
    return await store.snapshots.values.filter { $0.groupID == id }
  }

  func deleteVolumeGroupSnapshot(
    request: CSIDeleteVolumeGroupSnapshotRequest, context: ServerContext
  ) async throws -> CSIDeleteVolumeGroupSnapshotResponse {
    for snapshot: SnapshotRecord in try await members(request.groupSnapshotID) {
      try await store.deleteSnapshot(snapshot.id)
    }
    return CSIDeleteVolumeGroupSnapshotResponse()
  }

  func getVolumeGroupSnapshot(
    request: CSIGetVolumeGroupSnapshotRequest, context: ServerContext
  ) async throws -> CSIGetVolumeGroupSnapshotResponse {
    let snapshots: [SnapshotRecord] = try await members(request.groupSnapshotID)
    guard !snapshots.isEmpty else {
      throw CSIHostPathError(.notFound, "group snapshot \(request.groupSnapshotID) does not exist")
    }
    var response: CSIGetVolumeGroupSnapshotResponse = CSIGetVolumeGroupSnapshotResponse()
    response.groupSnapshot = group(snapshots)
    return response
  }
}
