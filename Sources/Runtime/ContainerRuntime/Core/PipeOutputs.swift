// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel
import Synchronization

/// Collects what comes out of pipes while something runs.
final class PipeOutputs: Sendable {
  private struct State {
    var bytes: [[UInt8]]
    var open: Int
    var waiting: CheckedContinuation<Void, Never>?
  }

  private let pipes: [SharedDescriptor]
  private let reactor: Reactor
  private let state: Mutex<State>

  /// Begins to read; of each pipe, what is beyond the limit is thrown away.
  init(_ pipes: [SharedDescriptor], limit: Int, reactor: Reactor) throws(SystemError) {
    self.pipes = pipes
    self.reactor = reactor
    state = Mutex(State(bytes: pipes.map { _ in [] }, open: pipes.count, waiting: nil))
    for (number, pipe) in pipes.enumerated() {
      try Kernel.setNonblocking(pipe.raw)
      try reactor.watch(pipe.raw, .readable) { [weak self] _ in self?.read(number, limit) }
    }
  }

  private func read(_ number: Int, _ limit: Int) {
    var bytes: [UInt8] = []
    do throws(SystemError) { bytes = try Kernel.read(pipes[number].raw, upTo: 64 << 10) } catch {
      if error.errno == .wouldBlock { return }
    }
    if bytes.isEmpty { reactor.forget(pipes[number].raw) }
    let waiting: CheckedContinuation<Void, Never>? = state.withLock { state in
      state.bytes[number] += bytes.prefix(max(0, limit - state.bytes[number].count))
      guard bytes.isEmpty else { return nil }
      state.open -= 1
      guard state.open == 0 else { return nil }
      defer { state.waiting = nil }
      return state.waiting
    }
    waiting?.resume()
  }

  /// Reads no more.
  func cancel() {
    for pipe: SharedDescriptor in pipes { reactor.forget(pipe.raw) }
    let waiting: CheckedContinuation<Void, Never>? = state.withLock { state in
      state.open = 0
      defer { state.waiting = nil }
      return state.waiting
    }
    waiting?.resume()
  }

  /// Everything, once all pipes have ended or the time is over.
  func finish(within timeout: Duration) async -> [[UInt8]] {
    // Mostly they ended with the process: then no clock is needed.
    let (isDone, bytes): (Bool, [[UInt8]]) = state.withLock { ($0.open <= 0, $0.bytes) }
    if isDone { return bytes }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [self] in
        await withCheckedContinuation { continuation in
          let isDone: Bool = state.withLock { state in
            if state.open > 0 { state.waiting = continuation }
            return state.open <= 0
          }
          if isDone { continuation.resume() }
        }
      }
      group.addTask { [self] in
        // Cancelled when the pipes end first.
        do { try await Task.sleep(for: timeout) } catch { return }
        cancel()
      }
      await group.next()
      group.cancelAll()
    }
    return state.withLock { $0.bytes }
  }
}
