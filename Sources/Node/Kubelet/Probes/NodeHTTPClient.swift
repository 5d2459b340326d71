// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// GET requests of probes and hooks: every one on a connection of its own, certificates unverified, as upstream's.
///
/// They are most of what a kubelet does on a quiet node, so there is no pool, no stream and no task about them: one
/// channel, and one promise of its verdict.
struct NodeHTTPClient: Sendable {
  /// What a server says beyond this is not read.
  private static let bodyBytesMax: Int = 10 << 10

  private let tls: NIOSSLContext

  init() throws {
    var configuration: TLSConfiguration = .makeClientConfiguration()
    configuration.certificateVerification = .none
    tls = try NIOSSLContext(configuration: configuration)
  }

  /// Asks, and judges the status: 200 to 399 is good.
  func get(_ action: HTTPGetAction, container: Container, host: String, timeout: Duration) async -> Prober.Outcome {
    guard let port: Int = Prober.port(action.port, container) else { return .failure("unknown port") }
    let target: String = action.host.isEmpty ? host : action.host
    let authority: String = "\(target.contains(":") ? "[\(target)]" : target):\(port)"
    let isEncrypted: Bool = action.scheme.lowercased() == "https"
    let path: String = action.path.hasPrefix("/") ? action.path : "/" + action.path
    let url: String = "\(isEncrypted ? "https" : "http")://\(authority)\(path)"
    let head: HTTPRequestHead = HTTPRequestHead(
      version: .http1_1, method: .GET, uri: path, headers: Self.headers(action.httpHeaders, host: authority))
    let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let promise: EventLoopPromise<HTTPResponseStatus> = loop.makePromise()
    let deadline: NIODeadline = .now() + TimeAmount(timeout)
    let connecting: EventLoopFuture<any Channel> = ClientBootstrap(group: loop)
      .connectTimeout(TimeAmount(timeout))
      .channelInitializer { [tls] channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline: ChannelPipeline.SynchronousOperations = channel.pipeline.syncOperations
          if isEncrypted {
            let isAddress: Bool = (try? SocketAddress(ipAddress: target, port: port)) != nil
            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : target))
          }
          try pipeline.addHTTPClientHandlers()
          try pipeline.addHandler(OneAnswer(head, promise, deadline: deadline, bodyBytesMax: Self.bodyBytesMax))
        }
      }
      .connect(toHost: target, port: port)
    // Once there is a channel, its handler keeps the promise.
    connecting.whenFailure { promise.fail(ConnectionFailure(cause: $0)) }
    do {
      let status: UInt = try await promise.futureResult.get().code
      return (200..<400).contains(status) ? .success : .failure("HTTP probe failed with statuscode: \(status)")
    } catch let failure as ConnectionFailure {
      return .failure("Get \"\(url)\": dial tcp \(authority): \(Prober.reason(failure.cause))")
    } catch {
      return .failure("Get \"\(url)\": \(error)")
    }
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

  private let request: HTTPRequestHead
  private let deadline: NIODeadline
  private let bodyBytesMax: Int
  private var promise: EventLoopPromise<HTTPResponseStatus>?
  private var alarm: Scheduled<Void>?
  private var status: HTTPResponseStatus?
  private var bodyBytes: Int = 0

  init(
    _ request: HTTPRequestHead, _ promise: EventLoopPromise<HTTPResponseStatus>, deadline: NIODeadline, bodyBytesMax: Int
  ) {
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
    case .head(let head): status = head.status
    case .body(let bytes):
      bodyBytes += bytes.readableBytes
      if bodyBytes >= bodyBytesMax { finish(answer, context) }
    case .end: finish(answer, context)
    }
  }

  private var answer: Result<HTTPResponseStatus, any Error> { status.map { .success($0) } ?? .failure(RequestFailure.closed) }

  func channelInactive(context: ChannelHandlerContext) {
    finish(.failure(RequestFailure.closed), context)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Some servers end an encrypted connection, or a body without length, by just closing it.
    finish(status == nil ? .failure(error) : answer, context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    finish(.failure(RequestFailure.closed), context)
  }

  private func finish(_ result: Result<HTTPResponseStatus, any Error>, _ context: ChannelHandlerContext) {
    guard let promise else { return }
    self.promise = nil
    alarm?.cancel()
    promise.completeWith(result)
    context.close(promise: nil)
  }
}
