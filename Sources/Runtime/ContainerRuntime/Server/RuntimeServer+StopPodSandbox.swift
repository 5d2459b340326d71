// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import GRPCCore
import JSON
import Kernel

extension RuntimeServer {
  func stopPodSandbox(
    request: CRIStopPodSandboxRequest, context: ServerContext
  ) async throws -> CRIStopPodSandboxResponse {
    // Of a sandbox that is gone already there is nothing to stop.
    if let record: SandboxRecord = core.records.sandbox(request.podSandboxID) { try await core.stop(sandbox: record.id) }
    return CRIStopPodSandboxResponse()
  }

  func removePodSandbox(
    request: CRIRemovePodSandboxRequest, context: ServerContext
  ) async throws -> CRIRemovePodSandboxResponse {
    guard let record: SandboxRecord = core.records.sandbox(request.podSandboxID) else {
      return CRIRemovePodSandboxResponse()
    }
    try await core.stop(sandbox: record.id)
    for container: ContainerRecord in core.records.containers(in: record.id) {
      try await core.remove(container: container.id)
    }
    try await core.locks.with(record.id) {
      guard core.records.sandbox(record.id) != nil else { return }
      Failpoints.reach("RemovePodSandbox.containers")
      core.removePodState(record.id)
      Failpoints.reach("RemovePodSandbox.state")
      try core.records.removeSandbox(record.id)
    }
    core.tellEvent(.containerDeletedEvent, container: record.id, sandbox: record.id)
    return CRIRemovePodSandboxResponse()
  }
}

extension RuntimeCore {
  /// Ends every container and the pause process of a sandbox and takes its network down; again is fine.
  func stop(sandbox id: String) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for container: ContainerRecord in records.containers(in: id) where container.state == .running {
        group.addTask { [self] in try await stop(container: container.id, timeout: .zero) }
      }
      try await group.waitForAll()
    }
    try await locks.with(id) {
      guard let record: SandboxRecord = records.sandbox(id) else { return }
      try records.updateSandbox(id) { $0.isReady = false }
      try await stopNetwork(record)
      Failpoints.reach("StopPodSandbox.network")
      try await stopShim(id)
      Failpoints.reach("StopPodSandbox.shim")
      removeCgroup(record.cgroupPath)
      let directory: String = podState(id)
      for name: String in ["net", "ipc", "uts"] { try Namespaces.unpin(directory + "/" + name) }
      try Mounts.unmount(directory + "/shm")
      if record.isReady { tellEvent(.containerStoppedEvent, container: id, sandbox: id) }
    }
  }

  /// Takes the network of a sandbox down; again is fine.
  func stopNetwork(_ record: SandboxRecord) async throws {
    guard !record.usesHostNetwork, !record.isNetworkDown, !record.network.isNull else { return }
    var request: NetworkRequest = networkRequest(record)
    // A namespace that is gone is told by an empty path (CNI, "DEL").
    if !Files.exists(record.networkNamespace) { request.namespacePath = "" }
    try await network.delete(record.network, request)
    try records.updateSandbox(record.id) { $0.isNetworkDown = true }
  }
}
