// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import NIOCore
internal import StreamFraming

/// Exec and attach over SPDY: the client opens a stream for each of error, stdin, stdout, stderr and resize.
struct SPDYCommandSession: Sendable {
  /// How long a client may take to open its streams (upstream's default).
  private static let streamsTimeout: Duration = .seconds(30)

  let request: StreamRequest
  let backend: any StreamBackend
  let connection: SPDYConnection
  /// The version of the `channel.k8s.io` protocol: 4 and later send a status, 3 and later take sizes.
  let version: Int

  func run() async {
    let (opened, opening): (AsyncStream<SPDYStream>, AsyncStream<SPDYStream>.Continuation) = AsyncStream.makeStream()
    let reading: Task<Void, Never> = Task {
      await connection.run { opening.yield($0) }
      opening.finish()
    }
    await withTaskCancellationHandler {
      guard let streams: [String: SPDYStream] = await collect(opened) else {
        return await connection.close(after: reading)
      }
      await run(streams, reading)
    } onCancel: {
      connection.cut()
    }
  }

  /// Waits for the streams that the request speaks of; nil when they do not come.
  private func collect(_ opened: AsyncStream<SPDYStream>) async -> [String: SPDYStream]? {
    let wanted = request.streams
    var names: Set<String> = ["error"]
    if wanted.stdin { names.insert("stdin") }
    if wanted.stdout { names.insert("stdout") }
    if wanted.stderr { names.insert("stderr") }
    if wanted.hasTerminal, version >= 3 { names.insert("resize") }
    return await withTaskGroup(of: [String: SPDYStream]?.self) { [names] group in
      group.addTask {
        var streams: [String: SPDYStream] = [:]
        for await stream: SPDYStream in opened {
          streams[stream.kind] = stream
          if names.isSubset(of: streams.keys) { return streams }
        }
        return nil
      }
      group.addTask {
        // The end of the sleep by cancellation is no timeout, but then the answer is there.
        try? await Task.sleep(for: Self.streamsTimeout)
        return nil
      }
      let first: [String: SPDYStream]? = await group.next() ?? nil
      group.cancelAll()
      return first
    }
  }

  private func run(_ streams: [String: SPDYStream], _ reading: Task<Void, Never>) async {
    let (resizes, sizes): (AsyncStream<TerminalSize>, AsyncStream<TerminalSize>.Continuation) = AsyncStream.makeStream(
      bufferingPolicy: .bufferingNewest(16))
    let session: StreamSession = StreamSession(
      stdin: streams["stdin"].map { StreamInput(queue: $0.input) }, stdout: streams["stdout"]?.output,
      stderr: request.streams.stderr ? streams["stderr"]?.output : nil, resizes: resizes)
    let (request, backend): (StreamRequest, any StreamBackend) = (request, backend)
    let work: Task<SessionOutcome, Never> = Task { await request.run(backend, session) }
    let resizing: Task<Void, Never> = Task {
      var decoder: ResizeDecoder = ResizeDecoder()
      // The end of the stream, however it comes, is the end of the sizes.
      if let resize: SPDYStream = streams["resize"] {
        do {
          for try await bytes: ByteBuffer in StreamInput(queue: resize.input) {
            for size: TerminalSize in decoder.decode(bytes.readableBytesView) { sizes.yield(size) }
          }
        } catch {}
      }
      sizes.finish()
    }
    let watching: Task<Void, Never> = Task {
      await reading.value
      work.cancel()
    }
    let outcome: SessionOutcome = await work.value
    resizing.cancel()
    watching.cancel()
    // A client that has gone cannot be told.
    for name: String in ["stdout", "stderr"] { try? await streams[name]?.closeWriting() }
    if let bytes: [UInt8] = outcome.bytes(asStatus: version >= 4) {
      try? await streams["error"]?.write(ByteBuffer(bytes: bytes))
    }
    for name: String in ["error", "resize", "stdin"] { try? await streams[name]?.closeWriting() }
    streams["stdin"]?.input.finish()
    await connection.close(after: reading)
  }
}

/// Port-forward over SPDY: for each connection the client opens a pair of streams with one request id.
struct SPDYPortForwardSession: Sendable {
  let request: PortForwardStreamRequest
  let backend: any StreamBackend
  let connection: SPDYConnection
  let logger: Logger

  func run() async {
    let (opened, opening): (AsyncStream<SPDYStream>, AsyncStream<SPDYStream>.Continuation) = AsyncStream.makeStream()
    let reading: Task<Void, Never> = Task {
      await connection.run { opening.yield($0) }
      opening.finish()
    }
    await withTaskCancellationHandler {
      await withDiscardingTaskGroup { group in
        var halves: [String: SPDYStream] = [:]
        for await stream: SPDYStream in opened {
          // Old clients send no request id; their streams come in pairs of neighbouring numbers.
          let id: String = stream.headers["requestid"] ?? "\((stream.id + 1) / 4)"
          guard let other: SPDYStream = halves.removeValue(forKey: id), other.kind != stream.kind else {
            halves[id] = stream
            continue
          }
          let (data, error): (SPDYStream, SPDYStream) = stream.kind == "data" ? (stream, other) : (other, stream)
          group.addTask { await forward(data, error) }
        }
      }
      await reading.value
    } onCancel: {
      connection.cut()
    }
  }

  private func forward(_ data: SPDYStream, _ error: SPDYStream) async {
    let text: String = data.headers["port"] ?? ""
    do {
      guard let port: UInt16 = UInt16(text), port > 0 else {
        throw StreamServingError(.badClient, "unable to parse \"\(text)\" as a port")
      }
      try await PortForwardRelay.run(
        backend, request, port: port, input: StreamInput(queue: data.input), output: data.output
      ) {
        try await data.closeWriting()
      }
    } catch let failure {
      logger.debug("port-forward failed", metadata: ["sandbox": "\(request.sandboxID)", "error": "\(failure)"])
      let message: String = "error forwarding port \(text) to pod \(request.sandboxID), uid : \(failure)"
      // A client that has gone cannot be told.
      try? await error.write(ByteBuffer(string: message))
    }
    try? await error.closeWriting()
    try? await data.closeWriting()
    connection.remove(data)
    connection.remove(error)
  }
}
