// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
public import Logging

/// Serves gRPC services on a Unix socket until the task is cancelled.
///
/// A socket file that a dead process left behind is replaced; one that somebody still serves is an error. The
/// file appears under its name only when it accepts connections, with its final mode, and is removed at the end.
///
/// ```swift
/// try await withGRPCServer(unixSocket: "/run/apus/runtime.sock", services: [RuntimeService()])
/// ```
///
/// - Parameters:
///   - path: the socket's path, at most 100 bytes; missing parent directories are made (mode 0755). A
///     `unix://` prefix is allowed.
///   - mode: the permissions of the socket file.
///   - services: what is served.
///   - interceptors: what sees every call, the first one outermost.
///   - maxMessageBytes: the largest request; upstream's container runtimes allow 16 MiB.
///   - onListening: called once the socket accepts connections.
public func withGRPCServer(
  unixSocket path: String,
  mode: UInt32 = 0o660,
  services: [any RegistrableRPCService],
  interceptors: [any ServerInterceptor] = [],
  maxMessageBytes: Int = 16 << 20,
  logger: Logger? = nil,
  onListening: @Sendable () async throws -> Void = {}
) async throws {
  let socket: ListeningSocket = try ListeningSocket(path: strippingUnixScheme(path), mode: mode)
  defer { socket.remove() }
  var config: HTTP2ServerTransport.Posix.Config = .defaults
  config.rpc.maxRequestPayloadSize = maxMessageBytes
  // Both ends are on this machine: a call should not wait for others that may come.
  config.connection.flushCoalescing = nil
  // Go clients may ping every ten seconds, also between calls; upstream's servers allow it.
  config.connection.keepalive.clientBehavior.allowWithoutCalls = true
  config.connection.keepalive.clientBehavior.minPingIntervalWithoutCalls = .seconds(5)
  config.http2.targetWindowSize = 1 << 20
  let transport: HTTP2ServerTransport.Posix = HTTP2ServerTransport.Posix(
    listeningSocketDescriptor: Int(socket.descriptor),
    transportSecurity: .plaintext,
    config: config)
  let server: GRPCServer<HTTP2ServerTransport.Posix> = GRPCServer(
    transport: transport, services: services, interceptors: interceptors)
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await server.serve() }
    _ = try await transport.listeningAddress
    try socket.publish()
    logger?.debug("serving gRPC", metadata: ["socket": "\(socket.path)"])
    try await onListening()
    do {
      try await group.waitForAll()
    } catch {
      // The transport reports a cancelled task as its own failure; here it is the regular end.
      guard Task.isCancelled else { throw error }
    }
  }
}

/// The path of a socket that may be written as an endpoint (`unix:///run/x.sock`, `unix:/run/x.sock`).
public func strippingUnixScheme(_ endpoint: String) -> String {
  for scheme: String in ["unix://", "unix:"] where endpoint.hasPrefix(scheme) {
    return String(endpoint.dropFirst(scheme.count))
  }
  return endpoint
}
