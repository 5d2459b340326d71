// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import GRPCCore
import JSON
import Kernel
import OCISpec
import ShimProtocol

extension RuntimeServer {
  func startContainer(
    request: CRIStartContainerRequest, context: ServerContext
  ) async throws -> CRIStartContainerResponse {
    let id: String = try core.container(request.containerID).id
    let record: ContainerRecord = try await core.locks.with(id) { try await core.start(container: id) }
    core.tellEvent(.containerStartedEvent, container: record.id, sandbox: record.sandboxID)
    return CRIStartContainerResponse()
  }
}

extension RuntimeCore {
  /// Lets a created container's process run.
  func start(container id: String) async throws -> ContainerRecord {
    let record: ContainerRecord = try container(id)
    guard record.state == .created else {
      throw RuntimeError(
        .wrongState, "container \"\(id)\" is in state \(record.state.rawValue); only a created one can be started")
    }
    let sandbox: SandboxRecord = try sandbox(record.sandboxID)
    guard sandbox.isReady else { throw RuntimeError(.wrongState, "sandbox \"\(sandbox.id)\" is not ready") }
    let group: Cgroup = hierarchy.group(record.cgroupPath)
    // Running before it runs: its end may be told before its start is answered.
    try records.updateContainer(id) {
      $0.state = .running
      $0.startedAt = SystemClock.now
    }
    Failpoints.reach("StartContainer.recorded")
    do {
      try group.create()
      var limits: CgroupLimits = CgroupLimits(record.config.linux.resources)
      limits.memoryAndSwapBytes = limits.memoryAndSwapBytes ?? limits.memoryBytes
      try group.apply(limits)
      try group.allowDevices(try DeviceRules.rules(record.config))
      let request: StartContainer = StartContainer(
        id: id, bundle: bundle(id), logPath: record.logPath, hasStdin: record.config.stdin,
        isStdinOnce: record.config.stdinOnce, hasTerminal: record.config.tty,
        pidNamespace: try pidNamespace(record, sandbox), hasUserNamespace: sandbox.userMapping != nil,
        processFiles: group.processFiles, cgroupsPath: group.path)
      let answer: ShimConnection.Answer = try await shim(sandbox.id).request(ShimMethod.start, request.json)
      Failpoints.reach("StartContainer.started")
      let pid: Int32 = Int32(clamping: answer.result["pid"].int ?? 0)
      try records.updateContainer(id) { if $0.state == .running { $0.pid = pid } }
    } catch {
      let message: String = "unable to start container process: \(error)"
      try records.updateContainer(id) {
        $0.state = .exited
        $0.exitCode = 128
        $0.reason = "StartError"
        $0.message = message
        $0.finishedAt = SystemClock.now
      }
      removeCgroup(record.cgroupPath)
      throw RuntimeError(.failed, message)
    }
    return try container(id)
  }

  private func pidNamespace(_ record: ContainerRecord, _ sandbox: SandboxRecord) throws -> PIDNamespace {
    let options: CRINamespaceOption = record.config.linux.securityContext.namespaceOptions
    switch options.pid {
    case .node: return .host
    case .pod: return sandbox.usesHostPID ? .host : .of(sandbox.pausePID)
    case .target: return .of(try runningContainer(options.targetID).pid)
    default: return .new
    }
  }
}
