// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import NIOCore

/// The body of a message, as it arrives: an asynchronous sequence of chunks for one reader.
///
/// Reading is what lets more bytes come from the network; a body that nobody reads costs at most one
/// buffer of 64 KiB.
public struct HTTPBody: AsyncSequence, Sendable {
  public typealias Element = ByteBuffer

  private enum Source: Sendable {
    case bytes(ByteBuffer)
    case queue(InboundQueue, onFirstRead: (@Sendable () -> Void)?)
  }

  private let source: Source

  /// A body that is known already.
  public init(_ bytes: ByteBuffer = ByteBuffer()) { source = .bytes(bytes) }

  /// A body that is known already.
  public init(bytes: some Sequence<UInt8>) { source = .bytes(ByteBuffer(bytes: bytes)) }

  init(queue: InboundQueue, onFirstRead: (@Sendable () -> Void)? = nil) {
    source = .queue(queue, onFirstRead: onFirstRead)
  }

  /// Whether this body is known to be empty.
  public var isEmpty: Bool { if case .bytes(let bytes) = source { bytes.readableBytes == 0 } else { false } }

  /// Reads one chunk after the other.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate var bytes: ByteBuffer?
    fileprivate let queue: InboundQueue?
    fileprivate var onFirstRead: (@Sendable () -> Void)?

    /// The next chunk; nil at the end.
    public mutating func next() async throws -> ByteBuffer? {
      if let onFirstRead {
        onFirstRead()
        self.onFirstRead = nil
      }
      if let queue { return try await queue.next() }
      defer { bytes = nil }
      return bytes.flatMap { $0.readableBytes > 0 ? $0 : nil }
    }
  }

  public func makeAsyncIterator() -> AsyncIterator {
    switch source {
    case .bytes(let bytes): AsyncIterator(bytes: bytes, queue: nil, onFirstRead: nil)
    case .queue(let queue, let onFirstRead): AsyncIterator(bytes: nil, queue: queue, onFirstRead: onFirstRead)
    }
  }

  /// The whole body; an error of code `bodyTooLarge` when it is larger than `limit` bytes.
  public func collect(upTo limit: Int) async throws -> ByteBuffer {
    var whole: ByteBuffer?
    for try await var chunk in self {
      let size: Int = (whole?.readableBytes ?? 0) + chunk.readableBytes
      guard size <= limit else {
        throw HTTPServingError(.bodyTooLarge, "the body is larger than \(limit) bytes")
      }
      if whole == nil { whole = chunk } else { whole?.writeBuffer(&chunk) }
    }
    return whole ?? ByteBuffer()
  }
}
