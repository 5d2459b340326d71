// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel

/// Files that exist in memory alone.
public enum Memory {
  /// An empty file in memory, open for reading and writing; the name is for /proc.
  public static func file(_ name: String) throws(SystemError) -> FileDescriptor {
    let closeOnExec: UInt32 = 1
    return FileDescriptor(owning: try systemCall("memfd_create", name) { apus_memfd(name, closeOnExec) })
  }
}
