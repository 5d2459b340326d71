// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Kernel

/// Tells that something in a directory has changed: an entry came or went, or a file was written (inotify(7)).
///
/// It says only that it is time to look, not what has changed. Changes that come together are told once.
final class DirectoryWatch: Sendable {
  private static let changes: UInt32 = UInt32(
    IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

  private let descriptor: SharedDescriptor
  /// Dispatch's sources may be used from any thread.
  private nonisolated(unsafe) let source: any DispatchSourceRead
  private let changed: WakeSignal = WakeSignal()

  /// Watches nothing yet.
  init() throws(SystemError) {
    descriptor = SharedDescriptor(
      owning: try systemCall("inotify_init1") { inotify_init1(O_NONBLOCK | O_CLOEXEC) })
    source = DispatchSource.makeReadSource(fileDescriptor: descriptor.raw, queue: .global())
    source.setEventHandler { [descriptor, changed] in
      // What exactly has changed is of no interest, but must be taken for more to be told.
      while let bytes: [UInt8] = try? Kernel.read(descriptor.raw, upTo: 4 << 10), !bytes.isEmpty {}
      changed.raise()
    }
    source.setCancelHandler { [descriptor] in withExtendedLifetime(descriptor) {} }
    source.activate()
  }

  deinit { source.cancel() }

  /// Watches a directory from now on; of one that is watched already is fine. False where it is not there.
  func watch(_ path: String) -> Bool { inotify_add_watch(descriptor.raw, path, Self.changes) >= 0 }

  /// Returns after a change, also one since the last wait, or when the time is over.
  func wait(for limit: Duration) async throws {
    await changed.wait(until: .now + limit)
    try Task.checkCancellation()
  }
}
