// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts what goes on at the same time, up to a limit.
final class PendingCount: Sendable {
  private let count: Atomic<Int> = Atomic(0)
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Whether one more may begin; then `give` must follow.
  func take() -> Bool {
    if count.add(1, ordering: .relaxed).newValue <= limit { return true }
    count.subtract(1, ordering: .relaxed)
    return false
  }

  func give() { count.subtract(1, ordering: .relaxed) }
}
