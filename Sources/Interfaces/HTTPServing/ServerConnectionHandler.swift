// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Logging
import NIOCore
import NIOHTTP1

/// What a connection knows of its peer.
struct PeerDescription: Sendable {
  var address: String
  var port: Int
  var certificatesDER: [[UInt8]]
  var isTLS: Bool
}

/// Turns the parts of one HTTP/1.1 connection, or of one HTTP/2 stream, into calls of the handler.
///
/// `@unchecked Sendable`: every stored `var` is touched on the channel's event loop only; other threads
/// go through `onLoop`.
final class ServerConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler, @unchecked Sendable {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// A peer that pipelines more parts than this while one request is answered is cut off.
  private static let pipelinedPartsLimit: Int = 4096
  /// An HTTP/1.1 connection without a request is closed after this time.
  private static let idleTimeout: TimeAmount = .minutes(3)

  private struct Current {
    var exchange: HTTPExchange
    var queue: InboundQueue?
    var keepsAlive: Bool
    var requestEnded: Bool
    var responseEnded: Bool
    var isUpgrade: Bool
  }

  private let eventLoop: any EventLoop
  private let services: ServerServices
  private let peer: PeerDescription
  private let isHTTP2: Bool
  private let executor: EventLoopTaskExecutor?
  private let gate: WriteGate = WriteGate()

  private var context: ChannelHandlerContext?
  private var current: Current?
  private var waitingHead: HTTPRequestHead?
  private var pipelined: CircularBuffer<HTTPServerRequestPart> = CircularBuffer()
  private var isDraining: Bool = false
  private var readIsHeld: Bool = false
  private var idleSince: NIODeadline = .now()
  private var idleCheck: Scheduled<Void>?

  init(eventLoop: any EventLoop, services: ServerServices, peer: PeerDescription, isHTTP2: Bool) {
    self.eventLoop = eventLoop
    self.services = services
    self.peer = peer
    self.isHTTP2 = isHTTP2
    executor = services.runsHandlersOnEventLoop ? EventLoopTaskExecutor(eventLoop) : nil
  }

  func onLoop(_ body: @escaping @Sendable () -> Void) {
    if eventLoop.inEventLoop { body() } else { eventLoop.execute(body) }
  }

