// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import FoundationEssentials
import KubeMeta
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// One request to the API server.
struct APIRequest: Sendable {
  var method: HTTPMethod = .GET
  var path: String
  var query: [(String, String)] = []
  var accept: String
  var contentType: String?
  var body: [UInt8]?
  var timeout: Duration = .seconds(60)

  /// The path with its query, escaped.
  var target: String {
    guard !query.isEmpty else { return path }
    return path + "?" + query.map { "\($0.0)=\(Self.escaped($0.1))" }.joined(separator: "&")
  }

  private static func escaped(_ text: String) -> String {
    let digits: [UInt8] = Array("0123456789ABCDEF".utf8)
    var result: [UInt8] = []
    for byte: UInt8 in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: result.append(byte)
      default: result += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}

/// The connections to one API server; they end with the last client that uses them.
private final class HTTPPool: Sendable {
  let http: HTTPClient

  init(_ http: HTTPClient) { self.http = http }

  deinit { http.shutdown { _ in } }
}

/// The way to one API server, with the client's credentials.
final class HTTPTransport: Sendable {
  /// The largest answer: lists of everything in a cluster must fit.
  private static let answerSizeMax: Int = 1 << 30
  /// How often a request that the server put off is sent again.
  private static let retriesMax: Int = 10
  /// How long a token that was read from a file is used.
  private static let tokenLifetime: Duration = .seconds(60)

  private let configuration: ClientConfiguration
  private let pool: HTTPPool
  private let token: (@Sendable () async throws(KubeClientError) -> String)?
  private let fileToken: Mutex<(text: String, readAt: ContinuousClock.Instant)?> = Mutex(nil)

  private var http: HTTPClient { pool.http }

  private init(
    _ configuration: ClientConfiguration, _ pool: HTTPPool,
    token: (@Sendable () async throws(KubeClientError) -> String)?
  ) {
    self.configuration = configuration
    self.pool = pool
    self.token = token
  }

  /// The same connections with another way to authenticate.
  func authenticating(_ token: @escaping @Sendable () async throws(KubeClientError) -> String) -> HTTPTransport {
    HTTPTransport(configuration, pool, token: token)
  }

  convenience init(_ configuration: ClientConfiguration) throws(KubeClientError) {
    var settings: HTTPClient.Configuration = HTTPClient.Configuration(
      tlsConfiguration: try Self.tlsConfiguration(configuration),
      redirectConfiguration: .disallow,
      timeout: HTTPClient.Configuration.Timeout(connect: .seconds(10)),
      connectionPool: HTTPClient.Configuration.ConnectionPool(
        idleTimeout: .seconds(90), concurrentHTTP1ConnectionsPerHostSoftLimit: 256))
    settings.httpVersion = configuration.usesHTTP2 ? .automatic : .http1Only
    if let name: String = configuration.tlsServerName, let host: String = Self.host(of: configuration.server) {
      settings.dnsOverride = [name: host]
    }
    let http: HTTPClient = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    self.init(configuration, HTTPPool(http), token: nil)
  }

  private static func host(of server: String) -> String? { URL(string: server)?.host() }

