// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import GRPCCore
import Synchronization

/// Ends calls that take too long, with one timer for all of them.
///
/// Most calls end within milliseconds. A timer of their own stays with the system until its time has come, also after
/// the call's end, and wakes three threads then; on a quiet node, where little happens but probes, that was a good part
/// of all work.
final class CallDeadlines: Sendable {
  private struct Call {
    var deadline: ContinuousClock.Instant
    var cancel: @Sendable () -> Void
  }

  private struct State {
    var calls: [UInt64: Call] = [:]
    var nextID: UInt64 = 1
    /// When the watch looks next; nil while it waits for a call.
    var nextLook: ContinuousClock.Instant?
  }

  private let state: Mutex<State> = Mutex(State())
  private let wake: WakeSignal = WakeSignal()

  /// Ends what is due, until cancelled. Without it, no call is ever ended.
  func watch() async {
    while !Task.isCancelled {
      let due: [Call] = state.withLock { state in
        let now: ContinuousClock.Instant = .now
        let due: [UInt64: Call] = state.calls.filter { $0.value.deadline <= now }
        for id: UInt64 in due.keys { state.calls[id] = nil }
        state.nextLook = state.calls.values.map(\.deadline).min()
        return Array(due.values)
      }
      for call: Call in due { call.cancel() }
      await wake.wait(until: state.withLock { $0.nextLook })
    }
  }

  /// Runs a call; throws `deadlineExceeded` when it had to be ended.
  func run<Result: Sendable>(
    within limit: Duration, _ body: @Sendable @escaping () async throws -> Result
  ) async throws -> Result {
    let call: Task<Result, any Error> = Task.immediate { try await body() }
    let id: UInt64 = begin(.now + limit) { call.cancel() }
    do {
      let result: Result = try await withTaskCancellationHandler { try await call.value } onCancel: { call.cancel() }
      _ = end(id)
      return result
    } catch {
      guard end(id) else { throw RPCError(code: .deadlineExceeded, message: "context deadline exceeded") }
      throw error
    }
  }

  private func begin(_ deadline: ContinuousClock.Instant, _ cancel: @Sendable @escaping () -> Void) -> UInt64 {
    let (id, isFirst): (UInt64, Bool) = state.withLock { state in
      let id: UInt64 = state.nextID
      state.nextID += 1
      state.calls[id] = Call(deadline: deadline, cancel: cancel)
      let isFirst: Bool = state.nextLook.map { deadline < $0 } ?? true
      if isFirst { state.nextLook = deadline }
      return (id, isFirst)
    }
    if isFirst { wake.raise() }
    return id
  }

  /// False where the call was ended because its time was over.
  private func end(_ id: UInt64) -> Bool { state.withLock { $0.calls.removeValue(forKey: id) != nil } }
}
