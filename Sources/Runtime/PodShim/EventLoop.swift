// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel

/// Calls back when descriptors are ready. One thread; nothing here blocks except the wait itself.
final class EventLoop {
  typealias Handler = (Readiness) -> Void

  private let poller: Poller
  private var handlers: [UInt64: Handler] = [:]
  private var tokens: [Int32: UInt64] = [:]
  private var nextToken: UInt64 = 1
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

  /// Runs until `stop`.
  func run() throws(SystemError) {
    while isRunning {
      for event in try poller.wait() {
        // A handler may have forgotten what comes after it.
        handlers[event.token]?(event.readiness)
      }
    }
  }

  /// Lets `run` return.
  func stop() { isRunning = false }
}
