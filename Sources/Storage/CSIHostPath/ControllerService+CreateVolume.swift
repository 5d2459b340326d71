// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CSI
internal import GRPCCore

extension ControllerService {
  func createVolume(request: CSICreateVolumeRequest, context: ServerContext) async throws -> CSICreateVolumeResponse {
    guard !request.name.isEmpty else { throw CSIHostPathError.invalid("name missing in request") }
    guard !request.volumeCapabilities.isEmpty else {
      throw CSIHostPathError.invalid("volume capabilities missing in request")
    }
    let access: VolumeRecord.Access = try VolumeCapabilities.access(request.volumeCapabilities)
    try checkTopology(request.accessibilityRequirements)
    let range: CSICapacityRange = request.capacityRange
    guard range.requiredBytes >= 0, range.limitBytes >= 0,
      range.limitBytes == 0 || range.limitBytes >= range.requiredBytes
    else {
      throw CSIHostPathError.invalid("the capacity range is empty")
    }
    let volume: VolumeRecord = try await store.exclusively("volume name \(request.name)") {
      if let existing: VolumeRecord = await store.volumes.values.first(where: { $0.name == request.name }) {
        try checkSame(existing, request, access)
        return existing
      }
      var volume: VolumeRecord = VolumeRecord(
        id: Self.newID(), name: request.name, capacityBytes: try capacity(range, request), access: access)
      let source: String? = try await self.source(request, &volume)
      try await store.create(volume, from: source)
      return volume
    }
    var response: CSICreateVolumeResponse = CSICreateVolumeResponse()
    response.volume = csi(volume)
    response.volume.volumeContext = request.parameters
    return response
  }

  /// Ids are random: a volume that was deleted and made again is another.
  static func newID() -> String {
    var generator: SystemRandomNumberGenerator = SystemRandomNumberGenerator()
    let digits: [String] = (0..<2).map { _ in
      let part: String = String(generator.next(), radix: 16)
      return String(repeating: "0", count: 16 - part.count) + part
    }
    return digits.joined()
  }

  private func checkTopology(_ requirement: CSITopologyRequirement) throws {
    guard !requirement.requisite.isEmpty else { return }
    let isHere: Bool = requirement.requisite.contains { topology in
      topology.segments[configuration.topologyKey].map { $0 == configuration.nodeID } ?? true
    }
    guard isHere else {
      throw CSIHostPathError(
        .resourceExhausted, "volumes of this driver are on \(configuration.nodeID), which the request does not allow")
    }
  }

  private func capacity(_ range: CSICapacityRange, _ request: CSICreateVolumeRequest) throws -> Int64 {
    var capacity: Int64 = range.requiredBytes > 0 ? range.requiredBytes : Self.capacityDefault
    if range.limitBytes > 0 { capacity = min(capacity, range.limitBytes) }
    guard capacity <= configuration.volumeBytesMax else {
      throw CSIHostPathError(
        .outOfRange, "requested capacity \(capacity) exceeds maximum allowed \(configuration.volumeBytesMax)")
    }
    return capacity
  }

  private func checkSame(
    _ existing: VolumeRecord, _ request: CSICreateVolumeRequest, _ access: VolumeRecord.Access
  ) throws {
    let range: CSICapacityRange = request.capacityRange
    let source: CSIVolumeContentSource = request.volumeContentSource
    guard existing.capacityBytes >= range.requiredBytes,
      range.limitBytes == 0 || existing.capacityBytes <= range.limitBytes
    else {
      throw CSIHostPathError(
        .alreadyExists, "volume \(request.name) already exists, with \(existing.capacityBytes) bytes")
    }
    guard existing.access == access, existing.sourceSnapshotID == source.snapshot.snapshotID,
      existing.sourceVolumeID == source.volume.volumeID
    else { throw CSIHostPathError(.alreadyExists, "volume \(request.name) already exists, of another kind or source") }
  }

  /// Where the first data come from; nil for an empty volume.
  private func source(_ request: CSICreateVolumeRequest, _ volume: inout VolumeRecord) async throws -> String? {
    guard request.hasVolumeContentSource else { return nil }
    let (folder, access, size): (String, VolumeRecord.Access, Int64)
    switch request.volumeContentSource.type {
    case .snapshot(let source):
      guard let snapshot: SnapshotRecord = await store.snapshots[source.snapshotID] else {
        throw CSIHostPathError(.notFound, "snapshot \(source.snapshotID) does not exist")
      }
      (folder, access, size) = (store.snapshotFolder(snapshot.id), snapshot.access, snapshot.sizeBytes)
      volume.sourceSnapshotID = snapshot.id
    case .volume(let source):
      guard let original: VolumeRecord = await store.volumes[source.volumeID] else {
        throw CSIHostPathError.noVolume(source.volumeID)
      }
      (folder, access, size) = (store.folder(original.id), original.access, original.capacityBytes)
      volume.sourceVolumeID = original.id
    case nil: throw CSIHostPathError.invalid("the content source is neither snapshot nor volume")
    }
    guard access == volume.access else { throw CSIHostPathError.invalid("the source is a \(access.rawValue) volume") }
    if request.capacityRange.requiredBytes == 0,
      request.capacityRange.limitBytes == 0 || request.capacityRange.limitBytes >= size
    {
      volume.capacityBytes = max(volume.capacityBytes, size)
    }
    guard volume.capacityBytes >= size else {
      throw CSIHostPathError(
        .outOfRange, "requested capacity \(volume.capacityBytes) is less than the source's \(size)")
    }
    return VolumeStore.data(folder, access)
  }

  func deleteVolume(request: CSIDeleteVolumeRequest, context: ServerContext) async throws -> CSIDeleteVolumeResponse {
    guard !request.volumeID.isEmpty else { throw CSIHostPathError.invalid("volume ID missing in request") }
    try await store.exclusively("volume \(request.volumeID)") { try await store.delete(request.volumeID) }
    return CSIDeleteVolumeResponse()
  }
}
