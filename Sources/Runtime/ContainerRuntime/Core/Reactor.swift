// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import Kernel
import Synchronization

/// One thread that waits for descriptors and calls back: shims, plugins, executed processes.
///
/// Handlers run on that thread; they must be quick and must not block.
final class Reactor: Sendable {
  typealias Handler = @Sendable (Readiness) -> Void

  private struct State {
    var handlers: [UInt64: Handler] = [:]
    var tokens: [Int32: UInt64] = [:]
    var nextToken: UInt64 = 1
  }

  private let poller: Poller
  private let state: Mutex<State> = Mutex(State())

  init() throws(SystemError) {
    poller = try Poller()
    var thread: pthread_t = pthread_t()
    let context: UnsafeMutableRawPointer = Unmanaged.passRetained(self).toOpaque()
    let result: Int32 = pthread_create(&thread, nil, { context in
      guard let context else { return nil }
      Unmanaged<Reactor>.fromOpaque(context).takeRetainedValue().run()
      return nil
    }, context)
    if result != 0 { throw SystemError(Errno(rawValue: result), "pthread_create") }
    pthread_detach(thread)
  }

  /// Calls the handler whenever the descriptor is ready. Call `forget` before closing it.
  func watch(_ descriptor: Int32, _ readiness: Readiness, _ handler: @escaping Handler) throws(SystemError) {
    let token: UInt64 = state.withLock { state in
      let token: UInt64 = state.nextToken
      state.nextToken += 1
      state.tokens[descriptor] = token
      state.handlers[token] = handler
      return token
    }
    do throws(SystemError) { try poller.add(descriptor, readiness, token: token) } catch {
      forget(descriptor)
      throw error
    }
  }

  /// Calls back no more; of a descriptor that is not watched is fine.
  func forget(_ descriptor: Int32) {
    let wasKnown: Bool = state.withLock { state in
      guard let token: UInt64 = state.tokens.removeValue(forKey: descriptor) else { return false }
      state.handlers[token] = nil
      return true
    }
    if wasKnown { poller.remove(descriptor) }
  }

  /// Waits until a descriptor is readable once, such as a pidfd.
  func readable(_ descriptor: SharedDescriptor) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      do throws(SystemError) {
        try watch(descriptor.raw, .readable) { [self] _ in
          forget(descriptor.raw)
          continuation.resume()
        }
      } catch { continuation.resume(throwing: error) }
    }
  }

  /// Everything that comes from a pipe until its end, up to a limit; what comes after that is thrown away.
  func readAll(_ descriptor: SharedDescriptor, limit: Int) async throws -> [UInt8] {
    try Kernel.setNonblocking(descriptor.raw)
    let collected: Collected = Collected()
    return try await withCheckedThrowingContinuation { continuation in
      do throws(SystemError) {
        try watch(descriptor.raw, .readable) { [self] _ in
          guard let bytes: [UInt8] = collected.read(descriptor, limit: limit) else { return }
          forget(descriptor.raw)
          continuation.resume(returning: bytes)
        }
      } catch { continuation.resume(throwing: error) }
    }
  }

  private final class Collected: Sendable {
    let bytes: Mutex<[UInt8]> = Mutex([])

    /// Takes what is there; returns everything once the end has come.
    func read(_ descriptor: SharedDescriptor, limit: Int) -> [UInt8]? {
      bytes.withLock { bytes in
        do throws(SystemError) {
          let more: [UInt8] = try Kernel.read(descriptor.raw, upTo: 64 << 10)
          if more.isEmpty { return bytes }
          bytes += more.prefix(max(0, limit - bytes.count))
          return nil
        } catch { return error.errno == .wouldBlock ? nil : bytes }
      }
    }
  }

  private func run() {
    while true {
      // The epoll descriptor lives as long as this: waiting cannot fail.
      guard let events = try? poller.wait() else { return }
      for event in events {
        let handler: Handler? = state.withLock { $0.handlers[event.token] }
        handler?(event.readiness)
      }
    }
  }
}
