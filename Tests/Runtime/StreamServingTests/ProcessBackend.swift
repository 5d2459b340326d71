// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import NIOCore
import StreamServing
import Synchronization

/// Runs commands on this machine, as a runtime would in a container.
final class ProcessBackend: StreamBackend {
  /// The sizes that clients have sent.
  let sizes: Mutex<[TerminalSize]> = Mutex([])

  func exec(_ request: ExecStreamRequest, _ session: StreamSession) async throws -> Int32 {
    guard request.containerID == "container" else {
      throw StreamServingError(.badClient, "no such container: \(request.containerID)")
    }
    let command: [String] =
      request.hasTerminal ? ["script", "-qfec", request.command.joined(separator: " "), "/dev/null"] : request.command
    return try await run(command, session)
  }

  func attach(_ request: AttachStreamRequest, _ session: StreamSession) async throws {
    _ = try await run(["cat"], session)
  }

  func connect(_ request: PortForwardStreamRequest, port: UInt16) async throws -> CInt {
    let fd: CInt = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address: sockaddr_in = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let status: CInt = withUnsafeBytes(of: &address) { bytes in
      Glibc.connect(fd, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t(bytes.count))
    }
    guard status == 0 else {
      close(fd)
      throw StreamServingError(.badClient, "failed to connect to localhost:\(port): Connection refused")
    }
    return fd
  }

  private func run(_ command: [String], _ session: StreamSession) async throws -> Int32 {
    let process: Process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    let (input, output, errors): (Pipe, Pipe, Pipe) = (Pipe(), Pipe(), Pipe())
    process.standardInput = session.stdin == nil ? FileHandle.nullDevice : input
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let (inputFD, outputFD, errorFD): (CInt, CInt, CInt) = (
      input.fileHandleForWriting.fileDescriptor, output.fileHandleForReading.fileDescriptor,
      errors.fileHandleForReading.fileDescriptor
    )
    return try await withTaskCancellationHandler {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for await size: TerminalSize in session.resizes { self.sizes.withLock { $0.append(size) } }
        }
        if let stdin: StreamInput = session.stdin {
          group.addTask {
            for try await bytes: ByteBuffer in stdin {
              guard await blocking({ writeAll(inputFD, Array(bytes.readableBytesView)) }) else { break }
            }
            // Not by the number: the handle would close it again, when it is somebody else's.
            try? input.fileHandleForWriting.close()
          }
        }
        try await withThrowingTaskGroup(of: Void.self) { copies in
          copies.addTask { try await copy(outputFD, session.stdout) }
          copies.addTask { try await copy(errorFD, session.stderr) }
          try await copies.waitForAll()
        }
        await blocking { process.waitUntilExit() }
        group.cancelAll()
        withExtendedLifetime((input, output, errors)) {}
        return process.terminationStatus
      }
    } onCancel: {
      process.terminate()
    }
  }
}

private func blocking<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
  await withCheckedContinuation { continuation in
    DispatchQueue.global().async { continuation.resume(returning: work()) }
  }
}

private func writeAll(_ fd: CInt, _ bytes: [UInt8]) -> Bool {
  var rest: ArraySlice<UInt8> = bytes[...]
  while !rest.isEmpty {
    let count: Int = rest.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
    guard count > 0 else { return false }
    rest = rest.dropFirst(count)
  }
  return true
}

private func copy(_ fd: CInt, _ output: StreamOutput?) async throws {
  while true {
    let bytes: [UInt8] = await blocking {
      var chunk: [UInt8] = Array(repeating: 0, count: 64 << 10)
      let count: Int = read(fd, &chunk, chunk.count)
      return Array(chunk.prefix(max(count, 0)))
    }
    if bytes.isEmpty { return }
    try await output?.write(bytes)
  }
}
