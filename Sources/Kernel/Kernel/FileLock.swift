// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc

/// A lock on a file (flock(2)) that says whether somebody lives: it is held as long as any process has a copy of the
/// descriptor, also one that inherited it, and the kernel lets go of it when the last one ends, however it ends.
public final class FileLock: Sendable {
  private let descriptor: SharedDescriptor

  /// The number of the descriptor, for a child to inherit.
  public var raw: Int32 { descriptor.raw }

  private init(_ descriptor: SharedDescriptor) { self.descriptor = descriptor }

  /// Takes the lock; nil when somebody else has it. The file is made where there is none.
  public static func take(_ path: String) throws(SystemError) -> FileLock? {
    let file: SharedDescriptor = SharedDescriptor(
      try FileDescriptor.open(path, [.readWrite, .create], mode: 0o600))
    do throws(SystemError) { try systemCall("flock", path) { flock(file.raw, LOCK_EX | LOCK_NB) } } catch {
      if error.errno == .wouldBlock { return nil }
      throw error
    }
    return FileLock(file)
  }
}
