// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import GRPCCore
import JSON
import Kernel
import ShimProtocol

extension RuntimeServer {
  func execSync(request: CRIExecSyncRequest, context: ServerContext) async throws -> CRIExecSyncResponse {
    guard !request.cmd.isEmpty else { throw RuntimeError(.invalid, "no command specified") }
    let record: ContainerRecord = try core.runningContainer(request.containerID)
    return try await core.execSync(request.cmd, in: record, timeout: request.timeout)
  }
}

extension RuntimeCore {
  /// More output than a message can carry; the rest is thrown away (upstream's limit, too).
  private static let execOutputBytesMax: Int = 16 << 20
  /// How long what a finished command left running may hold its output open.
  private static let drainTimeout: Duration = .seconds(2)

  /// Runs a command in a container to its end.
  func execSync(_ command: [String], in record: ContainerRecord, timeout: Int64) async throws -> CRIExecSyncResponse {
    let output: (reader: Int32, writer: Int32) = try FileDescriptor.pipe().release()
    let outputReader: SharedDescriptor = SharedDescriptor(owning: output.reader)
    let outputWriter: DescriptorBox = DescriptorBox(SharedDescriptor(owning: output.writer))
    let error: (reader: Int32, writer: Int32) = try FileDescriptor.pipe().release()
    let errorReader: SharedDescriptor = SharedDescriptor(owning: error.reader)
    let errorWriter: DescriptorBox = DescriptorBox(SharedDescriptor(owning: error.writer))
    let execID: String = Self.makeID()
    let shim: ShimConnection = try shim(record.sandboxID)
    try await startExec(
      command, in: record, execID: execID, hasTerminal: false, shim: shim,
      streams: [nil, outputWriter, errorWriter], timeout: timeout)
    let outputs: PipeOutputs = try PipeOutputs(
      [outputReader, errorReader], limit: Self.execOutputBytesMax, reactor: reactor)
    // The shim keeps the time: it is awake anyway when the process starts, and needs no thread for it.
    let end: ShimConnection.ExecEnd = try await shim.waitForExec(execID)
    guard !end.isTimedOut else {
      outputs.cancel()
      throw RuntimeError(
        .timedOut, "failed to exec in container: timeout \(timeout)s exceeded: context deadline exceeded")
    }
    let texts: [[UInt8]] = await outputs.finish(within: Self.drainTimeout)
    var response: CRIExecSyncResponse = CRIExecSyncResponse()
    response.stdout = .init(texts[0])
    response.stderr = .init(texts[1])
    response.exitCode = end.exitCode
    return response
  }

  /// Starts a command in a container; with a terminal, returns its master. After `timeout` seconds, where it is not 0,
  /// the command is killed.
  @discardableResult
  func startExec(
    _ command: [String], in record: ContainerRecord, execID: String, hasTerminal: Bool, shim: ShimConnection,
    streams: [DescriptorBox?], timeout: Int64 = 0
  ) async throws -> SharedDescriptor? {
    var process: JSONValue = record.process
    process["args"] = JSONValue(command)
    process["terminal"] = .bool(hasTerminal)
    if hasTerminal, !process["env"].items.contains(where: { $0.string?.hasPrefix("TERM=") == true }) {
      process["env"] = .array(process["env"].items + ["TERM=xterm"])
    }
    let request: ExecProcess = ExecProcess(
      id: record.id, execID: execID, process: process, seccompProgram: record.seccompProgram, hasTerminal: hasTerminal,
      processFiles: hierarchy.group(record.cgroupPath).processFiles, timeout: timeout)
    let null: SharedDescriptor = SharedDescriptor(try FileDescriptor.open("/dev/null", .readWrite))
    let descriptors: [SharedDescriptor] = hasTerminal ? [] : streams.map { $0?.take() ?? null }
    do {
      let answer: ShimConnection.Answer = try await shim.request(
        ShimMethod.exec, request.json, descriptors: descriptors.map(\.raw))
      withExtendedLifetime(descriptors) {}
      return answer.descriptors.first
    } catch let error as RuntimeError {
      throw RuntimeError(
        error.code, "failed to exec in container: failed to start exec \"\(execID)\": \(error.message)")
    }
  }
}
