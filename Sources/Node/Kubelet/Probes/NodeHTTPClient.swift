// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// GET requests of probes and hooks: every one on a connection of its own, certificates unverified, as upstream's.
///
/// They are most of what a kubelet does on a quiet node, so there is no pool, no stream and no task about them, as there is
/// with clients for larger answers: one channel, and one promise of its verdict.
struct NodeHTTPClient: Sendable {
  /// What a server says beyond this is not read.
  private static let bodyBytesMax: Int = 10 << 10
  /// As many as Go's client asks one after the other.
  private static let redirectionsMax: Int = 10

  private let tls: NIOSSLContext

  init() throws {
    var configuration: TLSConfiguration = .makeClientConfiguration()
    configuration.certificateVerification = .none
    tls = try NIOSSLContext(configuration: configuration)
  }

  /// Asks, and judges the status: 200 to 399 is good. A redirection is followed on the same host only.
  func get(_ action: HTTPGetAction, container: Container, host: String, timeout: Duration) async -> Prober.Outcome {
    guard let port: Int = Prober.port(action.port, container) else { return .unknown("unknown port") }
    var url: ProbeURL = ProbeURL(
      isEncrypted: action.scheme.lowercased() == "https", host: action.host.isEmpty ? host : action.host, port: port,
      path: action.path.hasPrefix("/") ? action.path : "/" + action.path)
    let deadline: NIODeadline = .now() + TimeAmount(timeout)
    var followed: Int = 0
    do {
      while true {
        let answer: ProbeAnswer = try await ask(url, Self.headers(action.httpHeaders, host: url.authority), deadline)
        guard (300..<400).contains(answer.status) else {
          if (200..<300).contains(answer.status) { return .success }
          return .failure("HTTP probe failed with statuscode: \(answer.status)")
        }
        guard let next: ProbeURL = answer.redirection.flatMap(url.resolve), next.host == url.host else {
          return .warning("Probe terminated redirects, Response body: \(answer.body)")
        }
        followed += 1
        guard followed < Self.redirectionsMax else {
          return .failure("Get \"\(next)\": stopped after \(Self.redirectionsMax) redirects")
        }
        url = next
      }
    } catch let failure as ConnectionFailure {
      if Prober.isTimeout(failure.cause) { return .failure("Get \"\(url)\": \(RequestFailure.timedOut)") }
      return .failure("Get \"\(url)\": dial tcp \(url.authority): \(Prober.reason(failure.cause))")
    } catch {
      return .failure("Get \"\(url)\": \(error)")
    }
  }

  private func ask(_ url: ProbeURL, _ headers: HTTPHeaders, _ deadline: NIODeadline) async throws -> ProbeAnswer {
    let head: HTTPRequestHead = HTTPRequestHead(version: .http1_1, method: .GET, uri: url.path, headers: headers)
    let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let promise: EventLoopPromise<ProbeAnswer> = loop.makePromise()
    let connecting: EventLoopFuture<any Channel> = ClientBootstrap(group: loop)
      .connectTimeout(deadline - .now())
      .channelInitializer { [tls] channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline: ChannelPipeline.SynchronousOperations = channel.pipeline.syncOperations
          if url.isEncrypted {
            let isAddress: Bool = (try? SocketAddress(ipAddress: url.host, port: url.port)) != nil
            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : url.host))
          }
          try pipeline.addHTTPClientHandlers()
          try pipeline.addHandler(OneAnswer(head, promise, deadline: deadline, bodyBytesMax: Self.bodyBytesMax))
        }
      }
      .connect(toHost: url.host, port: url.port)
    // Once there is a channel, its handler keeps the promise.
    connecting.whenFailure { promise.fail(ConnectionFailure(cause: $0)) }
    return try await promise.futureResult.get()
  }

  /// The headers of a request: those of the probe go before our own; an empty `Accept` means none.
  private static func headers(_ given: [HTTPHeader], host: String) -> HTTPHeaders {
    var headers: HTTPHeaders = [
      "Host": host, "User-Agent": "kube-probe/1.36", "Accept": "*/*", "Connection": "close",
    ]
    for header: HTTPHeader in given {
      let name: String = header.name.lowercased()
      if ["user-agent", "accept", "host"].contains(name) { headers.remove(name: name) }
      if !header.value.isEmpty || name != "accept" { headers.add(name: header.name, value: header.value) }
    }
    return headers
  }
}

/// What a server said.
private struct ProbeAnswer: Sendable {
  var status: UInt
  /// Where it says that the answer is.
  var redirection: String?
  /// The beginning of its text.
  var body: String
}

/// There was no connection to ask on.
private struct ConnectionFailure: Error {
  var cause: any Error
}

/// What a request on a connection came to, in Go's words, which users know.
private struct RequestFailure: Error, CustomStringConvertible {
  static let timedOut: RequestFailure = RequestFailure(
    description: "context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
  static let closed: RequestFailure = RequestFailure(description: "EOF")
  var description: String
}

/// Sends one request and waits for its answer, until a deadline; closes the connection then.
private final class OneAnswer: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  /// The statuses that send a GET elsewhere, where they say so.
  private static let redirections: Set<UInt> = [301, 302, 303, 307, 308]

  private let request: HTTPRequestHead
  private let deadline: NIODeadline
  private let bodyBytesMax: Int
  private var promise: EventLoopPromise<ProbeAnswer>?
  private var alarm: Scheduled<Void>?
  private var head: HTTPResponseHead?
  private var body: ByteBuffer = ByteBuffer()

  init(_ request: HTTPRequestHead, _ promise: EventLoopPromise<ProbeAnswer>, deadline: NIODeadline, bodyBytesMax: Int) {
    self.request = request
    self.promise = promise
    self.deadline = deadline
    self.bodyBytesMax = bodyBytesMax
  }

  func channelActive(context: ChannelHandlerContext) {
    let bound: NIOLoopBound<(OneAnswer, ChannelHandlerContext)> = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    alarm = context.eventLoop.scheduleTask(deadline: deadline) {
      let (answer, context): (OneAnswer, ChannelHandlerContext) = bound.value
      answer.finish(.failure(RequestFailure.timedOut), context)
    }
    context.write(wrapOutboundOut(.head(request)), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body(var bytes):
      body.writeBuffer(&bytes)
      if body.readableBytes >= bodyBytesMax { finish(answer, context) }
    case .end: finish(answer, context)
    }
  }

  private var answer: Result<ProbeAnswer, any Error> {
    guard let head else { return .failure(RequestFailure.closed) }
    let isElsewhere: Bool = Self.redirections.contains(head.status.code)
    return .success(
      ProbeAnswer(
        status: head.status.code, redirection: isElsewhere ? head.headers.first(name: "Location") : nil,
        body: String(decoding: body.readableBytesView.prefix(bodyBytesMax), as: UTF8.self)))
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish(.failure(RequestFailure.closed), context)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Some servers end an encrypted connection, or a body without length, by just closing it.
    finish(head == nil ? .failure(error) : answer, context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    // Of a connection that did not come about the one who wanted it is told.
    guard alarm != nil else { return }
    finish(.failure(RequestFailure.closed), context)
  }

  private func finish(_ result: Result<ProbeAnswer, any Error>, _ context: ChannelHandlerContext) {
    guard let promise else { return }
    self.promise = nil
    alarm?.cancel()
    promise.completeWith(result)
    context.close(promise: nil)
  }
}
