// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import HTTPServing
internal import NIOCore
internal import StreamFraming

/// The channels of exec and attach.
private enum Channel {
  static let stdin: UInt8 = 0
  static let stdout: UInt8 = 1
  static let stderr: UInt8 = 2
  static let error: UInt8 = 3
  static let resize: UInt8 = 4
}

/// Messages are kept small, so that streams share the connection fairly.
private let messageBytes: Int = 32 << 10

/// An output that sends each piece as a message of a channel.
private func output(_ socket: WebSocketConnection, _ channels: ChannelProtocol, _ channel: UInt8) -> StreamOutput {
  StreamOutput { bytes in
    var rest: ByteBuffer = bytes
    while let part: ByteBuffer = rest.readSlice(length: min(rest.readableBytes, messageBytes)), part.readableBytes > 0 {
      try await socket.send(channels.message(channel: channel, Array(part.readableBytesView)))
    }
  }
}

/// Exec and attach over the `channel.k8s.io` family.
struct WebSocketCommandSession: Sendable {
  let request: StreamRequest
  let backend: any StreamBackend
  let socket: WebSocketConnection
  let channels: ChannelProtocol

  func run() async {
    let wanted = request.streams
    let stdin: StreamQueue = StreamQueue()
    let (resizes, sizes): (AsyncStream<TerminalSize>, AsyncStream<TerminalSize>.Continuation) = AsyncStream.makeStream(
      bufferingPolicy: .bufferingNewest(16))
    let session: StreamSession = StreamSession(
      stdin: wanted.stdin ? StreamInput(queue: stdin) : nil,
      stdout: wanted.stdout ? output(socket, channels, Channel.stdout) : nil,
      stderr: wanted.stderr ? output(socket, channels, Channel.stderr) : nil,
      resizes: resizes)
    let (request, backend): (StreamRequest, any StreamBackend) = (request, backend)
    let work: Task<SessionOutcome, Never> = Task { await request.run(backend, session) }
    let reading: Task<Void, Never> = Task {
      await read(stdin: wanted.stdin ? stdin : nil, sizes: sizes)
      stdin.finish()
      sizes.finish()
      work.cancel()
    }
    await withTaskCancellationHandler {
      // An empty message tells the client that the session is there.
      let first: UInt8 = wanted.stdout ? Channel.stdout : wanted.stderr ? Channel.stderr : Channel.error
      // A client that has gone shows in reading.
      try? await socket.send(channels.message(channel: first, []))
      let outcome: SessionOutcome = await work.value
      if let bytes: [UInt8] = outcome.bytes(asStatus: channels.hasStatus) {
        try? await socket.send(channels.message(channel: Channel.error, bytes))
      }
      stdin.finish()
      await socket.close(after: reading)
    } onCancel: {
      work.cancel()
      socket.raw.cut()
    }
  }

  private func read(stdin: StreamQueue?, sizes: AsyncStream<TerminalSize>.Continuation) async {
    var decoder: ResizeDecoder = ResizeDecoder()
    do {
      try await socket.receive { message in
        switch try channels.event(message) {
        case .data(Channel.stdin, let bytes): await stdin?.push(ByteBuffer(bytes: bytes))
        case .data(Channel.resize, let bytes): for size: TerminalSize in decoder.decode(bytes) { sizes.yield(size) }
        case .close(Channel.stdin): stdin?.finish()
        case .data, .close, nil: break
        }
      }
    } catch {
      // A client that breaks the protocol is treated as gone.
      socket.raw.cut()
    }
  }
}

/// Port-forward over channels: two per port, for data and for errors, that begin with the port's number.
struct WebSocketPortForwardSession: Sendable {
  let request: PortForwardStreamRequest
  let backend: any StreamBackend
  let socket: WebSocketConnection
  let channels: ChannelProtocol

  func run() async {
    let inputs: [StreamQueue] = request.ports.map { _ in StreamQueue() }
    let reading: Task<Void, Never> = Task {
      await read(inputs)
      for input: StreamQueue in inputs { input.finish() }
    }
    await withTaskCancellationHandler {
      await withTaskGroup(of: Void.self) { group in
        for (index, port) in request.ports.enumerated() {
          group.addTask { await forward(port, index, inputs[index]) }
        }
      }
      await socket.close(after: reading)
    } onCancel: {
      socket.raw.cut()
    }
  }

  private func forward(_ port: UInt16, _ index: Int, _ input: StreamQueue) async {
    let data: StreamOutput = output(socket, channels, UInt8(truncatingIfNeeded: 2 * index))
    let errors: StreamOutput = output(socket, channels, UInt8(truncatingIfNeeded: 2 * index + 1))
    do {
      let number: [UInt8] = [UInt8(port & 0xff), UInt8(port >> 8)]
      try await data.write(number)
      try await errors.write(number)
      try await PortForwardRelay.run(backend, request, port: port, input: StreamInput(queue: input), output: data) {}
    } catch {
      // A client that has gone cannot be told.
      try? await errors.write(Array("error forwarding port \(port) to pod \(request.sandboxID): \(error)".utf8))
    }
  }

  private func read(_ inputs: [StreamQueue]) async {
    do {
      try await socket.receive { message in
        guard case .data(let channel, let bytes)? = try channels.event(message) else { return }
        let index: Int = Int(channel) / 2
        if channel % 2 == 0, inputs.indices.contains(index) { await inputs[index].push(ByteBuffer(bytes: bytes)) }
      }
    } catch {
      socket.raw.cut()
    }
  }
}
