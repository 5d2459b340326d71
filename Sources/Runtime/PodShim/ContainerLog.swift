// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel
import ShimProtocol

/// A container's log file.
final class ContainerLog {
  private let path: String
  private var file: SharedDescriptor
  private var writers: [LogStream: LogLineWriter] = [:]

  init(_ path: String) throws(SystemError) {
    self.path = path
    file = try Self.open(path)
  }

  private static func open(_ path: String) throws(SystemError) -> SharedDescriptor {
    SharedDescriptor(try FileDescriptor.open(path, [.writeOnly, .create, .append], mode: 0o640))
  }

  /// The file was moved away: goes on in a new one.
  func reopen() throws(SystemError) { file = try Self.open(path) }

  func take(_ bytes: [UInt8], _ stream: LogStream) {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count + 64)
    writers[stream, default: LogLineWriter(stream)].take(bytes, at: SystemClock.now, into: &output)
    write(output)
  }

  func finish(_ stream: LogStream) {
    var output: [UInt8] = []
    writers[stream]?.finish(at: SystemClock.now, into: &output)
    writers[stream] = nil
    write(output)
  }

  private func write(_ output: [UInt8]) {
    guard !output.isEmpty else { return }
    // A full disk costs log lines, not the container.
    try? Kernel.write(file.raw, output)
  }
}
