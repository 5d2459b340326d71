// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeValues

/// Doubling waits, a name each: for restarts of containers and for pulls of images.
///
/// The first failure costs nothing, the second waits `initial`, then twice as long each time up to `maximum`; what
/// has not failed for twice the maximum begins anew.
struct BackOff: Sendable {
  private struct Entry: Sendable {
    var wait: Duration
    var updated: Timestamp
  }
  let initial: Duration
  let maximum: Duration
  private var entries: [String: Entry] = [:]

  init(initial: Duration = .seconds(10), maximum: Duration) {
    self.initial = initial
    self.maximum = maximum
  }

  /// How long is still to be waited for something that failed at `failure`; nil for nothing.
  mutating func remaining(_ name: String, since failure: Timestamp, now: Timestamp) -> Duration? {
    guard let entry: Entry = entries[name] else { return nil }
    if failure - entry.updated > maximum * 2 {
      entries[name] = nil
      return nil
    }
    let left: Duration = entry.wait - (now - failure)
    return left > .zero ? left : nil
  }

  /// How long a wait for this name is at present.
  func current(_ name: String) -> Duration { entries[name]?.wait ?? .zero }

  /// Counts another failure, after which the wait is longer.
  mutating func next(_ name: String, failure: Timestamp, now: Timestamp) {
    if let entry: Entry = entries[name], failure - entry.updated <= maximum * 2 {
      entries[name] = Entry(wait: min(entry.wait * 2, maximum), updated: now)
    } else {
      entries[name] = Entry(wait: initial, updated: now)
    }
  }

  /// Forgets a name.
  mutating func reset(_ name: String) { entries[name] = nil }
}
