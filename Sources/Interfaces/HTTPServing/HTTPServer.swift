// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Logging
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

/// How to serve.
public struct HTTPServerConfiguration: Sendable {
  /// Where to listen.
  public var address: HTTPAddress
  /// TLS; nil serves plain text.
  public var tls: HTTPServerTLS?
  /// Whether HTTP/2 is offered (over TLS, by ALPN).
  public var offersHTTP2: Bool = true
  /// Runs handlers on the connections' event loops: the fastest for handlers that never block a thread.
  public var runsHandlersOnEventLoop: Bool = false
  /// How long requests may go on when the server stops; streams (watches) are ended at once.
  public var drainTimeout: Duration = .seconds(5)

  /// A configuration with the defaults.
  public init(address: HTTPAddress, tls: HTTPServerTLS? = nil) {
    self.address = address
    self.tls = tls
  }
}

/// An HTTP/1.1 and HTTP/2 server.
///
/// ```swift
/// let server = HTTPServer(configuration: .init(address: .tcp(host: "127.0.0.1", port: 8080)), handler: handler, logger: logger)
/// try await server.run { address in print("listening on \(address)") }  // until the task is cancelled
/// ```
public struct HTTPServer: Sendable {
  private let configuration: HTTPServerConfiguration
  private let handler: any HTTPHandler
  private let logger: Logger

  /// Makes a server; `run` starts it.
  public init(configuration: HTTPServerConfiguration, handler: any HTTPHandler, logger: Logger) {
    self.configuration = configuration
    self.handler = handler
    self.logger = logger
  }

  /// Serves until the task is cancelled, then drains: no new connections, running requests may end.
  ///
  /// - Parameter onListening: Called once with the address, where port 0 has become a real one.
  public func run(onListening: @Sendable (HTTPAddress) async -> Void = { _ in }) async throws {
    let services: ServerServices = ServerServices(
      handler: handler, logger: logger, registry: ConnectionRegistry(),
      runsHandlersOnEventLoop: configuration.runsHandlersOnEventLoop)
    let context: NIOSSLContext? = try configuration.tls?.makeContext(offersHTTP2: configuration.offersHTTP2)
    let listener: any Channel = try await bind(services: services, context: context)
    await onListening(boundAddress(listener))
    let (stopped, stop): (AsyncStream<Void>, AsyncStream<Void>.Continuation) = AsyncStream.makeStream()
    await withTaskCancellationHandler {
      for await _ in stopped {}
    } onCancel: {
      stop.finish()
    }
    // A failure means that the listener is closed already.
    try? await listener.close()
    await drain(services.registry, on: listener.eventLoop)
  }

  private func boundAddress(_ listener: any Channel) -> HTTPAddress {
    if case .tcp(let host, _) = configuration.address, let port = listener.localAddress?.port {
      return .tcp(host: host, port: port)
    }
    return configuration.address
  }

  private func bind(services: ServerServices, context: NIOSSLContext?) async throws -> any Channel {
    let handsCertificatesOn: Bool = configuration.tls?.clientCertificates == .handedOn
    let bootstrap: ServerBootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.maxMessagesPerRead, value: 4)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          services.registry.add(channel)
          if channel.remoteAddress?.port != nil {
            try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
          }
          try ServerPipeline.configure(
            channel, services: services, context: context, handsCertificatesOn: handsCertificatesOn)
        }
      }
    do {
      switch configuration.address {
      case .tcp(let host, let port): return try await bootstrap.bind(host: host, port: port).get()
      case .unix(let path):
        return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
      }
    } catch {
      throw HTTPServingError(.invalidConfiguration, "cannot listen on \(configuration.address): \(error)")
    }
  }

  private func drain(_ registry: ConnectionRegistry, on eventLoop: any EventLoop) async {
    registry.startDraining()
    let deadline: ContinuousClock.Instant = .now + configuration.drainTimeout
    while registry.hasExchanges, .now < deadline {
      // The task is cancelled, so its own sleep would return at once; the event loop's timer does not.
      try? await eventLoop.scheduleTask(in: .milliseconds(10)) {}.futureResult.get()
    }
    await registry.closeAll()
  }
}

/// What all connections of a server share.
struct ServerServices: Sendable {
  let handler: any HTTPHandler
  let logger: Logger
  let registry: ConnectionRegistry
  let runsHandlersOnEventLoop: Bool
}

/// The open connections, so that a server can drain and close them.
final class ConnectionRegistry: Sendable {
  private struct State {
    var channels: [ObjectIdentifier: any Channel] = [:]
    var isDraining: Bool = false
  }
  private let state: Mutex<State> = Mutex(State())
  private let exchanges: Atomic<Int> = Atomic(0)

  func add(_ channel: any Channel) {
    let key: ObjectIdentifier = ObjectIdentifier(channel)
    state.withLock { $0.channels[key] = channel }
    channel.closeFuture.whenComplete { [self] _ in
      state.withLock { $0.channels[key] = nil }
    }
  }

  var isDraining: Bool { state.withLock { $0.isDraining } }
  var hasExchanges: Bool { exchanges.load(ordering: .relaxed) > 0 }
  func exchangeStarted() { exchanges.add(1, ordering: .relaxed) }
  func exchangeEnded() { exchanges.subtract(1, ordering: .relaxed) }

