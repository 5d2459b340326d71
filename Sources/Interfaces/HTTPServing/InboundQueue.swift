// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// Bytes on their way from an event loop to one asynchronous reader, with a high-water mark.
///
/// The channel pushes; when the queue holds more than `highWaterMark` bytes the channel stops reading
/// until the reader has taken them.
final class InboundQueue: Sendable {
  /// Past this many bytes the channel reads no more; large enough for a TLS record and its successor.
  static let highWaterMark: Int = 64 * 1024

  private struct State {
    var chunks: CircularBuffer<ByteBuffer> = CircularBuffer()
    var byteCount: Int = 0
    var end: Result<Void, any Error>?
    var reader: CheckedContinuation<ByteBuffer?, any Error>?
    var isHolding: Bool = false
    var isDiscarding: Bool = false
  }

  private let state: Mutex<State> = Mutex(State())
  private let demand: @Sendable () -> Void

  /// - Parameter demand: Called, from any thread, when a channel that was held back may read again.
  init(demand: @escaping @Sendable () -> Void) { self.demand = demand }

  /// Adds bytes. False: full, stop reading until `demand`.
  @discardableResult
  func push(_ chunk: ByteBuffer) -> Bool {
    guard chunk.readableBytes > 0 else { return true }
    let (reader, goesOn): (CheckedContinuation<ByteBuffer?, any Error>?, Bool) = state.withLock { state in
      guard state.end == nil, !state.isDiscarding else { return (nil, true) }
      if let reader = state.reader {
        state.reader = nil
        return (reader, true)
      }
      state.chunks.append(chunk)
      state.byteCount += chunk.readableBytes
      state.isHolding = state.byteCount >= Self.highWaterMark
      return (nil, !state.isHolding)
    }
    reader?.resume(returning: chunk)
    return goesOn
  }

  /// No more bytes will come. Only the first call counts.
  func finish(_ error: (any Error)? = nil) {
    let reader: CheckedContinuation<ByteBuffer?, any Error>? = state.withLock { state in
      guard state.end == nil else { return nil }
      state.end = error.map { .failure($0) } ?? .success(())
      defer { state.reader = nil }
      return state.reader
    }
    if let error { reader?.resume(throwing: error) } else { reader?.resume(returning: nil) }
  }

  /// Nobody will read the rest: drops what is here and what comes.
  func discard() {
    let wasHolding: Bool = state.withLock { state in
      state.isDiscarding = true
      state.chunks.removeAll()
      state.byteCount = 0
      defer { state.isHolding = false }
      return state.isHolding
    }
    if wasHolding { demand() }
  }

  /// Whether the channel is being held back.
  var isHolding: Bool { state.withLock { $0.isHolding } }

  /// The next bytes; nil at the end. One reader at a time.
  func next() async throws -> ByteBuffer? {
    if let ready: Ready = state.withLock({ Self.take(&$0) }) { return try finish(ready) }
    return try await wait()
  }

  /// What a reader gets without waiting.
  private enum Ready {
    case chunk(ByteBuffer, wake: Bool)
    case end(Result<Void, any Error>)
  }

  private static func take(_ state: inout State) -> Ready? {
    guard let chunk: ByteBuffer = state.chunks.popFirst() else { return state.end.map { .end($0) } }
    state.byteCount -= chunk.readableBytes
    let wake: Bool = state.isHolding && state.byteCount < highWaterMark / 2
    if wake { state.isHolding = false }
    return .chunk(chunk, wake: wake)
  }

  private func finish(_ ready: Ready) throws -> ByteBuffer? {
    switch ready {
    case .chunk(let chunk, let wake):
      if wake { demand() }
      return chunk
    case .end(let result):
      try result.get()
      return nil
    }
  }

  private func wait() async throws -> ByteBuffer? {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let ready: Ready? = state.withLock { state in
          if Task.isCancelled { return .end(.failure(CancellationError())) }
          // A chunk that came meanwhile may be what made the channel hold: then this reader must wake it.
          if let ready: Ready = Self.take(&state) { return ready }
          state.reader = continuation
          return nil
        }
        if let ready { continuation.resume(with: Result { try finish(ready) }) }
      }
    } onCancel: {
      let reader: CheckedContinuation<ByteBuffer?, any Error>? = state.withLock { state in
        defer { state.reader = nil }
        return state.reader
      }
      reader?.resume(throwing: CancellationError())
    }
  }
}

/// Lets writers wait until a channel takes more bytes.
final class WriteGate: Sendable {
  private struct State {
    var isOpen: Bool = true
    var isClosed: Bool = false
    var waiters: [CheckedContinuation<Void, any Error>] = []
  }
  private let state: Mutex<State> = Mutex(State())

  /// The channel's writability changed.
  func set(isWritable: Bool) {
    let waiters: [CheckedContinuation<Void, any Error>] = state.withLock { state in
      state.isOpen = isWritable
      guard isWritable else { return [] }
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// The channel is gone: every writer, now and later, gets an error.
  func close() {
    let waiters: [CheckedContinuation<Void, any Error>] = state.withLock { state in
      state.isClosed = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume(throwing: Self.closed) }
  }

  private static var closed: HTTPServingError {
    HTTPServingError(.connectionClosed, "the peer closed the connection")
  }

  /// Whether the channel is gone.
  var isClosed: Bool { state.withLock { $0.isClosed } }

  /// Returns when the channel takes bytes. A cancelled task is let through when the channel closes,
  /// which the server does with a cancelled request.
  func pass() async throws {
    let ready: Bool = try state.withLock { state in
      if state.isClosed { throw Self.closed }
      return state.isOpen
    }
    if ready { return }
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      let result: Result<Void, any Error>? = state.withLock { state in
        if state.isClosed { return .failure(Self.closed) }
        if state.isOpen { return .success(()) }
        state.waiters.append(continuation)
        return nil
      }
      if let result { continuation.resume(with: result) }
    }
  }
}
