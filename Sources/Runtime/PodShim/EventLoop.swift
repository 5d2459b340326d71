// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel

/// Calls back when descriptors are ready and when times have come. One thread; nothing here blocks except the wait itself.
final class EventLoop {
  typealias Handler = (Readiness) -> Void

  private let poller: Poller
  private var handlers: [UInt64: Handler] = [:]
  private var tokens: [Int32: UInt64] = [:]
  private var nextToken: UInt64 = 1
  private var alarms: [UInt64: (time: ContinuousClock.Instant, handler: () -> Void)] = [:]
  private var isRunning: Bool = true

  init() throws(SystemError) { poller = try Poller() }

  /// Calls the handler whenever the descriptor is ready. Call `forget` before closing it.
  func watch(_ descriptor: Int32, _ readiness: Readiness, _ handler: @escaping Handler) throws(SystemError) {
    forget(descriptor)
    let token: UInt64 = nextToken
    nextToken += 1
    try poller.add(descriptor, readiness, token: token)
    tokens[descriptor] = token
    handlers[token] = handler
  }

  /// Waits for something else on a watched descriptor.
  func change(_ descriptor: Int32, _ readiness: Readiness) {
    guard let token: UInt64 = tokens[descriptor] else { return }
    // It is in the set: the change cannot fail.
    try? poller.change(descriptor, readiness, token: token)
  }

  /// Calls back no more; of a descriptor that is not watched is fine.
  func forget(_ descriptor: Int32) {
    guard let token: UInt64 = tokens.removeValue(forKey: descriptor) else { return }
    handlers[token] = nil
    poller.remove(descriptor)
  }

  /// Calls the handler once after a while, unless `cancel` is called before with what this returns.
  func call(after duration: Duration, _ handler: @escaping () -> Void) -> UInt64 {
    let token: UInt64 = nextToken
    nextToken += 1
    alarms[token] = (.now + duration, handler)
    return token
  }

  /// Does not call what `call` has planned; of something that is over is fine.
  func cancel(_ token: UInt64) { alarms[token] = nil }

  /// Runs until `stop`.
  func run() throws(SystemError) {
    while isRunning {
      for event in try poller.wait(milliseconds: untilNextAlarm) {
        // A handler may have forgotten what comes after it.
        handlers[event.token]?(event.readiness)
      }
      if !alarms.isEmpty { ring() }
    }
  }

  /// The milliseconds until the next planned call, rounded up; -1 without one.
  private var untilNextAlarm: Int32 {
    guard let next: ContinuousClock.Instant = alarms.values.map(\.time).min() else { return -1 }
    let left: Duration = max(next - .now, .zero)
    let (seconds, attoseconds): (Int64, Int64) = left.components
    return Int32(clamping: min(seconds, Int64(Int32.max)) * 1_000 + attoseconds / 1_000_000_000_000_000 + 1)
  }

  private func ring() {
    let now: ContinuousClock.Instant = .now
    for (token, alarm) in alarms where alarm.time <= now {
      alarms[token] = nil
      alarm.handler()
    }
  }

  /// Lets `run` return.
  func stop() { isRunning = false }
}
