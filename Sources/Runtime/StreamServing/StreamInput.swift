// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import NIOCore
internal import Synchronization

/// The bytes a client sends on one stream, for one reader; a slow reader holds the client back.
public struct StreamInput: AsyncSequence, Sendable {
  /// A piece of what was sent.
  public typealias Element = ByteBuffer

  let queue: StreamQueue

  /// Makes an input and the queue that feeds it.
  init(queue: StreamQueue) { self.queue = queue }

  /// An input of known bytes.
  public init(_ bytes: ByteBuffer) {
    queue = StreamQueue()
    queue.offer(bytes)
    queue.finish()
  }

  /// Reads one chunk after the other.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let queue: StreamQueue

    /// The next chunk; nil at the end.
    public mutating func next() async throws -> ByteBuffer? { try await queue.next() }
  }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(queue: queue) }
}

/// Bytes between the task that reads a connection and the one that uses a stream of it.
final class StreamQueue: Sendable {
  /// As much as a pipe holds in Linux: past this, the feeder waits.
  private static let bytesMax: Int = 64 << 10

  private struct State {
    var chunks: CircularBuffer<ByteBuffer> = CircularBuffer()
    var byteCount: Int = 0
    var isFinished: Bool = false
    var reader: CheckedContinuation<ByteBuffer?, Never>?
    var feeder: CheckedContinuation<Void, Never>?
  }
  private let state: Mutex<State> = Mutex(State())

  /// Adds bytes without waiting.
  func offer(_ bytes: ByteBuffer) {
    guard bytes.readableBytes > 0 else { return }
    let reader: CheckedContinuation<ByteBuffer?, Never>? = state.withLock { state in
      guard !state.isFinished else { return nil }
      if let reader = state.reader {
        state.reader = nil
        return reader
      }
      state.chunks.append(bytes)
      state.byteCount += bytes.readableBytes
      return nil
    }
    reader?.resume(returning: bytes)
  }

  /// Adds bytes, and returns when there is room for more or nobody will read them.
  func push(_ bytes: ByteBuffer) async {
    offer(bytes)
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let goesOn: Bool = state.withLock { state in
          if state.isFinished || state.byteCount < Self.bytesMax { return true }
          state.feeder = continuation
          return false
        }
        if goesOn { continuation.resume() }
      }
    } onCancel: {
      finish()
    }
  }

  /// No more bytes will come; what is here can still be read.
  func finish() {
    let (reader, feeder) = state.withLock { state in
      state.isFinished = true
      defer { (state.reader, state.feeder) = (nil, nil) }
      return (state.reader, state.feeder)
    }
    reader?.resume(returning: nil)
    feeder?.resume()
  }

  func next() async throws -> ByteBuffer? {
    try await withTaskCancellationHandler {
      try Task.checkCancellation()
      return await withCheckedContinuation { continuation in
        enum Step { case chunk(ByteBuffer, CheckedContinuation<Void, Never>?), end, wait }
        let step: Step = state.withLock { state in
          if let chunk = state.chunks.popFirst() {
            state.byteCount -= chunk.readableBytes
            guard state.byteCount < Self.bytesMax else { return .chunk(chunk, nil) }
            defer { state.feeder = nil }
            return .chunk(chunk, state.feeder)
          }
          if state.isFinished { return .end }
          state.reader = continuation
          return .wait
        }
        switch step {
        case .chunk(let chunk, let feeder):
          feeder?.resume()
          continuation.resume(returning: chunk)
        case .end: continuation.resume(returning: nil)
        case .wait: break
        }
      }
    } onCancel: {
      finish()
    }
  }
}
