// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import HTTPServing
internal import NIOCore
internal import StreamFraming
internal import Synchronization

/// What carries SPDY's bytes: the connection itself, or a WebSocket's binary messages.
enum SPDYTransport: Sendable {
  case raw(RawConnection)
  case webSocket(WebSocketConnection)

  var raw: RawConnection {
    switch self {
    case .raw(let connection): connection
    case .webSocket(let socket): socket.raw
    }
  }

  func write(_ bytes: [UInt8]) async throws {
    switch self {
    case .raw(let connection): try await connection.write(bytes)
    case .webSocket(let socket): try await socket.send(.binary(bytes))
    }
  }

  func receive(_ body: ([UInt8]) async throws -> Void) async throws {
    switch self {
    case .raw(let connection):
      for try await chunk: ByteBuffer in connection.inbound { try await body(Array(chunk.readableBytesView)) }
    case .webSocket(let socket): try await socket.receive(body)
    }
  }
}

/// One stream of a SPDY connection, opened by the client.
final class SPDYStream: Sendable {
  /// Data frames are kept small, so that streams share the connection fairly.
  private static let frameBytes: Int = 32 << 10

  let id: UInt32
  let headers: SPDYHeaders
  let input: StreamQueue = StreamQueue()
  private let connection: SPDYConnection
  private let isClosed: Atomic<Bool> = Atomic(false)

  init(id: UInt32, headers: SPDYHeaders, connection: SPDYConnection) {
    self.id = id
    self.headers = headers
    self.connection = connection
  }

  var kind: String { headers["streamtype"] ?? "" }

  func write(_ bytes: ByteBuffer) async throws {
    var rest: ByteBuffer = bytes
    while let part: ByteBuffer = rest.readSlice(length: min(rest.readableBytes, Self.frameBytes)),
      part.readableBytes > 0
    {
      guard !isClosed.load(ordering: .relaxed) else { throw StreamServingError(.clientGone, "the stream is closed") }
      try await connection.send(.data(stream: id, bytes: Array(part.readableBytesView), isLast: false))
    }
  }

  var output: StreamOutput { StreamOutput { try await self.write($0) } }

  /// Tells the client that no more comes.
  func closeWriting() async throws {
    guard !isClosed.exchange(true, ordering: .relaxed) else { return }
    try await connection.send(.data(stream: id, bytes: [], isLast: true))
  }

  /// The client wants no more of it.
  func reset() {
    isClosed.store(true, ordering: .relaxed)
    input.finish()
  }
}

/// The server's side of a SPDY/3.1 connection, as Kubernetes' clients use it: only they open streams, and
/// neither side counts windows.
final class SPDYConnection: Sendable {
  /// A client that opens more is broken; one forwarded connection needs two.
  private static let streamsMax: Int = 2048

  private let transport: SPDYTransport
  private let writer: Mutex<SPDYWriter>
  private let streams: Mutex<[UInt32: SPDYStream]> = Mutex([:])

  init(_ transport: SPDYTransport) throws {
    self.transport = transport
    self.writer = Mutex(try SPDYWriter())
  }

  func send(_ frame: SPDYFrame) async throws {
    let bytes: Result<[UInt8], StreamFramingError> = writer.withLock { writer in
      do throws(StreamFramingError) { return .success(try writer.bytes(frame)) } catch { return .failure(error) }
    }
    try await transport.write(try bytes.get())
  }

  /// Reads frames until the client goes; each new stream is accepted and handed to `onStream`.
  func run(onStream: @Sendable (SPDYStream) async -> Void) async {
    do {
      var reader: SPDYReader = try SPDYReader()
      try await transport.receive { bytes in
        reader.append(bytes)
        while let frame: SPDYFrame = try reader.next() { try await self.handle(frame, onStream) }
      }
    } catch {
      // A client that breaks the protocol is treated as gone.
      transport.raw.cut()
    }
    for stream: SPDYStream in streams.withLock({ Array($0.values) }) { stream.reset() }
  }

  private func handle(_ frame: SPDYFrame, _ onStream: @Sendable (SPDYStream) async -> Void) async throws {
    switch frame {
    case .synStream(let id, let headers, let isLast, _):
      let stream: SPDYStream = SPDYStream(id: id, headers: headers, connection: self)
      let isTaken: Bool = streams.withLock { streams in
        guard streams.count < Self.streamsMax, streams[id] == nil else { return false }
        streams[id] = stream
        return true
      }
      // REFUSED_STREAM
      guard isTaken else { return try await send(.rstStream(stream: id, status: 3)) }
      try await send(.synReply(stream: id, headers: [:], isLast: false))
      if isLast { stream.input.finish() }
      await onStream(stream)
    case .data(let id, let bytes, let isLast):
      guard let stream: SPDYStream = streams.withLock({ $0[id] }) else { return }
      if !bytes.isEmpty { await stream.input.push(ByteBuffer(bytes: bytes)) }
      if isLast { stream.input.finish() }
    case .rstStream(let id, _):
      streams.withLock { $0.removeValue(forKey: id) }?.reset()
    case .ping(let id): try await send(.ping(id: id))
    case .synReply, .settings, .goAway, .headers, .windowUpdate: break
    }
  }

  /// Forgets a stream whose both sides are done.
  func remove(_ stream: SPDYStream) {
    streams.withLock { $0[stream.id] = nil }
  }

  /// Says goodbye and closes once the client has.
  func close(after reading: Task<Void, Never>) async {
    // A client that has gone needs no goodbye.
    try? await send(.goAway(lastStream: 0, status: 0))
    switch transport {
    case .raw(let connection): await linger(reading, connection)
    case .webSocket(let socket): await socket.close(after: reading)
    }
  }

  /// Ends the connection at once.
  func cut() { transport.raw.cut() }
}
