// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import DaemonFlags
import Foundation
import HTTPServing
import Logging
import NIOHTTP1
import PKI
import ServiceLifecycle

/// The secure port of a control daemon, where liveness probes ask how it is.
///
/// Health is told to everybody, as upstream's daemons do; there is nothing else to ask for.
struct HealthPort: Service {
  private let configuration: HTTPServerConfiguration
  private let logger: Logger

  /// The flags of the port.
  static func addFlags(to flags: inout FlagSet, port: Int) {
    flags.string("bind-address", default: "0.0.0.0", "address of the port that tells health")
    flags.int("secure-port", default: port, "port that tells health over TLS; 0 for none")
    flags.string("tls-cert-file", "certificate of the secure port (PEM); one is made without it")
    flags.string("tls-private-key-file", "key of --tls-cert-file (PEM)")
  }

  /// The port that the flags name; nil for none.
  init?(_ values: FlagValues, command: String, logger: Logger) throws {
    guard let port: Int = values.int("secure-port"), port > 0 else { return nil }
    self.logger = logger
    configuration = HTTPServerConfiguration(
      address: .tcp(host: values.string("bind-address") ?? "0.0.0.0", port: port),
      tls: try Self.material(values, command: command))
  }

  private static func material(_ values: FlagValues, command: String) throws -> HTTPServerTLS {
    if let certificate: String = values.string("tls-cert-file"), let key: String = values.string("tls-private-key-file") {
      return HTTPServerTLS(
        certificateChainPEM: Array(try ConfigurationFile.text(certificate, command: command).utf8),
        privateKeyPEM: Array(try ConfigurationFile.text(key, command: command).utf8))
    }
    let name: String = ProcessInfo.processInfo.hostName
    let authority: CertificateAuthority = try CertificateAuthority(commonName: "\(name)-ca")
    let leaf: CertifiedKey = try authority.issue(
      CertificateSubject(commonName: name, usages: [.server], dnsNames: ["localhost"]))
    return HTTPServerTLS(certificateChainPEM: Array(leaf.certificatePEM.utf8), privateKeyPEM: Array(leaf.keyPEM.utf8))
  }

  func run() async throws {
    try await cancelWhenGracefulShutdown {
      try await HTTPServer(configuration: configuration, handler: Handler(), logger: logger).run()
    }
  }

  private struct Handler: HTTPHandler {
    func handle(_ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
      let isHealth: Bool = ["/healthz", "/livez", "/readyz"].contains(request.path)
      try await response.send(
        status: isHealth ? .ok : .forbidden,
        headers: ["content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"],
        body: Array((isHealth ? "ok" : "Forbidden").utf8))
    }
  }
}
