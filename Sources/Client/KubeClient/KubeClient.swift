// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON
import KubeMeta
public import Logging
import NIOHTTP1

/// A client of one API server, for one user. Cheap to share: all that use it share its connections.
///
/// ```swift
/// let client = try KubeClient(configuration: ClientConfiguration(kubeconfig: path), logger: logger)
/// var pod = try await client.get(Pod.self, namespace: "default", name: "web")
/// pod.metadata.labels["tier"] = "front"
/// pod = try await client.update(pod)
/// ```
///
/// Typed objects travel as protobuf, so that fields which our interfaces do not know survive; `JSONValue`s travel
/// as JSON. Every method throws `KubeClientError`. There is no limit of requests per second: the server has its own.
public final class KubeClient: Sendable {
  /// How the server is reached.
  public let configuration: ClientConfiguration
  /// Where the client and what is built on it log.
  public let logger: Logger
  let transport: HTTPTransport

  /// The shortest and the longest time that a watch runs before it is renewed; upstream's 5 to 10 minutes.
  static let watchSeconds: ClosedRange<Int> = 300...600

  /// A client; nothing is sent yet.
  public init(configuration: ClientConfiguration, logger: Logger) throws(KubeClientError) {
    self.configuration = configuration
    self.logger = logger
    transport = try HTTPTransport(configuration)
  }

  private init(_ configuration: ClientConfiguration, _ transport: HTTPTransport, _ logger: Logger) {
    self.configuration = configuration
    self.transport = transport
    self.logger = logger
  }

  /// A client on the connections of this one, for whoever the bearer token says.
  ///
  /// The connections must not carry a client certificate: the server would look at that first.
  public func authenticating(_ token: @escaping @Sendable () async throws(KubeClientError) -> String) -> KubeClient {
    KubeClient(configuration, transport.authenticating(token), logger)
  }

  /// The body of a GET of any path, as in `/readyz` or `/openapi/v3`.
  public func raw(
    _ path: String, query: [(String, String)] = [], accept: String = "*/*"
  ) async throws(KubeClientError) -> [UInt8] {
    try await transport.send(APIRequest(path: path, query: query, accept: accept)).body
  }

  /// The JSON document of a GET of any path.
  public func document(
    _ path: String, query: [(String, String)] = [], accept: String = "application/json"
  ) async throws(KubeClientError) -> JSONValue {
    try Self.json(try await raw(path, query: query, accept: accept))
  }

  static func json(_ body: [UInt8]) throws(KubeClientError) -> JSONValue {
    do {
      return try JSONValue(parsing: body)
    } catch {
      throw KubeClientError(.invalidResponse, "the answer is not JSON", cause: error)
    }
  }
}
