// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import NIOCore
public import NIOHTTP1

/// Answers requests.
public protocol HTTPHandler: Sendable {
  /// Answers one request.
  ///
  /// Called on a task of its own, which is cancelled when the caller goes away. An error that is thrown
  /// before the response began becomes status 500, afterwards it cuts the connection (or the HTTP/2 stream).
  func handle(_ request: HTTPRequest, _ response: HTTPResponseWriter) async throws
}

/// Where the answer to one request goes: `send` once, or `begin`, `write`..., `finish`; or `upgrade`.
public struct HTTPResponseWriter: Sendable {
  private let connected: HTTPExchange?

  init(exchange: HTTPExchange) { connected = exchange }
  private init() { connected = nil }

  /// A writer that leads nowhere, for calls within the process; every use of it is an error.
  public static let unconnected: HTTPResponseWriter = HTTPResponseWriter()

  private var exchange: HTTPExchange {
    get throws {
      guard let connected else { throw HTTPServingError(.invalidState, "this request has no connection") }
      return connected
    }
  }

  /// Sends a whole response.
  public func send(status: HTTPResponseStatus, headers: HTTPHeaders = HTTPHeaders(), body: ByteBuffer) async throws {
    try exchange.send(status: status, headers: headers, body: body)
  }

  /// Sends a whole response.
  public func send(
    status: HTTPResponseStatus, headers: HTTPHeaders = HTTPHeaders(), body: [UInt8] = []
  ) async throws {
    try exchange.send(status: status, headers: headers, body: ByteBuffer(bytes: body))
  }

  /// Starts a response whose body follows in pieces. Without a content-length it is chunked.
  ///
  /// While the server drains, such a response is cancelled at once: it may be a watch without an end.
  public func begin(status: HTTPResponseStatus, headers: HTTPHeaders = HTTPHeaders()) async throws {
    try exchange.begin(status: status, headers: headers)
  }

  /// Sends a piece of the body and returns when the connection takes more.
  public func write(_ bytes: ByteBuffer) async throws { try await exchange.write(bytes) }

  /// Sends a piece of the body and returns when the connection takes more.
  public func write(_ bytes: [UInt8]) async throws { try await exchange.write(ByteBuffer(bytes: bytes)) }

  /// Ends a response that was begun; done for the handler when it returns.
  public func finish() async throws { try exchange.finish() }

  /// Answers with 101 (or another status) and takes the connection over: what the peer had sent already
  /// comes first in `inbound`. HTTP/1.1 only.
  public func upgrade(
    headers: HTTPHeaders, status: HTTPResponseStatus = .switchingProtocols
  ) async throws -> RawConnection {
    try await exchange.upgrade(status: status, headers: headers)
  }

  /// Whether the response was begun or sent.
  public var hasBegun: Bool { connected?.hasBegun ?? false }
}

/// A connection of raw bytes in both directions, after an upgrade.
public final class RawConnection: Sendable {
  private let channel: any Channel
  private let queue: InboundQueue
  private let gate: WriteGate

  init(channel: any Channel, queue: InboundQueue, gate: WriteGate) {
    self.channel = channel
    self.queue = queue
    self.gate = gate
  }

  /// What the peer sends; for one reader.
  public var inbound: HTTPBody { HTTPBody(queue: queue) }

  /// Sends bytes and returns when the connection takes more.
  public func write(_ bytes: ByteBuffer) async throws {
    try await gate.pass()
    channel.writeAndFlush(bytes, promise: nil)
  }

  /// Sends bytes and returns when the connection takes more.
  public func write(_ bytes: [UInt8]) async throws { try await write(ByteBuffer(bytes: bytes)) }

  /// Sends what was written and closes both directions.
  public func close() async {
    // A failure means that the connection is closed already.
    try? await channel.close()
    queue.finish()
  }

  /// Closes without waiting.
  public func cut() { channel.close(promise: nil) }
}

/// Copies bytes both ways until either side ends, then closes both.
public func relay(_ left: RawConnection, _ right: RawConnection) async {
  await withTaskGroup(of: Void.self) { group in
    group.addTask { await copy(from: left, to: right) }
    group.addTask { await copy(from: right, to: left) }
    await group.next()
    await left.close()
    await right.close()
    group.cancelAll()
  }
}

/// Copies one direction until it ends; an error on either side is an end like any other.
private func copy(from source: RawConnection, to target: RawConnection) async {
  do {
    for try await chunk in source.inbound { try await target.write(chunk) }
  } catch {}
}
