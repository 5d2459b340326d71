// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import HTTPServing
public import Logging
internal import NIOCore
internal import NIOHTTP1
internal import StreamFraming
internal import Synchronization

/// Where the server of streaming sessions listens.
public struct StreamServerConfiguration: Sendable {
  /// The address to listen on, also in the URLs.
  public var address: String
  /// The port; 0 lets the kernel choose.
  public var port: Int
  /// How long a URL that nobody has used stays good.
  public var tokenLifetime: Duration = .seconds(60)

  /// Makes a configuration.
  public init(address: String = "127.0.0.1", port: Int = 0) {
    self.address = address
    self.port = port
  }
}

/// Serves exec, attach and port-forward sessions at one-time URLs.
///
/// It speaks what kubectl and the client libraries speak: WebSocket with the `channel.k8s.io` family,
/// SPDY/3.1, and SPDY/3.1 inside a WebSocket.
public final class StreamServer: Sendable {
  /// As many URLs may wait to be used (upstream's limit).
  private static let tokensMax: Int = 1000

  private struct State {
    var base: String?
    var waiters: [CheckedContinuation<Void, Never>] = []
    var tokens: [String: (request: StreamRequest, deadline: ContinuousClock.Instant)] = [:]
    var isStopped: Bool = false
  }

  private let configuration: StreamServerConfiguration
  private let backend: any StreamBackend
  private let logger: Logger
  private let state: Mutex<State> = Mutex(State())

  /// Makes a server; it listens once `run` is called.
  public init(configuration: StreamServerConfiguration, backend: any StreamBackend, logger: Logger) {
    self.configuration = configuration
    self.backend = backend
    self.logger = logger
  }

  /// Listens and serves until the task is cancelled.
  public func run() async throws {
    let address: HTTPAddress = .tcp(host: configuration.address, port: configuration.port)
    let server: HTTPServer = HTTPServer(
      configuration: HTTPServerConfiguration(address: address), handler: StreamHandler(server: self), logger: logger)
    defer { listening(nil) }
    try await server.run { bound in self.listening("http://\(bound)") }
  }

