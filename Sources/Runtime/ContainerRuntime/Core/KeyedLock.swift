// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// One at a time for each key, in the order of asking.
final class KeyedLock: Sendable {
  private struct Queue {
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let queues: Mutex<[String: Queue]> = Mutex([:])

  /// Runs the body while nobody else holds the key.
  func with<Result>(_ key: String, _ body: () async throws -> Result) async rethrows -> Result {
    await acquire(key)
    defer { release(key) }
    return try await body()
  }

  private func acquire(_ key: String) async {
    await withCheckedContinuation { continuation in
      let isFree: Bool = queues.withLock { queues in
        guard queues[key] != nil else {
          queues[key] = Queue()
          return true
        }
        queues[key]?.waiting.append(continuation)
        return false
      }
      if isFree { continuation.resume() }
    }
  }

  private func release(_ key: String) {
    let next: CheckedContinuation<Void, Never>? = queues.withLock { queues in
      guard var queue: Queue = queues[key], !queue.waiting.isEmpty else {
        queues[key] = nil
        return nil
      }
      let first: CheckedContinuation<Void, Never> = queue.waiting.removeFirst()
      queues[key] = queue
      return first
    }
    next?.resume()
  }
}
