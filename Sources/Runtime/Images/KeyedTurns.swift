// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Who may work on a key, and who waits for it, in the order of arrival. The owner is an actor.
struct KeyedTurns {
  private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

  /// Whether the caller may begin at once; if not, it must `wait`.
  mutating func begin(_ key: String) -> Bool {
    guard waiting[key] == nil else { return false }
    waiting[key] = []
    return true
  }

  mutating func wait(_ key: String, _ continuation: CheckedContinuation<Void, Never>) {
    waiting[key, default: []].append(continuation)
  }

  /// Hands the key to the next in line.
  mutating func end(_ key: String) {
    guard var line: [CheckedContinuation<Void, Never>] = waiting[key], !line.isEmpty else {
      waiting[key] = nil
      return
    }
    let next: CheckedContinuation<Void, Never> = line.removeFirst()
    waiting[key] = line
    next.resume()
  }
}

extension ImageStore {
  /// Runs one piece of work at a time per key.
  func inTurn<Value: Sendable>(_ key: String, _ work: () async throws -> Value) async throws -> Value {
    if !turns.begin(key) {
      await withCheckedContinuation { turns.wait(key, $0) }
    }
    defer { turns.end(key) }
    return try await work()
  }
}
