// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Pauses that double up to a limit.
public struct BackOff: Sendable {
  private let initial: Duration
  private let limit: Duration
  private var current: Duration

  /// Pauses from `initial` to `limit`.
  public init(initial: Duration, limit: Duration) {
    self.initial = initial
    self.limit = limit
    current = initial
  }

  /// The next pause.
  public mutating func next() -> Duration {
    defer { current = min(current * 2, limit) }
    return current
  }

  /// Begins again with the shortest pause.
  public mutating func reset() { current = initial }
}
