// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import GRPCCore
import StreamServing

extension RuntimeServer {
  func exec(request: CRIExecRequest, context: ServerContext) async throws -> CRIExecResponse {
    guard !request.cmd.isEmpty else { throw RuntimeError(.invalid, "no command specified") }
    guard request.stdin || request.stdout || request.stderr else {
      throw RuntimeError(.invalid, "one of stdin, stdout, or stderr must be set")
    }
    let record: ContainerRecord = try core.runningContainer(request.containerID)
    var response: CRIExecResponse = CRIExecResponse()
    response.url = try await streams.url(
      for: .exec(
        ExecStreamRequest(
          containerID: record.id, command: request.cmd, hasTerminal: request.tty, stdin: request.stdin,
          stdout: request.stdout, stderr: request.stderr && !request.tty)))
    return response
  }

  func attach(request: CRIAttachRequest, context: ServerContext) async throws -> CRIAttachResponse {
    guard request.stdin || request.stdout || request.stderr else {
      throw RuntimeError(.invalid, "one of stdin, stdout, or stderr must be set")
    }
    let record: ContainerRecord = try core.runningContainer(request.containerID)
    var response: CRIAttachResponse = CRIAttachResponse()
    response.url = try await streams.url(
      for: .attach(
        AttachStreamRequest(
          containerID: record.id, hasTerminal: record.config.tty, stdin: request.stdin, stdout: request.stdout,
          stderr: request.stderr && !record.config.tty)))
    return response
  }

  func portForward(request: CRIPortForwardRequest, context: ServerContext) async throws -> CRIPortForwardResponse {
    let record: SandboxRecord = try core.sandbox(request.podSandboxID)
    guard record.isReady else { throw RuntimeError(.wrongState, "sandbox \"\(record.id)\" is not ready") }
    var response: CRIPortForwardResponse = CRIPortForwardResponse()
    response.url = try await streams.url(
      for: .portForward(
        PortForwardStreamRequest(sandboxID: record.id, ports: request.port.map { UInt16(clamping: $0) })))
    return response
  }
}
