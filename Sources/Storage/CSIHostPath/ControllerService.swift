// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CSI
internal import GRPCCore
internal import Kernel
internal import SwiftProtobuf

/// CSI Controller: volumes and snapshots are made, listed, grown and removed.
struct ControllerService: CSIController.SimpleServiceProtocol {
  /// What a volume gets when nobody says how much.
  static let capacityDefault: Int64 = 1 << 30

  let configuration: CSIHostPathConfiguration
  let store: VolumeStore

  func controllerGetCapabilities(
    request: CSIControllerGetCapabilitiesRequest, context: ServerContext
  ) async throws -> CSIControllerGetCapabilitiesResponse {
    let types: [CSIControllerServiceCapability.RPC.TypeEnum] = [
      .createDeleteVolume, .listVolumes, .getCapacity, .createDeleteSnapshot, .listSnapshots, .cloneVolume,
      .expandVolume,
      .volumeCondition, .getVolume, .singleNodeMultiWriter, .getSnapshot,
    ]
    var response: CSIControllerGetCapabilitiesResponse = CSIControllerGetCapabilitiesResponse()
    response.capabilities = types.map { type in
      var capability: CSIControllerServiceCapability = CSIControllerServiceCapability()
      capability.rpc.type = type
      return capability
    }
    return response
  }

  func controllerPublishVolume(
    request: CSIControllerPublishVolumeRequest, context: ServerContext
  ) async throws -> CSIControllerPublishVolumeResponse {
    throw CSIHostPathError(.unimplemented, "volumes of this driver need no attaching")
  }

  func controllerUnpublishVolume(
    request: CSIControllerUnpublishVolumeRequest, context: ServerContext
  ) async throws -> CSIControllerUnpublishVolumeResponse {
    throw CSIHostPathError(.unimplemented, "volumes of this driver need no attaching")
  }

  func controllerModifyVolume(
    request: CSIControllerModifyVolumeRequest, context: ServerContext
  ) async throws -> CSIControllerModifyVolumeResponse {
    throw CSIHostPathError(.unimplemented, "volumes of this driver have nothing to modify")
  }

  func validateVolumeCapabilities(
    request: CSIValidateVolumeCapabilitiesRequest, context: ServerContext
  ) async throws -> CSIValidateVolumeCapabilitiesResponse {
    guard !request.volumeID.isEmpty else { throw CSIHostPathError.invalid("volume ID missing in request") }
    guard !request.volumeCapabilities.isEmpty else {
      throw CSIHostPathError.invalid("volume capabilities missing in request")
    }
    guard let volume: VolumeRecord = await store.volumes[request.volumeID] else {
      throw CSIHostPathError.noVolume(request.volumeID)
    }
    var response: CSIValidateVolumeCapabilitiesResponse = CSIValidateVolumeCapabilitiesResponse()
    do {
      guard try VolumeCapabilities.access(request.volumeCapabilities) == volume.access else {
        throw CSIHostPathError.invalid("the volume is a \(volume.access.rawValue) volume")
      }
    } catch let error as CSIHostPathError {
      response.message = error.message
      return response
    }
    response.confirmed.volumeContext = request.volumeContext
    response.confirmed.volumeCapabilities = request.volumeCapabilities
    response.confirmed.parameters = request.parameters
    return response
  }

  func getCapacity(request: CSIGetCapacityRequest, context: ServerContext) async throws -> CSIGetCapacityResponse {
    var response: CSIGetCapacityResponse = CSIGetCapacityResponse()
    let node: String? =
      request.hasAccessibleTopology
      ? request.accessibleTopology.segments[configuration.topologyKey] : configuration.nodeID
    if node == configuration.nodeID {
      response.availableCapacity = max(0, store.capacityBytes - (await store.usedBytes))
    }
    response.maximumVolumeSize = Google_Protobuf_Int64Value(
      min(configuration.volumeBytesMax, response.availableCapacity))
    return response
  }

  func listVolumes(request: CSIListVolumesRequest, context: ServerContext) async throws -> CSIListVolumesResponse {
    let volumes: [VolumeRecord] = await store.volumes.values.sorted { $0.id < $1.id }
    let page: Page<VolumeRecord> = try Page(volumes, token: request.startingToken, limit: request.maxEntries)
    var response: CSIListVolumesResponse = CSIListVolumesResponse()
    response.nextToken = page.nextToken
    for volume: VolumeRecord in page.items {
      var entry: CSIListVolumesResponse.Entry = CSIListVolumesResponse.Entry()
      entry.volume = csi(volume)
      entry.status.volumeCondition = VolumeHealth.condition(volume, store)
      response.entries.append(entry)
    }
    return response
  }

