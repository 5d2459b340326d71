// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
public import Logging
internal import Synchronization

/// How long calls that run may go on once the task is cancelled; calls that listen to their cancellation end at once.
private let drainTimeMax: Duration = .seconds(1)

/// How many calls of one client run at a time; clients keep the rest back. A kubelet has a few for each pod.
private let concurrentCallsMax: Int = 1024

/// Serves gRPC services on a Unix socket until the task is cancelled.
///
/// The end is in two steps: first no connection and no call is taken any more, and those that run are told; then,
/// when they are done or after a second, what is left is cut. (A transport that is cut while it takes a connection
/// traps: it drops the connection's writer unfinished.)
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
  // Untold, clients take it for unlimited, while the transport ends connections with more than a hundred.
  config.http2.maxConcurrentStreams = concurrentCallsMax
  config.channelDebuggingCallbacks.onAcceptTCPConnection = answeringPings(.server)
  let transport: HTTP2ServerTransport.Posix = HTTP2ServerTransport.Posix(
    listeningSocketDescriptor: Int(socket.descriptor),
    transportSecurity: .plaintext,
    config: config)
  let server: GRPCServer<HTTP2ServerTransport.Posix> = GRPCServer(
    transport: transport, services: services, interceptors: interceptors)
  // Not a child of this task: its cancellation must come after the drain.
  let serving: Task<Void, any Error> = Task { try await server.serve() }
  let ending: ServerEnding = ServerEnding(
    begin: { server.beginGracefulShutdown() }, cut: { serving.cancel() })
  try await withTaskCancellationHandler {
    do {
      _ = try await transport.listeningAddress
      ending.allow()
      try socket.publish()
      logger?.debug("serving gRPC", metadata: ["socket": "\(socket.path)"])
      try await onListening()
    } catch {
      // The first failure is the one to tell.
      ending.request()
      _ = await serving.result
      ending.finish()
      throw error
    }
    let result: Result<Void, any Error> = await serving.result
    ending.finish()
    // The transport reports a cut as its own failure; here it is the regular end.
    if !Task.isCancelled { try result.get() }
  } onCancel: {
    ending.request()
  }
}

/// Ends a server in two steps, once it listens: a server that is told to stop before cannot be waited for.
private final class ServerEnding: Sendable {
  private struct State {
    var isAllowed: Bool = false
    var isRequested: Bool = false
    var cutting: Task<Void, Never>?
  }
  private let state: Mutex<State> = Mutex(State())
  private let begin: @Sendable () -> Void
  private let cut: @Sendable () -> Void

  init(begin: @escaping @Sendable () -> Void, cut: @escaping @Sendable () -> Void) {
    self.begin = begin
    self.cut = cut
  }

  /// The server listens.
  func allow() {
    let isDue: Bool = state.withLock { state in
      state.isAllowed = true
      return state.isRequested
    }
    if isDue { drain() }
  }

  /// The server shall end; the first request counts.
  func request() {
    let isDue: Bool = state.withLock { state in
      defer { state.isRequested = true }
      return state.isAllowed && !state.isRequested
    }
    if isDue { drain() }
  }

  /// The server has ended.
  func finish() { state.withLock { $0.cutting }?.cancel() }

  private func drain() {
    begin()
    let cut: @Sendable () -> Void = self.cut
    // The callback of a cancellation cannot wait itself.
    let cutting: Task<Void, Never> = Task {
      // A sleep that is cut short means that nothing is left to cut; then the cut does nothing.
      try? await Task.sleep(for: drainTimeMax)
      cut()
    }
    state.withLock { $0.cutting = cutting }
  }
}

/// The path of a socket that may be written as an endpoint (`unix:///run/x.sock`, `unix:/run/x.sock`).
public func strippingUnixScheme(_ endpoint: String) -> String {
  for scheme: String in ["unix://", "unix:"] where endpoint.hasPrefix(scheme) {
    return String(endpoint.dropFirst(scheme.count))
  }
  return endpoint
}