  private func listening(_ base: String?) {
    let waiters: [CheckedContinuation<Void, Never>] = state.withLock { state in
      state.base = base
      state.isStopped = base == nil
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter: CheckedContinuation<Void, Never> in waiters { waiter.resume() }
  }

  /// A URL that is good for one session; waits until the server listens.
  public func url(for request: StreamRequest) async throws -> String {
    await withCheckedContinuation { continuation in
      let goesOn: Bool = state.withLock { state in
        if state.base != nil || state.isStopped { return true }
        state.waiters.append(continuation)
        return false
      }
      if goesOn { continuation.resume() }
    }
    var generator: SystemRandomNumberGenerator = SystemRandomNumberGenerator()
    let token: String = String(generator.next(), radix: 36) + String(generator.next(), radix: 36)
    let now: ContinuousClock.Instant = .now
    let base: String? = state.withLock { state in
      state.tokens = state.tokens.filter { $0.value.deadline > now }
      guard state.tokens.count < Self.tokensMax else { return nil }
      state.tokens[token] = (request, now + configuration.tokenLifetime)
      return state.base ?? ""
    }
    guard let base else {
      throw StreamServingError(.tooManyRequests, "maximum number of in-flight streaming requests exceeded")
    }
    guard !base.isEmpty else { throw StreamServingError(.notListening, "the streaming server does not listen") }
    switch request {
    case .exec: return "\(base)/exec/\(token)"
    case .attach: return "\(base)/attach/\(token)"
    case .portForward: return "\(base)/portforward/\(token)"
    }
  }

  /// Takes a token out of use.
  private func redeem(_ token: String) -> StreamRequest? {
    let found = state.withLock { $0.tokens.removeValue(forKey: token) }
    guard let found, found.deadline > .now else { return nil }
    return found.request
  }

  /// Answers the requests of one server.
  private struct StreamHandler: HTTPHandler {
    let server: StreamServer

    func handle(_ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
      let parts: [Substring] = request.path.split(separator: "/")
      guard parts.count == 2, let session: StreamRequest = server.redeem(String(parts[1])) else {
        return try await response.send(
          status: .notFound, body: Array("no such session, or its URL was used already\n".utf8))
      }
      switch request.headers.first(name: "upgrade")?.lowercased() {
      case "websocket"? where request.isUpgrade: try await server.serveWebSocket(session, request, response)
      case "spdy/3.1"? where request.isUpgrade: try await server.serveSPDY(session, request, response)
      default:
        let text: String = "unable to upgrade: missing upgrade headers in request: \(request.headers)\n"
        try await response.send(status: .badRequest, body: Array(text.utf8))
      }
    }
  }

  /// The values of a header that may be repeated or be a list.
  private static func list(_ request: HTTPRequest, _ name: String) -> [String] {
    request.headers[canonicalForm: name].map(String.init)
  }

  // MARK: - WebSocket

  private static let tunnelProtocol: String = "SPDY/3.1+portforward.k8s.io"

  private func serveWebSocket(
    _ session: StreamRequest, _ request: HTTPRequest, _ response: HTTPResponseWriter
  ) async throws {
    guard let key: String = request.headers.first(name: "sec-websocket-key") else {
      return try await response.send(status: .badRequest, body: Array("no Sec-WebSocket-Key\n".utf8))
    }
    let offered: [String] = Self.list(request, "sec-websocket-protocol")
    func upgrade(_ name: String) async throws -> WebSocketConnection {
      var headers: HTTPHeaders = [
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": WebSocketHandshake.accept(key: key),
      ]
      if !name.isEmpty { headers.add(name: "Sec-WebSocket-Protocol", value: name) }
      return WebSocketConnection(raw: try await response.upgrade(headers: headers))
    }
    if case .portForward(let request) = session {
      if offered.contains(Self.tunnelProtocol) {
        let transport: SPDYTransport = .webSocket(try await upgrade(Self.tunnelProtocol))
        return await SPDYPortForwardSession(
          request: request, backend: backend, connection: try SPDYConnection(transport), logger: logger
        ).run()
      }
      guard let channels: ChannelProtocol = ChannelProtocol.negotiate(offered, among: ChannelProtocol.portForward)
      else {
        return try await refuse(offered, response)
      }
      let socket: WebSocketConnection = try await upgrade(channels.name)
      return await WebSocketPortForwardSession(request: request, backend: backend, socket: socket, channels: channels)
        .run()
    }
    guard let channels: ChannelProtocol = ChannelProtocol.negotiate(offered, among: ChannelProtocol.remoteCommand)
    else {
      return try await refuse(offered, response)
    }
    let socket: WebSocketConnection = try await upgrade(channels.name)
    await WebSocketCommandSession(request: session, backend: backend, socket: socket, channels: channels).run()
  }

  private func refuse(_ offered: [String], _ response: HTTPResponseWriter) async throws {
    let text: String = "unable to upgrade: requested protocols are not supported: \(offered.joined(separator: ", "))\n"
    try await response.send(status: .forbidden, body: Array(text.utf8))
  }

  // MARK: - SPDY

  private static let commandVersions: [String: Int] = [
    "v4.channel.k8s.io": 4, "v3.channel.k8s.io": 3, "v2.channel.k8s.io": 2, "channel.k8s.io": 1,
  ]
  private static let portForwardProtocol: String = "portforward.k8s.io"

  private func serveSPDY(_ session: StreamRequest, _ request: HTTPRequest, _ response: HTTPResponseWriter) async throws
  {
    let offered: [String] = Self.list(request, "x-stream-protocol-version")
    let known: [String]
    if case .portForward = session {
      known = [Self.portForwardProtocol]
    } else {
      known = Array(Self.commandVersions.keys)
    }
    guard let name: String = offered.first(where: known.contains) else {
      var headers: HTTPHeaders = HTTPHeaders()
      for name: String in known.sorted() { headers.add(name: "X-Accepted-Stream-Protocol-Versions", value: name) }
      let text: String =
        "unable to upgrade: unable to negotiate protocol: client supports \(offered), server accepts \(known.sorted())\n"
      return try await response.send(status: .forbidden, headers: headers, body: Array(text.utf8))
    }
    let raw: RawConnection = try await response.upgrade(
      headers: ["Connection": "Upgrade", "Upgrade": "SPDY/3.1", "X-Stream-Protocol-Version": name])
    let connection: SPDYConnection = try SPDYConnection(.raw(raw))
    if case .portForward(let request) = session {
      return await SPDYPortForwardSession(request: request, backend: backend, connection: connection, logger: logger)
        .run()
    }
    await SPDYCommandSession(
      request: session, backend: backend, connection: connection, version: Self.commandVersions[name] ?? 4
    ).run()
  }
}
