// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A flag that one task waits for and any task may raise; raised twice before it is seen, it is seen once.
final class WakeSignal: Sendable {
  private enum State {
    case idle
    case raised
    case waiting(CheckedContinuation<Void, Never>)
  }
  private let state: Mutex<State> = Mutex(.idle)

  /// Raises the flag.
  func raise() {
    let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
      defer { if case .waiting = state { state = .idle } else { state = .raised } }
      if case .waiting(let continuation) = state { return continuation }
      return nil
    }
    waiter?.resume()
  }

  /// Lowers the flag: what raised it is known.
  func lower() {
    state.withLock { state in if case .raised = state { state = .idle } }
  }

  /// Returns when the flag is raised, and lowers it; or when the task is cancelled.
  func wait() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isReady: Bool = state.withLock { state in
          if case .raised = state {
            state = .idle
            return true
          }
          if Task.isCancelled { return true }
          state = .waiting(continuation)
          return false
        }
        if isReady { continuation.resume() }
      }
    } onCancel: {
      let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
        guard case .waiting(let continuation) = state else { return nil }
        state = .idle
        return continuation
      }
      waiter?.resume()
    }
  }

  /// Returns when the flag is raised, or at the deadline.
  func wait(until deadline: ContinuousClock.Instant?) async {
    guard let deadline else { return await wait() }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.wait() }
      group.addTask {
        // Cancelled when the flag is raised first.
        try? await Task.sleep(until: deadline, clock: .continuous)
      }
      await group.next()
      group.cancelAll()
    }
  }
}
