// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Logging
import Synchronization

/// Keys that wait to be worked on.
///
/// A key is in the queue at most once, however often it is added; while a worker has it, it is given to no other, and
/// if it was added meanwhile it comes again afterwards. A key whose work fails comes again after a pause that doubles
/// with each failure.
///
/// ```
/// add ──> waiting ──> processing ──> done
///            ^            │ added meanwhile, or failed (after a pause)
///            └────────────┘
/// ```
public final class WorkQueue<Key: Hashable & Sendable>: Sendable {
  private struct State {
    var waiting: [Key] = []
    var head: Int = 0
    /// Keys that must be worked on: waiting ones, and those that were added while a worker has them.
    var dirty: Set<Key> = []
    var processing: Set<Key> = []
    var failures: [Key: Int] = [:]
    /// When a key is to be added; an earlier time wins.
    var delayed: [Key: ContinuousClock.Instant] = [:]
    var workers: [UInt64: CheckedContinuation<Key?, Never>] = [:]
    var workerOrder: [UInt64] = []
    var nextWorker: UInt64 = 0
    var timerWake: CheckedContinuation<Void, Never>?
    var isClosed: Bool = false

    /// The worker that waits the longest.
    mutating func takeWorker() -> CheckedContinuation<Key?, Never>? {
      while !workerOrder.isEmpty {
        if let worker: CheckedContinuation<Key?, Never> = workers.removeValue(forKey: workerOrder.removeFirst()) {
          return worker
        }
      }
      return nil
    }

    mutating func popWaiting() -> Key? {
      guard head < waiting.count else { return nil }
      let key: Key = waiting[head]
      head += 1
      if head > 256, head * 2 > waiting.count {
        waiting.removeFirst(head)
        head = 0
      }
      return key
    }
  }

  private let state: Mutex<State> = Mutex(State())
  private let firstPause: Duration
  private let lastPause: Duration

  /// An empty queue; a key that fails for the n-th time pauses for `firstPause`·2ⁿ⁻¹, at most `lastPause`.
  public init(firstPause: Duration = .milliseconds(5), lastPause: Duration = .seconds(300)) {
    self.firstPause = firstPause
    self.lastPause = lastPause
  }

  /// The number of keys that wait.
  public var count: Int { state.withLock { $0.waiting.count - $0.head } }

  /// Adds a key now.
  public func add(_ key: Key) {
    let worker: CheckedContinuation<Key?, Never>? = state.withLock { state in
      guard !state.isClosed, state.dirty.insert(key).inserted, !state.processing.contains(key) else { return nil }
      if let worker: CheckedContinuation<Key?, Never> = state.takeWorker() {
        state.dirty.remove(key)
        state.processing.insert(key)
        return worker
      }
      state.waiting.append(key)
      return nil
    }
    worker?.resume(returning: key)
  }

  /// Adds a key after a pause, unless it is to be added earlier already.
  public func add(_ key: Key, after pause: Duration) {
    guard pause > .zero else { return add(key) }
    let time: ContinuousClock.Instant = .now + pause
    let wake: CheckedContinuation<Void, Never>? = state.withLock { state in
      if let earlier: ContinuousClock.Instant = state.delayed[key], earlier <= time { return nil }
      state.delayed[key] = time
      defer { state.timerWake = nil }
      return state.timerWake
    }
    wake?.resume()
  }

  /// Adds a key after a pause that grows with its failures.
  public func addRateLimited(_ key: Key) {
    let failures: Int = state.withLock { state in
      state.failures[key, default: 0] += 1
      return state.failures[key] ?? 1
    }
    add(key, after: min(firstPause * (1 << min(failures - 1, 20)), lastPause))
  }

  /// Forgets a key's failures.
  public func forget(_ key: Key) { state.withLock { $0.failures[key] = nil } }

  /// How often a key has failed since it last succeeded.
  public func failures(_ key: Key) -> Int { state.withLock { $0.failures[key] ?? 0 } }

