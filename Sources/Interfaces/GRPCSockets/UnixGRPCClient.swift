// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import GRPCCore
public import GRPCNIOTransportHTTP2Posix

/// A gRPC client of a Unix socket that lives as long as its owner and finds the server again after a restart.
///
/// ```swift
/// let connection = try UnixGRPCClient("unix:///run/apus/runtime.sock")
/// group.addTask { try await connection.runConnections() }
/// let runtime = Runtime_V1_RuntimeService.Client(wrapping: connection.client)
/// ```
///
/// Calls fail with `unavailable` while nobody serves the socket; with `CallOptions.waitForReady` they wait.
public final class UnixGRPCClient: Sendable {
  /// The transport of these clients.
  public typealias Transport = HTTP2ClientTransport.Posix

  /// The socket's path.
  public let path: String
  /// What generated clients wrap.
  public let client: GRPCClient<HTTP2ClientTransport.Posix>

  /// Makes a client; nothing is connected before `runConnections`.
  ///
  /// - Parameters:
  ///   - endpoint: the path of the socket, with or without `unix://`.
  ///   - maxMessageBytes: the largest answer (16 MiB, as upstream's kubelet).
  public init(
    _ endpoint: String, maxMessageBytes: Int = 16 << 20, interceptors: [any ClientInterceptor] = []
  ) throws {
    self.path = strippingUnixScheme(endpoint)
    var config: HTTP2ClientTransport.Posix.Config = .defaults
    // Go's servers refuse an :authority that is a path; every peer accepts this one.
    config.http2.authority = "localhost"
    config.backoff = HTTP2ClientTransport.Config.Backoff(
      initial: .milliseconds(50), max: .seconds(2), multiplier: 1.6, jitter: 0.2)
    config.connection.flushCoalescing = nil
    config.connection.maxIdleTime = nil
    config.channelDebuggingCallbacks.onCreateTCPConnection = answeringPings(.client)
    var everyMethod: MethodConfig = MethodConfig(names: [MethodConfig.Name(service: "", method: "")])
    everyMethod.maxRequestMessageBytes = maxMessageBytes
    everyMethod.maxResponseMessageBytes = maxMessageBytes
    let transport: HTTP2ClientTransport.Posix = try HTTP2ClientTransport.Posix(
      target: .unixDomainSocket(path: path, authority: "localhost"),
      transportSecurity: .plaintext,
      config: config,
      serviceConfig: ServiceConfig(methodConfig: [everyMethod]))
    self.client = GRPCClient(transport: transport, interceptors: interceptors)
  }

  /// Connects, and connects again, until the task is cancelled or `close` is called.
  public func runConnections() async throws {
    try await client.runConnections()
  }

  /// Lets the calls in progress finish and ends `runConnections`.
  public func close() {
    client.beginGracefulShutdown()
  }
}

/// Lends a client of a Unix socket to a closure, for a handful of calls.
public func withUnixGRPCClient<Result: Sendable>(
  _ endpoint: String,
  _ body: @Sendable @escaping (UnixGRPCClient) async throws -> Result
) async throws -> Result {
  let connection: UnixGRPCClient = try UnixGRPCClient(endpoint)
  return try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await connection.runConnections() }
    defer { group.cancelAll() }
    let result: Result = try await body(connection)
    connection.close()
    return result
  }
}