  func controllerGetVolume(
    request: CSIControllerGetVolumeRequest, context: ServerContext
  ) async throws -> CSIControllerGetVolumeResponse {
    guard !request.volumeID.isEmpty else { throw CSIHostPathError.invalid("volume ID missing in request") }
    guard let volume: VolumeRecord = await store.volumes[request.volumeID] else {
      throw CSIHostPathError.noVolume(request.volumeID)
    }
    var response: CSIControllerGetVolumeResponse = CSIControllerGetVolumeResponse()
    response.volume = csi(volume)
    response.status.volumeCondition = VolumeHealth.condition(volume, store)
    return response
  }

  func controllerExpandVolume(
    request: CSIControllerExpandVolumeRequest, context: ServerContext
  ) async throws -> CSIControllerExpandVolumeResponse {
    guard !request.volumeID.isEmpty else { throw CSIHostPathError.invalid("volume ID missing in request") }
    guard request.hasCapacityRange else { throw CSIHostPathError.invalid("capacity range missing in request") }
    let range: CSICapacityRange = request.capacityRange
    guard let volume: VolumeRecord = await store.volumes[request.volumeID] else {
      throw CSIHostPathError.noVolume(request.volumeID)
    }
    guard range.requiredBytes <= configuration.volumeBytesMax,
      range.limitBytes == 0 || range.limitBytes >= range.requiredBytes
    else {
      throw CSIHostPathError(.outOfRange, "requested capacity \(range.requiredBytes) is out of range")
    }
    if range.requiredBytes > volume.capacityBytes {
      try await store.exclusively("volume \(volume.id)") { try await store.resize(volume.id, to: range.requiredBytes) }
    }
    var response: CSIControllerExpandVolumeResponse = CSIControllerExpandVolumeResponse()
    response.capacityBytes = max(range.requiredBytes, volume.capacityBytes)
    response.nodeExpansionRequired = volume.access == .block
    return response
  }

  /// A volume as CSI speaks of it.
  func csi(_ volume: VolumeRecord) -> CSIVolume {
    var result: CSIVolume = CSIVolume()
    result.volumeID = volume.id
    result.capacityBytes = volume.capacityBytes
    if !volume.sourceSnapshotID.isEmpty { result.contentSource.snapshot.snapshotID = volume.sourceSnapshotID }
    if !volume.sourceVolumeID.isEmpty { result.contentSource.volume.volumeID = volume.sourceVolumeID }
    var topology: CSITopology = CSITopology()
    topology.segments = [configuration.topologyKey: configuration.nodeID]
    result.accessibleTopology = [topology]
    return result
  }
}

/// What volume capabilities ask for.
enum VolumeCapabilities {
  /// Whether they ask for a directory or a device; not for both.
  static func access(_ capabilities: [CSIVolumeCapability]) throws -> VolumeRecord.Access {
    var found: Set<VolumeRecord.Access> = []
    for capability: CSIVolumeCapability in capabilities {
      switch capability.accessType {
      case .mount: found.insert(.mount)
      case .block: found.insert(.block)
      case nil: throw CSIHostPathError.invalid("a volume capability has neither mount nor block")
      }
      guard capability.hasAccessMode, capability.accessMode.mode != .unknown else {
        throw CSIHostPathError.invalid("a volume capability has no access mode")
      }
    }
    guard let first: VolumeRecord.Access = found.first, found.count == 1 else {
      throw CSIHostPathError.invalid("cannot have both block and mount access type")
    }
    return first
  }
}

/// Whether a volume is well.
enum VolumeHealth {
  static func condition(_ volume: VolumeRecord, _ store: VolumeStore) -> CSIVolumeCondition {
    var condition: CSIVolumeCondition = CSIVolumeCondition()
    condition.abnormal = !volumeExists(volume, store)
    condition.message = condition.abnormal ? "the data of the volume are gone" : "volume is healthy"
    return condition
  }

  private static func volumeExists(_ volume: VolumeRecord, _ store: VolumeStore) -> Bool {
    Files.exists(store.data(volume))
  }
}

/// A part of a list, by CSI's tokens.
struct Page<Item: Sendable>: Sendable {
  let items: [Item]
  let nextToken: String

  init(_ all: [Item], token: String, limit: Int32) throws {
    guard limit >= 0 else { throw CSIHostPathError.invalid("max_entries is negative") }
    guard let start: Int = token.isEmpty ? 0 : Int(token), (0...all.count).contains(start) else {
      throw CSIHostPathError(.aborted, "starting_token \(token) is not valid: begin again without one")
    }
    let end: Int = limit == 0 ? all.count : min(all.count, start + Int(limit))
    items = Array(all[start..<end])
    nextToken = end < all.count ? String(end) : ""
  }
}