  // MARK: Working

  /// Works on keys with a number of workers until the task is cancelled.
  ///
  /// A key whose work throws is added again after a pause; the error is logged, but a conflict only in detail,
  /// because it means merely that the cache was behind.
  public func run(
    workers: Int, logger: Logger, name: String, _ work: @escaping @Sendable (Key) async throws -> Void
  ) async {
    await withTaskCancellationHandler {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await self.runTimer() }
        for _ in 0..<workers {
          group.addTask {
            while let key: Key = await self.next() {
              do {
                try await work(key)
                self.forget(key)
              } catch {
                if !Task.isCancelled {
                  let level: Logger.Level = error.isConflict || self.failures(key) < 2 ? .debug : .warning
                  logger.log(level: level, "\(name): \(key) will be tried again", metadata: ["error": "\(error)"])
                  self.addRateLimited(key)
                }
              }
              self.done(key)
            }
          }
        }
      }
    } onCancel: {
      close()
    }
  }

  /// The next key; nil when the queue is closed. `done` must follow.
  private func next() async -> Key? {
    await withCheckedContinuation { continuation in
      let immediate: Key?? = state.withLock { state -> Key?? in
        if state.isClosed { return .some(nil) }
        if let key: Key = state.popWaiting() {
          state.dirty.remove(key)
          state.processing.insert(key)
          return .some(key)
        }
        state.workers[state.nextWorker] = continuation
        state.workerOrder.append(state.nextWorker)
        state.nextWorker += 1
        return nil
      }
      if let immediate { continuation.resume(returning: immediate) }
    }
  }

  private func done(_ key: Key) {
    let isDirty: Bool = state.withLock { state in
      state.processing.remove(key)
      // It is taken out so that `add` below does not see it as waiting already.
      return state.dirty.remove(key) != nil
    }
    if isDirty { add(key) }
  }

  private func close() {
    let waiting: (workers: [CheckedContinuation<Key?, Never>], timer: CheckedContinuation<Void, Never>?) =
      state.withLock { state in
        state.isClosed = true
        defer {
          state.workers = [:]
          state.timerWake = nil
        }
        return (Array(state.workers.values), state.timerWake)
      }
    for worker: CheckedContinuation<Key?, Never> in waiting.workers { worker.resume(returning: nil) }
    waiting.timer?.resume()
  }

  /// Adds delayed keys when their time has come.
  private func runTimer() async {
    while !Task.isCancelled {
      let now: ContinuousClock.Instant = .now
      let due: (keys: [Key], next: ContinuousClock.Instant?) = state.withLock { state in
        let keys: [Key] = state.delayed.filter { $0.value <= now }.map(\.key)
        for key: Key in keys { state.delayed[key] = nil }
        return (keys, state.delayed.values.min())
      }
      for key: Key in due.keys { add(key) }
      await pause(until: due.next)
    }
  }

  /// Waits until a time, or until a key is delayed; the clock's task and the wake-up race.
  private func pause(until time: ContinuousClock.Instant?) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await withTaskCancellationHandler {
          await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isLate: Bool = self.state.withLock { state in
              let earliest: ContinuousClock.Instant? = state.delayed.values.min()
              // A cancellation that came before this has found nobody to wake.
              if state.isClosed || earliest != time || Task.isCancelled { return true }
              state.timerWake = continuation
              return false
            }
            if isLate { continuation.resume() }
          }
        } onCancel: {
          let wake: CheckedContinuation<Void, Never>? = self.state.withLock { state in
            defer { state.timerWake = nil }
            return state.timerWake
          }
          wake?.resume()
        }
      }
      if let time {
        // A cancelled sleep is the other task's win.
        group.addTask { try? await Task.sleep(until: time, clock: .continuous) }
      }
      await group.next()
      group.cancelAll()
    }
  }
}
