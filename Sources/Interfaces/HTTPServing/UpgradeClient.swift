// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
public import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOTLS

/// A request to another server.
public struct HTTPClientRequest: Sendable {
  /// GET, POST, ...
  public var method: String
  /// Path and query, percent-encoded.
  public var target: String
  /// The header fields; `host` is added where it is missing.
  public var headers: HTTPHeaders
  /// The body, sent chunked unless `content-length` is given.
  public var body: HTTPBody

  /// Makes a request.
  public init(method: String, target: String, headers: HTTPHeaders = HTTPHeaders(), body: HTTPBody = HTTPBody()) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
  }
}

/// The answer of another server.
public struct HTTPClientResponse: Sendable {
  /// The status.
  public var status: HTTPResponseStatus
  /// The header fields.
  public var headers: HTTPHeaders
  /// The body as it comes; empty after an upgrade.
  public var body: HTTPBody
  /// The connection, when the server switched protocols (status 101).
  public var connection: RawConnection?
  let channel: any Channel

  /// Gives the rest of the body up and closes the connection.
  public func close() { channel.close(promise: nil) }
}

/// The client side of connection upgrades, and of requests that are passed on: one connection a request.
public enum UpgradeClient {
  /// Sends a request and returns when the head of the answer is here.
  ///
  /// The connection closes when the body has been read to its end, or with `close()`.
  public static func connect(
    to address: HTTPAddress, tls: HTTPClientTLS? = nil, request: HTTPClientRequest,
    connectTimeout: Duration = .seconds(10)
  ) async throws -> HTTPClientResponse {
    let channel: any Channel = try await open(address, tls: tls, timeout: connectTimeout)
    let handler: ClientExchangeHandler = ClientExchangeHandler(eventLoop: channel.eventLoop)
    return try await withTaskCancellationHandler {
      do {
        let pipeline: ChannelPipeline = channel.pipeline
        try await channel.eventLoop.submit {
          try pipeline.syncOperations.addHandler(HTTPRequestEncoder())
          try pipeline.syncOperations.addHandler(
            ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes)))
          try pipeline.syncOperations.addHandler(handler)
        }.get()
        return try await exchange(channel, handler, address, request)
      } catch {
        channel.close(promise: nil)
        throw error
      }
    } onCancel: {
      channel.close(promise: nil)
    }
  }

  /// Requests that ask for an upgrade say all in their head; what some clients add is small.
  private static let upgradeBodyBytesMax: Int = 64 << 10

  private static func exchange(
    _ channel: any Channel, _ handler: ClientExchangeHandler, _ address: HTTPAddress, _ request: HTTPClientRequest
  ) async throws -> HTTPClientResponse {
    var headers: HTTPHeaders = request.headers
    if !headers.contains(name: "host") {
      if case .tcp = address { headers.add(name: "host", value: address.description) } else { headers.add(name: "host", value: "localhost") }
    }
    let isUpgrade: Bool = headers.contains(name: "upgrade")
    if !isUpgrade { headers.replaceOrAdd(name: "connection", value: "close") }
    if request.body.isEmpty, ["POST", "PUT", "PATCH"].contains(request.method), !headers.contains(name: "content-length") {
      headers.add(name: "content-length", value: "0")
    }
    let head: HTTPRequestHead = HTTPRequestHead(
      version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: request.target, headers: headers)
    // Nothing is sent before the end is encoded, unless there is a body: the answer to an upgrade takes the encoder
    // away, and a part that came after it could not be written.
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    if isUpgrade, !request.body.isEmpty {
      let body: ByteBuffer = try await request.body.collect(upTo: upgradeBodyBytesMax)
      channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil)
    } else if !request.body.isEmpty {
      for try await chunk in request.body {
        try await handler.gate.pass()
        channel.writeAndFlush(HTTPClientRequestPart.body(.byteBuffer(chunk)), promise: nil)
      }
    }
    channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    return try await handler.response.futureResult.get()
  }

  private static func open(_ address: HTTPAddress, tls: HTTPClientTLS?, timeout: Duration) async throws -> any Channel {
    let bootstrap: ClientBootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connectTimeout(.nanoseconds(Int64(timeout / .nanoseconds(1))))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let tls else { return }
          try channel.pipeline.syncOperations.addHandler(sslHandler(tls, address))
        }
      }
    do {
      switch address {
      case .tcp(let host, let port):
        let channel: any Channel = try await bootstrap.connect(host: host, port: port).get()
        try await channel.setOption(.tcpOption(.tcp_nodelay), value: 1).get()
        return channel
      case .unix(let path): return try await bootstrap.connect(unixDomainSocketPath: path).get()
      }
    } catch {
      throw HTTPServingError(.connectFailed, "dial \(address): \(connectMessage(error))")
    }
  }

  private static func connectMessage(_ error: any Error) -> String {
    if let failures = error as? NIOConnectionError, let first = failures.connectionErrors.first {
      return "\(first.error)"
    }
    return "\(error)"
  }

  private static func sslHandler(_ tls: HTTPClientTLS, _ address: HTTPAddress) throws -> NIOSSLClientHandler {
    var name: String? = tls.serverName
    if name == nil, case .tcp(let host, _) = address { name = host }
    // Server name indication does not take addresses; NIOSSL then verifies the address itself.
    let isAddress: Bool = name.map { (try? SocketAddress(ipAddress: $0, port: 0)) != nil } ?? true
    return try NIOSSLClientHandler(context: tls.context, serverHostname: isAddress ? nil : name)
  }
}

