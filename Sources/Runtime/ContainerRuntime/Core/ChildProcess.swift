// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel

/// A program that is run to its end.
struct ChildProcess {
  /// What came out of it.
  struct Output: Sendable {
    var exitCode: Int32
    var standardOutput: [UInt8]
    var standardError: [UInt8]
  }

  /// Output beyond this is thrown away: nothing that we run has more to say.
  private static let outputBytesMax: Int = 4 << 20

  /// Runs a program with the given input.
  ///
  /// - Parameter lock: a lock that the program holds as long as it runs, even without us.
  static func run(
    _ path: String, arguments: [String] = [], environment: [String], input: [UInt8], keeping lock: FileLock? = nil,
    reactor: Reactor
  ) async throws -> Output {
    // In memory, so that nobody has to wait for the program to read it.
    let memory: FileDescriptor = try Memory.file("input")
    try memory.write(input)
    let standardInput: SharedDescriptor = SharedDescriptor(try FileDescriptor.open("/proc/self/fd/\(memory.raw)"))
    let output: (reader: Int32, writer: Int32) = try FileDescriptor.pipe().release()
    let (outputReader, outputWriter) = (SharedDescriptor(owning: output.reader), output.writer)
    let error: (reader: Int32, writer: Int32)
    do { error = try FileDescriptor.pipe().release() } catch {
      closeDescriptor(outputWriter)
      throw error
    }
    let (errorReader, errorWriter) = (SharedDescriptor(owning: error.reader), error.writer)
    var request: SpawnRequest = SpawnRequest(path: path, arguments: [path] + arguments, environment: environment)
    request.descriptors = [(standardInput.raw, 0), (outputWriter, 1), (errorWriter, 2)]
    if let lock { request.descriptors.append((lock.raw, 3)) }
    let process: (pid: Int32, descriptor: Int32)
    do {
      defer {
        closeDescriptor(outputWriter)
        closeDescriptor(errorWriter)
      }
      process = try Processes.spawn(request).release()
    }
    let pidfd: SharedDescriptor = SharedDescriptor(owning: process.descriptor)
    async let standardOutput: [UInt8] = reactor.readAll(outputReader, limit: outputBytesMax)
    async let standardError: [UInt8] = reactor.readAll(errorReader, limit: outputBytesMax)
    try await reactor.readable(pidfd)
    let exitCode: Int32 = try Processes.wait(for: process.pid)
    return Output(
      exitCode: exitCode, standardOutput: try await standardOutput, standardError: try await standardError)
  }
}