  private static func tlsConfiguration(_ configuration: ClientConfiguration) throws(KubeClientError) -> TLSConfiguration
  {
    var tls: TLSConfiguration = .makeClientConfiguration()
    do {
      if let authority: [UInt8] = configuration.certificateAuthorityPEM {
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authority))
      }
      if let chain: [UInt8] = configuration.clientCertificatePEM, let key: [UInt8] = configuration.clientKeyPEM {
        tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(chain).map { .certificate($0) }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
      }
    } catch {
      throw KubeClientError(.invalidConfiguration, "cannot read the client's certificates", cause: error)
    }
    if configuration.skipsServerVerification { tls.certificateVerification = .none }
    return tls
  }

  private func bearerToken() async throws(KubeClientError) -> String? {
    if let token { return try await token() }
    guard let path: String = configuration.tokenFile else { return configuration.token }
    let now: ContinuousClock.Instant = .now
    if let known: String = fileToken.withLock({ known in
      known.flatMap { now - $0.readAt < Self.tokenLifetime ? $0.text : nil }
    }) {
      return known
    }
    let text: String = String(decoding: try ClientConfiguration.read(path), as: UTF8.self).filter { !$0.isWhitespace }
    fileToken.withLock { $0 = (text, now) }
    return text
  }

  private func message(_ request: APIRequest) async throws(KubeClientError) -> HTTPClientRequest {
    var server: String = configuration.server
    if let name: String = configuration.tlsServerName, let host: String = Self.host(of: server) {
      server = server.replacing(host, with: name)
    }
    var message: HTTPClientRequest = HTTPClientRequest(url: server + request.target)
    message.method = request.method
    message.headers.add(name: "user-agent", value: configuration.userAgent)
    message.headers.add(name: "accept", value: request.accept)
    if let token: String = try await bearerToken() {
      message.headers.add(name: "authorization", value: "Bearer \(token)")
    }
    if let user: String = configuration.impersonatedUser { message.headers.add(name: "impersonate-user", value: user) }
    if let body: [UInt8] = request.body {
      message.headers.add(name: "content-type", value: request.contentType ?? "application/json")
      message.body = .bytes(ByteBuffer(bytes: body))
    }
    return message
  }

  /// Sends a request and gives the answer's head; the body is still to be read. Errors of the server are not looked at.
  private func execute(_ request: APIRequest) async throws(KubeClientError) -> HTTPClientResponse {
    let message: HTTPClientRequest = try await message(request)
    do {
      let parts: (seconds: Int64, attoseconds: Int64) = request.timeout.components
      return try await http.execute(
        message, timeout: .milliseconds(parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000))
    } catch {
      throw failure(request, error)
    }
  }

  private func failure(_ request: APIRequest, _ error: any Error) -> KubeClientError {
    if let known: KubeClientError = error as? KubeClientError { return known }
    let code: KubeClientError.Code = (error as? HTTPClientError) == .deadlineExceeded ? .timeout : .connection
    return KubeClientError(code, "\(request.method.rawValue) \(configuration.server)\(request.path)", cause: error)
  }

  /// Sends a request and reads the whole answer.
  ///
  /// What the server puts off with Retry-After is sent again; reads are also sent again when the connection breaks.
  func send(_ request: APIRequest) async throws(KubeClientError) -> (contentType: String, body: [UInt8]) {
    var attempt: Int = 0
    while true {
      attempt += 1
      do throws(KubeClientError) {
        let response: HTTPClientResponse = try await execute(request)
        let body: [UInt8] = try await collect(request, response)
        let contentType: String = response.headers.first(name: "content-type") ?? ""
        guard response.status.code >= 400 else { return (contentType, body) }
        throw Self.serverError(request, response, body)
      } catch {
        let isRead: Bool = request.method == .GET
        guard !Task.isCancelled, let pause: Duration = Self.pause(error, isRead: isRead, attempt: attempt) else {
          throw error
        }
        do { try await Task.sleep(for: pause) } catch let cancellation { throw failure(request, cancellation) }
      }
    }
  }

  private static func pause(_ error: KubeClientError, isRead: Bool, attempt: Int) -> Duration? {
    if let seconds: Int = error.retryAfterSeconds, attempt <= retriesMax,
      error.httpStatus == 429 || error.httpStatus >= 500
    {
      return .seconds(max(seconds, 1))
    }
    return error.code == .connection && isRead && attempt < 3 ? .milliseconds(50 * attempt) : nil
  }

  private func collect(_ request: APIRequest, _ response: HTTPClientResponse) async throws(KubeClientError) -> [UInt8] {
    do {
      let buffer: ByteBuffer = try await response.body.collect(upTo: Self.answerSizeMax)
      return Array(buffer.readableBytesView)
    } catch {
      throw failure(request, error)
    }
  }

  /// Sends a request whose answer is a stream; an error of the server is thrown.
  func stream(_ request: APIRequest) async throws(KubeClientError) -> HTTPClientResponse.Body {
    let response: HTTPClientResponse = try await execute(request)
    guard response.status.code >= 400 else { return response.body }
    throw Self.serverError(request, response, try await collect(request, response))
  }

  private static func serverError(
    _ request: APIRequest, _ response: HTTPClientResponse, _ body: [UInt8]
  ) -> KubeClientError {
    var status: MetaStatus = StatusDecoding.status(body) ?? MetaStatus()
    if status.code == 0 { status.code = Int32(response.status.code) }
    if !status.hasMessage {
      let text: String = String(decoding: body.prefix(1024), as: UTF8.self)
      status.message = text.isEmpty ? response.status.reasonPhrase : text
    }
    let retry: Int? = response.headers.first(name: "retry-after").flatMap { Int($0) }
    return KubeClientError(.status, status.message, status: status, retryAfterSeconds: retry)
  }
}
