// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCSockets
import Logging
import Synchronization

/// The members of an etcd cluster, each with a connection of its own; all calls go to one of them until it fails.
///
/// A member is asked for by the name in its own URL: with TLS each shows its own certificate.
final class EtcdMembers: Sendable {
  typealias Transport = HTTP2ClientTransport.Posix

  /// How often a silent connection is tested, as upstream; a member that does not answer in time has failed.
  private static let keepaliveInterval: Duration = .seconds(30)
  private static let keepaliveTimeout: Duration = .seconds(10)

  private let clients: [GRPCClient<Transport>]
  private let connections: Task<Void, Never>
  /// The place of the member that is called.
  private let place: Mutex<Int> = Mutex(0)

  /// Begins to connect to all.
  init(_ configuration: EtcdStore.Configuration, logger: Logger) throws(StoreError) {
    var clients: [GRPCClient<Transport>] = []
    for endpoint: String in configuration.endpoints {
      clients.append(try Self.client(try EtcdEndpoint(endpoint), configuration))
    }
    guard !clients.isEmpty else { throw StoreError(.unavailable, "no etcd endpoint is given") }
    self.clients = clients
    // The connections live as long as the store; `close` ends them.
    connections = Task { [clients] in
      await withTaskGroup(of: Void.self) { group in
        for client: GRPCClient<Transport> in clients {
          group.addTask {
            do { try await client.runConnections() } catch { logger.error("the connections to etcd ended: \(error)") }
          }
        }
      }
    }
  }

  deinit { connections.cancel() }

  /// Ends the connections.
  func close() { connections.cancel() }

  /// How many there are.
  var count: Int { clients.count }

  /// The member to call now, and its place.
  var current: (client: GRPCClient<Transport>, place: Int) {
    place.withLock { (clients[$0], $0) }
  }

  /// The member at a place did not serve a call: the next one is called from now on.
  func leave(_ failed: Int) {
    place.withLock { if $0 == failed { $0 = (failed + 1) % clients.count } }
  }

  private static func client(
    _ endpoint: EtcdEndpoint, _ configuration: EtcdStore.Configuration
  ) throws(StoreError) -> GRPCClient<Transport> {
    var method: MethodConfig = MethodConfig(names: [MethodConfig.Name(service: "", method: "")])
    method.maxRequestMessageBytes = configuration.messageBytesMax
    method.maxResponseMessageBytes = configuration.messageBytesMax
    var config: Transport.Config = .defaults
    config.backoff = HTTP2ClientTransport.Config.Backoff(
      initial: .milliseconds(50), max: .seconds(2), multiplier: 1.6, jitter: 0.2)
    config.connection.maxIdleTime = nil
    config.connection.keepalive = HTTP2ClientTransport.Config.Keepalive(
      time: keepaliveInterval, timeout: keepaliveTimeout, allowWithoutCalls: false)
    // The name in the TLS handshake is the authority; addresses cannot be one, and are verified without it.
    config.http2.authority = endpoint.authority
    config.channelDebuggingCallbacks.onCreateTCPConnection = answeringPings(.client)
    do {
      let transport: Transport = try Transport(
        target: endpoint.target, transportSecurity: endpoint.isSecure ? security(configuration) : .plaintext,
        config: config, serviceConfig: ServiceConfig(methodConfig: [method]))
      return GRPCClient(transport: transport)
    } catch {
      throw StoreError(.unavailable, "etcd cannot be reached: \(error)")
    }
  }

  private static func security(_ configuration: EtcdStore.Configuration) -> Transport.TransportSecurity {
    var tls: Transport.TransportSecurity.TLS = .defaults
    if let path: String = configuration.caFile {
      tls.trustRoots = .certificates([.file(path: path, format: .pem)])
    }
    if let path: String = configuration.certificateFile, let key: String = configuration.keyFile {
      tls.certificateChain = [.file(path: path, format: .pem)]
      tls.privateKey = .file(path: key, format: .pem)
    }
    return .tls(tls)
  }
}

/// One client URL of a member: `https://etcd-1:2379`, `http://10.0.0.1:2379`, `10.0.0.1:2379`, `unix:///run/etcd.sock`.
struct EtcdEndpoint {
  let isSecure: Bool
  let authority: String?
  let target: any ResolvableTarget

  init(_ text: String) throws(StoreError) {
    if text.hasPrefix("unix:") {
      isSecure = false
      authority = "localhost"
      target = .unixDomainSocket(path: strippingUnixScheme(text), authority: "localhost")
      return
    }
    isSecure = text.hasPrefix("https://")
    var rest: Substring = text[...]
    for scheme: String in ["https://", "http://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
    while rest.hasSuffix("/") { rest = rest.dropLast() }
    guard let colon: Substring.Index = rest.lastIndex(of: ":"), let port: UInt16 = UInt16(rest[rest.index(after: colon)...]),
      colon > rest.startIndex
    else { throw StoreError(.unavailable, "the etcd endpoint \(text) is not of the form scheme://host:port") }
    let host: String = String(rest[..<colon])
    if host.hasPrefix("[") {
      authority = nil
      target = .ipv6(address: String(host.dropFirst().dropLast()), port: Int(port))
    } else if host.allSatisfy({ $0.isNumber || $0 == "." }) {
      authority = nil
      target = .ipv4(address: host, port: Int(port))
    } else {
      authority = host
      target = .dns(host: host, port: Int(port))
    }
  }
}
