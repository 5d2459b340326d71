// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import Kernel
import NIOCore
import ShimProtocol
import StreamServing

/// What runs the sessions of the stream server: exec and attach through the pods' shims, ports through their namespaces.
struct RuntimeStreamBackend: StreamBackend {
  let core: RuntimeCore

  func exec(_ request: ExecStreamRequest, _ session: StreamSession) async throws -> Int32 {
    let record: ContainerRecord = try core.runningContainer(request.containerID)
    let shim: ShimConnection = try core.shim(record.sandboxID)
    let execID: String = RuntimeCore.makeID()
    let streams: SessionStreams = try SessionStreams(
      request.hasTerminal, stdin: request.stdin, stdout: request.stdout, stderr: request.stderr)
    let master: SharedDescriptor? = try await core.startExec(
      request.command, in: record, execID: execID, hasTerminal: request.hasTerminal, shim: shim,
      streams: streams.theirs)
    return try await withTaskCancellationHandler {
      try await withThrowingTaskGroup(of: Void.self) { group in
        let relay: StreamRelay = StreamRelay(reactor: core.reactor)
        relay.add(session, streams, terminal: master, to: &group)
        if let master {
          group.addTask {
            for await size: TerminalSize in session.resizes {
              try Terminal.resize(master.raw, columns: size.width, rows: size.height)
            }
          }
        }
        let code: Int32 = try await shim.waitForExec(execID).exitCode
        await relay.finishOutputs()
        group.cancelAll()
        return code
      }
    } onCancel: {
      // The client has gone: what it started goes, too.
      Task { _ = try? await shim.request(ShimMethod.signal, ["exec": .string(execID), "signal": 9]) }
    }
  }

  func attach(_ request: AttachStreamRequest, _ session: StreamSession) async throws {
    let record: ContainerRecord = try core.runningContainer(request.containerID)
    let shim: ShimConnection = try core.shim(record.sandboxID)
    let streams: SessionStreams = try SessionStreams(
      false, stdin: request.stdin, stdout: request.stdout, stderr: request.stderr)
    try await join(record, shim, streams)
    try await withThrowingTaskGroup(of: Void.self) { group in
      let relay: StreamRelay = StreamRelay(reactor: core.reactor)
      relay.add(session, streams, terminal: nil, to: &group)
      group.addTask {
        for await size: TerminalSize in session.resizes {
          // A container without a terminal has no size.
          _ = try? await shim.request(
            ShimMethod.resize,
            ["id": .string(record.id), "columns": JSONValue(size.width), "rows": JSONValue(size.height)])
        }
      }
      if request.stdout || request.stderr {
        await relay.outputsEnd()
      } else {
        _ = try await core.waitForExit(record.id, timeout: .seconds(1 << 30))
      }
      group.cancelAll()
    }
  }

  /// Hands the process's ends of the pipes to the shim.
  private func join(_ record: ContainerRecord, _ shim: ShimConnection, _ streams: SessionStreams) async throws {
    let descriptors: [SharedDescriptor?] = streams.theirs.map { $0?.take() }
    try await shim.request(
      ShimMethod.attach,
      [
        "id": .string(record.id), "stdin": .bool(descriptors[0] != nil), "stdout": .bool(descriptors[1] != nil),
        "stderr": .bool(descriptors[2] != nil),
      ], descriptors: descriptors.compactMap { $0?.raw })
    withExtendedLifetime(descriptors) {}
  }

  func connect(_ request: PortForwardStreamRequest, port: UInt16) async throws -> CInt {
    let record: SandboxRecord = try core.sandbox(request.sandboxID)
    guard record.isReady else { throw RuntimeError(.wrongState, "sandbox \"\(record.id)\" is not ready") }
    if record.usesHostNetwork { return try LoopbackPort.connect(port) }
    let result: Result<CInt, SystemError> = try Namespaces.run(in: record.networkNamespace, .network) {
      do throws(SystemError) { return .success(try LoopbackPort.connect(port)) } catch { return .failure(error) }
    }
    return try result.get()
  }
}

/// Connecting to a port on the loopback of the caller's network namespace.
enum LoopbackPort {
  static func connect(_ port: UInt16) throws(SystemError) -> CInt {
    do throws(SystemError) { return try connectIPv4(port) } catch {
      guard error.errno == .connectionRefused, let descriptor: CInt = try? connectIPv6(port) else { throw error }
      return descriptor
    }
  }

  private static func connectIPv4(_ port: UInt16) throws(SystemError) -> CInt {
    var address: sockaddr_in = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return try connect(AF_INET, &address, MemoryLayout<sockaddr_in>.size, port)
  }

  private static func connectIPv6(_ port: UInt16) throws(SystemError) -> CInt {
    var address: sockaddr_in6 = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_port = port.bigEndian
    withUnsafeMutableBytes(of: &address.sin6_addr) { $0[15] = 1 }
    return try connect(AF_INET6, &address, MemoryLayout<sockaddr_in6>.size, port)
  }

  private static func connect(
    _ family: Int32, _ address: UnsafeRawPointer, _ size: Int, _ port: UInt16
  ) throws(SystemError) -> CInt {
    let type: Int32 = Int32(SOCK_STREAM.rawValue) | O_CLOEXEC
    let socket: Kernel.FileDescriptor = Kernel.FileDescriptor(
      owning: try systemCall("socket") { Glibc.socket(family, type, 0) })
    let raw: CInt = socket.raw
    try systemCall("connect", "port \(port)") {
      Glibc.connect(raw, address.assumingMemoryBound(to: sockaddr.self), socklen_t(size))
    }
    return socket.release()
  }
}
