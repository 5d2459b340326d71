// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import Kernel

extension Files {
  /// The text of a file; nil where it is not there or not readable: to the callers both mean "make a new one".
  static func textIfThere(_ path: String) -> String? {
    guard let bytes: [UInt8] = try? read(path) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension Processes {
  /// Waits until a process that need not be our child has ended.
  static func waitForEnd(of pid: Int32, milliseconds: Int32) throws {
    // One that is gone already needs no waiting.
    guard let descriptor: FileDescriptor = try? open(pid) else { return }
    var entry: pollfd = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, milliseconds) > 0 else {
      throw ClusterError(.timeout, "process \(pid) did not end within \(milliseconds / 1000) s")
    }
  }
}
