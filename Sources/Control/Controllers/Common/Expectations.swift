// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import Synchronization

/// What a controller has done and its cache has not shown yet.
///
/// Until the cache shows it, the controller must not count what it owns, or it would create or delete twice. What
/// never shows is given up after a time.
final class Expectations: Sendable {
  private struct Entry {
    var creations: Int = 0
    var deletions: Set<String> = []
    var at: ContinuousClock.Instant = .now
  }

  /// Upstream's ExpectationsTimeout.
  private static let timeout: Duration = .seconds(300)
  private let entries: Mutex<[ObjectKey: Entry]> = Mutex([:])

  /// Whether everything has shown, or has been given up.
  func areSatisfied(_ key: ObjectKey) -> Bool {
    entries.withLock { entries in
      guard let entry: Entry = entries[key] else { return true }
      return (entry.creations <= 0 && entry.deletions.isEmpty) || ContinuousClock.now - entry.at > Self.timeout
    }
  }

  func expectCreations(_ key: ObjectKey, _ count: Int) {
    entries.withLock { entries in
      var entry: Entry = entries[key] ?? Entry()
      entry.creations = max(entry.creations, 0) + count
      entry.at = .now
      entries[key] = entry
    }
  }

  func expectDeletions(_ key: ObjectKey, _ uids: [String]) {
    entries.withLock { entries in
      var entry: Entry = entries[key] ?? Entry()
      entry.deletions.formUnion(uids)
      entry.at = .now
      entries[key] = entry
    }
  }

  /// An object was created, or its creation failed.
  func observeCreation(_ key: ObjectKey) { entries.withLock { $0[key]?.creations -= 1 } }
  /// An object was deleted, or its deletion failed.
  func observeDeletion(_ key: ObjectKey, _ uid: String) { entries.withLock { _ = $0[key]?.deletions.remove(uid) } }
  func forget(_ key: ObjectKey) { entries.withLock { $0[key] = nil } }
}
