// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CSI
import CSIHostPath
import Foundation
import GRPCCore
import GRPCSockets
import Kernel
import Logging
import Testing

@Suite(.enabled(if: getuid() == 0, "publishing mounts, which only root may"))
struct VolumeLifeTests {
  private typealias Clients = (
    controller: CSIController.Client<UnixGRPCClient.Transport>, node: CSINode.Client<UnixGRPCClient.Transport>
  )

  /// Runs a driver over a directory while `body` talks to it.
  private func driving(_ directory: String, _ body: @escaping @Sendable (Clients) async throws -> Void) async throws {
    let socket: String = "\(directory)/csi.sock"
    let configuration: CSIHostPathConfiguration = CSIHostPathConfiguration(
      driverName: "test.csi", endpoint: "unix://\(socket)", nodeID: "node", stateDirectory: "\(directory)/state")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await CSIHostPath(
          configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ).run()
      }
      while !FileManager.default.fileExists(atPath: socket) { await Task.yield() }
      try await withUnixGRPCClient(socket) { connection in
        try await body((CSIController.Client(wrapping: connection.client), CSINode.Client(wrapping: connection.client)))
      }
      group.cancelAll()
    }
  }

  private func creation(_ name: String, bytes: Int64) -> CSICreateVolumeRequest {
    var request: CSICreateVolumeRequest = CSICreateVolumeRequest()
    request.name = name
    request.capacityRange.requiredBytes = bytes
    request.volumeCapabilities = [capability]
    return request
  }

  private func deletion(_ id: String) -> CSIDeleteVolumeRequest {
    var request: CSIDeleteVolumeRequest = CSIDeleteVolumeRequest()
    request.volumeID = id
    return request
  }

  private var capability: CSIVolumeCapability {
    var capability: CSIVolumeCapability = CSIVolumeCapability()
    capability.mount = CSIVolumeCapability.MountVolume()
    capability.accessMode.mode = .singleNodeWriter
    return capability
  }

  private func publish(_ node: CSINode.Client<UnixGRPCClient.Transport>, _ id: String, _ target: String) async throws {
    var request: CSINodePublishVolumeRequest = CSINodePublishVolumeRequest()
    request.volumeID = id
    request.targetPath = target
    request.volumeCapability = capability
    _ = try await node.nodePublishVolume(request)
    // A kubelet that was killed asks again.
    _ = try await node.nodePublishVolume(request)
  }

  private func unpublish(_ node: CSINode.Client<UnixGRPCClient.Transport>, _ id: String, _ target: String) async throws
  {
    var request: CSINodeUnpublishVolumeRequest = CSINodeUnpublishVolumeRequest()
    request.volumeID = id
    request.targetPath = target
    _ = try await node.nodeUnpublishVolume(request)
    _ = try await node.nodeUnpublishVolume(request)
    #expect(!FileManager.default.fileExists(atPath: target))
  }

  @Test func `a volume lives, is copied, grows and outlives its driver`() async throws {
    let directory: String = "/tmp/apus-csi-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let first: String = "\(directory)/pods/first"
    let second: String = "\(directory)/pods/second"
    try await driving(directory) { clients in
      let volume: CSIVolume = try await clients.controller.createVolume(creation("v", bytes: 1000)).volume
      #expect(try await clients.controller.createVolume(creation("v", bytes: 1000)).volume == volume)
      let error: RPCError? = await #expect(throws: RPCError.self) {
        _ = try await clients.controller.createVolume(creation("v", bytes: 2000))
      }
      #expect(error?.code == .alreadyExists)
      try await publish(clients.node, volume.volumeID, first)
      try Data("kept".utf8).write(to: URL(fileURLWithPath: "\(first)/file"))
      try FileManager.default.createSymbolicLink(atPath: "\(first)/link", withDestinationPath: "/etc/passwd")
      var snapshot: CSICreateSnapshotRequest = CSICreateSnapshotRequest()
      snapshot.name = "s"
      snapshot.sourceVolumeID = volume.volumeID
      _ = try await clients.controller.createSnapshot(snapshot)
      try Data("changed".utf8).write(to: URL(fileURLWithPath: "\(first)/file"))
    }
    try await driving(directory) { clients in
      let volumes: [CSIListVolumesResponse.Entry] = try await clients.controller.listVolumes(CSIListVolumesRequest())
        .entries
      let volume: CSIVolume = try #require(volumes.first?.volume)
      let snapshots: CSIListSnapshotsResponse = try await clients.controller.listSnapshots(CSIListSnapshotsRequest())
      var restore: CSICreateVolumeRequest = creation("restored", bytes: 1000)
      restore.volumeContentSource.snapshot.snapshotID = try #require(snapshots.entries.first?.snapshot.snapshotID)
      let restored: CSIVolume = try await clients.controller.createVolume(restore).volume
      try await publish(clients.node, restored.volumeID, second)
      #expect(try String(contentsOfFile: "\(second)/file", encoding: .utf8) == "kept")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(second)/link") == "/etc/passwd")
      var growth: CSIControllerExpandVolumeRequest = CSIControllerExpandVolumeRequest()
      growth.volumeID = restored.volumeID
      growth.capacityRange.requiredBytes = 5000
      #expect(try await clients.controller.controllerExpandVolume(growth).capacityBytes == 5000)
      let inUse: RPCError? = await #expect(throws: RPCError.self) {
        _ = try await clients.controller.deleteVolume(deletion(restored.volumeID))
      }
      #expect(inUse?.code == .failedPrecondition)
      try await unpublish(clients.node, restored.volumeID, second)
      try await unpublish(clients.node, volume.volumeID, first)
      for id: String in [restored.volumeID, volume.volumeID] {
        _ = try await clients.controller.deleteVolume(deletion(id))
        _ = try await clients.controller.deleteVolume(deletion(id))
      }
      #expect(try await clients.controller.listVolumes(CSIListVolumesRequest()).entries.isEmpty)
    }
  }
}
