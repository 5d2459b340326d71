// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Logging

/// Where the server of streaming sessions listens.
public struct StreamServerConfiguration: Sendable {
  /// The address to listen on, also in the URLs.
  public var address: String
  /// The port; 0 lets the kernel choose.
  public var port: Int
  /// How long a session may be silent.
  public var idleTimeout: Duration = .seconds(4 * 60 * 60)
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
  /// Makes a server; it listens once `run` is called.
  public init(configuration: StreamServerConfiguration, backend: any StreamBackend, logger: Logger) {
  }

  /// Listens and serves until the task is cancelled.
  public func run() async throws {}

  /// A URL that is good for one session; waits until the server listens.
  public func url(for request: StreamRequest) async throws -> String { "" }
}