/// The end of a client connection's pipeline: one response.
///
/// `@unchecked Sendable`: its `var`s are touched on the channel's event loop only.
private final class ClientExchangeHandler: ChannelDuplexHandler, RemovableChannelHandler, @unchecked Sendable {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundIn = HTTPClientRequestPart
  typealias OutboundOut = HTTPClientRequestPart

  let response: EventLoopPromise<HTTPClientResponse>
  let gate: WriteGate = WriteGate()
  private let eventLoop: any EventLoop
  private var context: ChannelHandlerContext?
  private var readIsHeld: Bool = false
  private var isUpgraded: Bool = false
  private var hasResponse: Bool = false
  private lazy var queue: InboundQueue = InboundQueue { [weak self] in self?.readAgain() }

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    response = eventLoop.makePromise()
  }

  private func readAgain() {
    eventLoop.execute {
      guard self.readIsHeld else { return }
      self.readIsHeld = false
      self.context?.read()
    }
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      hasResponse = true
      if head.status == .switchingProtocols {
        upgrade(context, head)
      } else {
        response.succeed(
          HTTPClientResponse(
            status: head.status, headers: head.headers, body: HTTPBody(queue: queue), connection: nil,
            channel: context.channel))
      }
    case .body(let bytes):
      if !queue.push(bytes) { readIsHeld = true }
    case .end:
      guard !isUpgraded else { return }
      queue.finish()
      context.close(promise: nil)
    }
  }

  private func upgrade(_ context: ChannelHandlerContext, _ head: HTTPResponseHead) {
    isUpgraded = true
    let channel: any Channel = context.channel
    let raw: RawHandler = RawHandler(eventLoop: eventLoop)
    let wholePipeline: ChannelPipeline = context.pipeline
    // The decoder is in the middle of its work: it is taken out when it has finished this message.
    eventLoop.execute { [self] in
      let pipeline: ChannelPipeline.SynchronousOperations = wholePipeline.syncOperations
      do {
        let decoder: ChannelHandlerContext = try pipeline.context(
          handlerType: ByteToMessageHandler<HTTPResponseDecoder>.self)
        let encoder: ChannelHandlerContext = try pipeline.context(handlerType: HTTPRequestEncoder.self)
        try pipeline.addHandler(raw)
        pipeline.removeHandler(context: encoder, promise: nil)
        if let own = self.context { pipeline.removeHandler(context: own, promise: nil) }
        pipeline.removeHandler(context: decoder).map {
          HTTPClientResponse(
            status: head.status, headers: head.headers, body: HTTPBody(), connection: raw.connection(channel),
            channel: channel)
        }.cascade(to: response)
      } catch {
        response.fail(error)
      }
    }
  }

  func read(context: ChannelHandlerContext) {
    if !readIsHeld { context.read() }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    gate.set(isWritable: context.channel.isWritable)
  }

  func channelInactive(context: ChannelHandlerContext) {
    fail(HTTPServingError(.connectionClosed, "the server closed the connection"))
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail(HTTPServingError(.protocolViolation, "\(error)"))
    context.close(promise: nil)
  }

  private func fail(_ error: HTTPServingError) {
    gate.close()
    if !hasResponse { response.fail(error) }
    hasResponse = true
    queue.finish(error)
  }
}