  // MARK: the channel's events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    isDraining = services.registry.isDraining
    if !isHTTP2 { scheduleIdleCheck() }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    idleCheck?.cancel()
    self.context = nil
  }

  private func scheduleIdleCheck() {
    idleCheck = eventLoop.scheduleTask(in: Self.idleTimeout) { [self] in
      guard let context else { return }
      if current == nil, idleSince + Self.idleTimeout <= .now() {
        context.close(promise: nil)
      } else {
        scheduleIdleCheck()
      }
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part: HTTPServerRequestPart = unwrapInboundIn(data)
    if let current, current.requestEnded {
      pipelined.append(part)
      if pipelined.count > Self.pipelinedPartsLimit { context.close(promise: nil) }
    } else {
      process(part)
    }
  }

  private func process(_ part: HTTPServerRequestPart) {
    switch part {
    case .head(let head):
      // Most requests have no body: wait for the next part, which tells.
      if head.headers.contains(name: "expect") || head.headers.contains(name: "transfer-encoding") {
        start(head, hasBody: true)
      } else {
        waitingHead = head
      }
    case .body(let bytes):
      if let head = waitingHead { start(head, hasBody: true) }
      if current?.queue?.push(bytes) == false { readIsHeld = true }
    case .end:
      if let head = waitingHead { start(head, hasBody: false) }
      current?.requestEnded = true
      current?.queue?.finish()
      completeIfDone()
    }
  }

  func read(context: ChannelHandlerContext) {
    if !readIsHeld { context.read() }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    gate.set(isWritable: context.channel.isWritable)
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    gate.close()
    current?.queue?.finish(HTTPServingError(.connectionClosed, "the peer closed the connection"))
    current?.exchange.cancel()
    if current != nil { services.registry.exchangeEnded() }
    current = nil
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    services.logger.debug("connection failed", metadata: ["error": "\(error)", "peer": "\(peer.address)"])
    if !isHTTP2, current == nil, error is HTTPParserError {
      let head: HTTPResponseHead = HTTPResponseHead(
        version: .http1_1, status: .badRequest, headers: ["connection": "close", "content-length": "0"])
      context.write(wrapOutboundOut(.head(head)), promise: nil)
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
    context.close(promise: nil)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent {
      isDraining = true
      if let current {
        if current.exchange.isStreaming { current.exchange.cancel() }
      } else if waitingHead == nil, !isHTTP2 {
        context.close(promise: nil)
      }
    }
    context.fireUserInboundEventTriggered(event)
  }

  // MARK: a request

  private func start(_ head: HTTPRequestHead, hasBody: Bool) {
    waitingHead = nil
    let exchange: HTTPExchange = HTTPExchange(connection: self, gate: gate, isHead: head.method == .HEAD)
    var queue: InboundQueue?
    var body: HTTPBody = HTTPBody()
    if hasBody {
      let connection: ServerConnectionHandler = self
      let fresh: InboundQueue = InboundQueue { [weak connection] in connection?.askForMore() }
      queue = fresh
      let expects: Bool = head.headers[canonicalForm: "expect"].contains { $0.lowercased() == "100-continue" }
      let onFirstRead: @Sendable () -> Void = { [weak connection] in connection?.askToContinue() }
      body = HTTPBody(queue: fresh, onFirstRead: expects ? onFirstRead : nil)
    }
    let request: HTTPRequest = HTTPRequest(
      method: head.method.rawValue, target: head.uri, headers: head.headers, body: body,
      majorVersion: isHTTP2 ? 2 : 1, remoteAddress: peer.address, remotePort: peer.port,
      peerCertificatesDER: peer.certificatesDER, isTLS: peer.isTLS)
    let isUpgrade: Bool = request.isUpgrade
    current = Current(
      exchange: exchange, queue: queue, keepsAlive: head.isKeepAlive && !isUpgrade, requestEnded: false,
      responseEnded: false, isUpgrade: isUpgrade)
    services.registry.exchangeStarted()
    let handler: any HTTPHandler = services.handler
    // Here the callback world ends: the task lives as long as the request, and dies with its connection.
    let bodyQueue: InboundQueue? = queue
    let preference: (any TaskExecutor)? = executor
    let task: Task<Void, Never> = Task<Void, Never>(executorPreference: preference) {
      do {
        try await handler.handle(request, HTTPResponseWriter(exchange: exchange))
        exchange.settle(nil)
      } catch {
        exchange.settle(error)
      }
      bodyQueue?.discard()
    }
    exchange.attach(task)
  }

  private func askForMore() { onLoop { self.readAgain() } }
  private func askToContinue() { onLoop { self.sendContinue() } }

  private func sendContinue() {
    guard let context, !isHTTP2, current?.exchange.hasBegun == false else { return }
    context.writeAndFlush(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
  }

  private func readAgain() {
    guard readIsHeld else { return }
    readIsHeld = false
    context?.read()
  }

  private func completeIfDone() {
    guard let now = current, now.responseEnded else { return }
    if isHTTP2 {
      current = nil
      services.registry.exchangeEnded()
      if !now.requestEnded { context?.close(promise: nil) }
      return
    }
    guard now.requestEnded || !now.keepsAlive else { return }
    current = nil
    services.registry.exchangeEnded()
    idleSince = .now()
    guard now.keepsAlive, !isDraining else {
      context?.close(promise: nil)
      return
    }
    while current?.requestEnded != true, let part = pipelined.popFirst() { process(part) }
  }
}

// MARK: - the response
extension ServerConnectionHandler {
  private func head(_ status: HTTPResponseStatus, _ headers: HTTPHeaders) -> HTTPResponseHead {
    var headers: HTTPHeaders = headers
    headers.add(name: "date", value: HTTPDate.now())
    if !isHTTP2, isDraining || current?.keepsAlive == false, status != .switchingProtocols {
      current?.keepsAlive = false
      headers.replaceOrAdd(name: "connection", value: "close")
    }
    return HTTPResponseHead(version: isHTTP2 ? .http2 : .http1_1, status: status, headers: headers)
  }

  func send(_ exchange: HTTPExchange, status: HTTPResponseStatus, headers: HTTPHeaders, body: ByteBuffer) {
    guard let context, current?.exchange === exchange else { return }
    var headers: HTTPHeaders = headers
    if status.mayHaveResponseBody, !headers.contains(name: "content-length") {
      headers.add(name: "content-length", value: String(body.readableBytes))
    }
    context.write(wrapOutboundOut(.head(head(status, headers))), promise: nil)
    if body.readableBytes > 0, !exchange.isHead, status.mayHaveResponseBody {
      context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }
    end(exchange)
  }

  func begin(_ exchange: HTTPExchange, status: HTTPResponseStatus, headers: HTTPHeaders) {
    guard let context, current?.exchange === exchange else { return }
    context.writeAndFlush(wrapOutboundOut(.head(head(status, headers))), promise: nil)
    if isDraining { exchange.cancel() }
  }

  func write(_ exchange: HTTPExchange, _ bytes: ByteBuffer) {
    guard let context, current?.exchange === exchange, !exchange.isHead else { return }
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
  }

  func end(_ exchange: HTTPExchange) {
    guard let context, current?.exchange === exchange else { return }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    current?.responseEnded = true
    completeIfDone()
  }

  /// Cuts a response that cannot be finished, so that the peer sees that it is incomplete.
  func abort(_ exchange: HTTPExchange) {
    guard let context, current?.exchange === exchange else { return }
    context.close(promise: nil)
  }

  func upgrade(
    _ exchange: HTTPExchange, status: HTTPResponseStatus, headers: HTTPHeaders
  ) async throws -> RawConnection {
    let promise: EventLoopPromise<RawConnection> = eventLoop.makePromise()
    onLoop { self.startUpgrade(exchange, status: status, headers: headers, promise: promise) }
    return try await promise.futureResult.get()
  }

  private func startUpgrade(
    _ exchange: HTTPExchange, status: HTTPResponseStatus, headers: HTTPHeaders,
    promise: EventLoopPromise<RawConnection>
  ) {
    guard let context, let now = current, now.exchange === exchange, now.isUpgrade, !isHTTP2 else {
      promise.fail(HTTPServingError(.invalidState, "this connection cannot be upgraded"))
      return
    }
    var headers: HTTPHeaders = headers
    headers.add(name: "date", value: HTTPDate.now())
    context.writeAndFlush(
      wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
    current = nil
    services.registry.exchangeEnded()
    let raw: RawHandler = RawHandler(eventLoop: eventLoop)
    let pipeline: ChannelPipeline.SynchronousOperations = context.pipeline.syncOperations
    let channel: any Channel = context.channel
    do {
      let decoder: ChannelHandlerContext = try pipeline.context(handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self)
      let encoder: ChannelHandlerContext = try pipeline.context(handlerType: HTTPResponseEncoder.self)
      try pipeline.addHandler(raw)
      pipeline.removeHandler(context: encoder, promise: nil)
      pipeline.removeHandler(context: context, promise: nil)
      // Last, because what it has read too much goes to the handler behind it.
      pipeline.removeHandler(context: decoder).map { raw.connection(channel) }.cascade(to: promise)
    } catch {
      promise.fail(error)
    }
  }
}
