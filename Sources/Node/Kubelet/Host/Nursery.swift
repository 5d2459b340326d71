// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A place for tasks that begin at any time and end at the latest when the nursery's owner is cancelled.
///
/// `run` is the parent of them all, so that nothing outlives the daemon.
final class Nursery: Sendable {
  /// Ends one task before its time.
  struct Handle: Sendable {
    fileprivate let signal: WakeSignal
    /// Cancels the task.
    func cancel() { signal.raise() }
  }

  private typealias Job = @Sendable () async -> Void
  private let jobs: AsyncStream<Job>
  private let continuation: AsyncStream<Job>.Continuation

  init() { (jobs, continuation) = AsyncStream.makeStream() }

  /// Runs what is started until cancelled, then cancels it.
  func run() async {
    await withDiscardingTaskGroup { group in
      for await job in jobs { group.addTask { await job() } }
      group.cancelAll()
    }
  }

  /// Starts a task; before `run` it waits.
  @discardableResult
  func start(_ body: @Sendable @escaping () async -> Void) -> Handle {
    let handle: Handle = Handle(signal: WakeSignal())
    continuation.yield {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await body() }
        group.addTask { await handle.signal.wait() }
        await group.next()
        group.cancelAll()
      }
    }
    return handle
  }
}
