// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import GRPCCore
import JSON
import Kernel
import ShimProtocol

extension RuntimeServer {
  func stopContainer(
    request: CRIStopContainerRequest, context: ServerContext
  ) async throws -> CRIStopContainerResponse {
    // Of a container that is gone already there is nothing to stop.
    if let record: ContainerRecord = core.records.container(request.containerID) {
      try await core.stop(container: record.id, timeout: .seconds(max(0, request.timeout)))
    }
    return CRIStopContainerResponse()
  }

  func removeContainer(
    request: CRIRemoveContainerRequest, context: ServerContext
  ) async throws -> CRIRemoveContainerResponse {
    guard let record: ContainerRecord = core.records.container(request.containerID) else {
      return CRIRemoveContainerResponse()
    }
    try await core.remove(container: record.id)
    core.tellEvent(.containerDeletedEvent, container: record.id, sandbox: record.sandboxID)
    return CRIRemoveContainerResponse()
  }
}

extension RuntimeCore {
  /// How long the kernel gets to end what SIGKILL was sent to.
  private static let killTimeout: Duration = .seconds(10)

  /// Asks a container to stop, and ends it when the time is over.
  func stop(container id: String, timeout: Duration) async throws {
    guard let record: ContainerRecord = records.container(id), record.state == .running else { return }
    let shim: ShimConnection = try shim(record.sandboxID)
    if timeout > .zero {
      let signal: Int32 = Signals.number(record.stopSignal) ?? 15
      try await shim.request(ShimMethod.signal, ["id": .string(id), "signal": JSONValue(signal)])
      Failpoints.reach("StopContainer.signalled")
      if try await waitForExit(id, timeout: timeout) { return }
    }
    try await shim.request(ShimMethod.signal, ["id": .string(id), "signal": 9, "all": true])
    guard try await waitForExit(id, timeout: Self.killTimeout) else {
      throw RuntimeError(.timedOut, "container \"\(id)\" did not end after SIGKILL")
    }
  }

  /// Removes a container, ending it first where it runs; again is fine.
  func remove(container id: String) async throws {
    try await stop(container: id, timeout: .zero)
    try await locks.with(id) {
      guard let record: ContainerRecord = records.container(id) else { return }
      if let shim: ShimConnection = try? shim(record.sandboxID) {
        // A shim that is going has forgotten it already.
        _ = try? await shim.request(ShimMethod.forget, ["id": .string(id)])
      }
      try await removeRemains(of: record)
    }
  }
}