  func startDraining() {
    let channels: [any Channel] = state.withLock { state in
      state.isDraining = true
      return Array(state.channels.values)
    }
    for channel in channels { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
  }

  func closeAll() async {
    for channel: any Channel in state.withLock({ Array($0.channels.values) }) {
      // A failure means that it is closed already.
      try? await channel.close()
    }
  }
}

/// The certificates that a client has shown in the handshake, its own first.
private final class ShownChain: Sendable {
  let chain: Mutex<[[UInt8]]> = Mutex([])
}

/// Sets up the handlers of one accepted connection.
enum ServerPipeline {
  /// As many as Go's clients open at most.
  private static let streamsPerConnection: Int = 1000
  private static let streamWindowBytes: Int = 256 * 1024
  /// How many cancelled requests, and how many pings, a connection may bring in 30 seconds. A kubelet watches each
  /// Secret and ConfigMap of its pods on one connection, cancels these watches with the pods, and pings after each.
  private static let resetsMax: Int = 10_000

  static func configure(
    _ channel: any Channel, services: ServerServices, context: NIOSSLContext?, handsCertificatesOn: Bool
  ) throws {
    guard let context else {
      try configureHTTP1(channel, services: services, peer: peer(of: channel, certificates: [], isTLS: false))
      return
    }
    let pipeline: ChannelPipeline.SynchronousOperations = channel.pipeline.syncOperations
    let shown: ShownChain = ShownChain()
    if handsCertificatesOn {
      try pipeline.addHandler(
        NIOSSLServerHandler(context: context) { chain, verdict in
          // One that cannot be read is as good as none.
          let chain: [[UInt8]] = chain.compactMap { try? $0.toDERBytes() }
          shown.chain.withLock { $0 = chain }
          verdict.succeed(.certificateVerified)
        })
    } else {
      try pipeline.addHandler(NIOSSLServerHandler(context: context))
    }
    try pipeline.addHandler(
      ApplicationProtocolNegotiationHandler { (result: ALPNResult, channel: any Channel) in
        channel.eventLoop.makeCompletedFuture {
          let ssl: NIOSSLHandler = try channel.pipeline.syncOperations.handler(type: NIOSSLHandler.self)
          let der: [UInt8]? = try ssl.peerCertificate?.toDERBytes()
          // A session that is resumed shows the certificate alone.
          var certificates: [[UInt8]] = shown.chain.withLock { $0 }
          if certificates.isEmpty, let der { certificates = [der] }
          let peer: PeerDescription = peer(of: channel, certificates: certificates, isTLS: true)
          if case .negotiated("h2") = result {
            try configureHTTP2(channel, services: services, peer: peer)
          } else {
            try configureHTTP1(channel, services: services, peer: peer)
          }
        }
      })
    try pipeline.addHandler(HandshakeErrorHandler(logger: services.logger))
  }

  private static func peer(of channel: any Channel, certificates: [[UInt8]], isTLS: Bool) -> PeerDescription {
    PeerDescription(
      address: channel.remoteAddress?.ipAddress ?? "", port: channel.remoteAddress?.port ?? 0,
      certificatesDER: certificates, isTLS: isTLS)
  }

  private static func configureHTTP1(_ channel: any Channel, services: ServerServices, peer: PeerDescription) throws {
    let pipeline: ChannelPipeline.SynchronousOperations = channel.pipeline.syncOperations
    try pipeline.addHandler(HTTPResponseEncoder())
    try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes)))
    try pipeline.addHandler(
      ServerConnectionHandler(eventLoop: channel.eventLoop, services: services, peer: peer, isHTTP2: false))
  }

  private static func configureHTTP2(_ channel: any Channel, services: ServerServices, peer: PeerDescription) throws {
    var connection: NIOHTTP2Handler.ConnectionConfiguration = .init()
    connection.initialSettings = [
      HTTP2Setting(parameter: .maxConcurrentStreams, value: streamsPerConnection),
      HTTP2Setting(parameter: .maxHeaderListSize, value: 64 * 1024),
      HTTP2Setting(parameter: .initialWindowSize, value: streamWindowBytes),
    ]
    connection.controlFrameRateLimit.maximumCount = resetsMax
    var stream: NIOHTTP2Handler.StreamConfiguration = .init()
    stream.targetWindowSize = streamWindowBytes
    stream.streamResetFrameRateLimit.maximumCount = resetsMax
    stream.streamErrorRateLimit.maximumCount = resetsMax
    _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
      mode: .server, connectionConfiguration: connection, streamConfiguration: stream
    ) { stream in
      stream.eventLoop.makeCompletedFuture {
        let pipeline: ChannelPipeline.SynchronousOperations = stream.pipeline.syncOperations
        try pipeline.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
        try pipeline.addHandler(
          ServerConnectionHandler(eventLoop: stream.eventLoop, services: services, peer: peer, isHTTP2: true))
      }
    }
  }
}

/// Closes a connection whose handshake fails, with a word in the log.
private final class HandshakeErrorHandler: ChannelInboundHandler, Sendable {
  typealias InboundIn = NIOAny
  private let logger: Logger

  init(logger: Logger) { self.logger = logger }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug(
      "TLS failed", metadata: ["error": "\(error)", "peer": "\(context.channel.remoteAddress?.description ?? "")"])
    context.close(promise: nil)
  }
}
