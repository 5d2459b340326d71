// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import HTTPServing
import JSON
import Kernel
import KubeClient
import KubeCore
import KubeMeta
import Logging
import NIOHTTP1
import PKI

/// The kubelet's own server: logs, exec, attach, port-forward, figures.
struct KubeletServer: HTTPHandler {
  let services: PodServices
  let supervisor: PodSupervisor
  let gate: RequestGate
  let streams: StreamRelay
  let logs: LogEndpoint
  let figures: FigureEndpoints

  init(services: PodServices, supervisor: PodSupervisor, client: KubeClient?) throws {
    self.services = services
    self.supervisor = supervisor
    gate = RequestGate(configuration: services.configuration, client: client, logger: services.logger)
    streams = StreamRelay(services: services, supervisor: supervisor)
    logs = LogEndpoint(services: services, supervisor: supervisor)
    figures = FigureEndpoints(services: services, supervisor: supervisor)
  }

  /// Serves until cancelled.
  func run() async throws {
    let configuration: KubeletConfiguration = services.configuration
    var tls: HTTPServerTLS = try ServingCertificate(configuration: configuration, addresses: services.node.hostIPs).load()
    if let file: String = configuration.clientCAFile {
      tls.clientAuthoritiesPEM = try Files.read(file)
      tls.clientCertificates = .optional
    }
    var settings: HTTPServerConfiguration = HTTPServerConfiguration(
      address: .tcp(host: configuration.address, port: configuration.port), tls: tls)
    settings.drainTimeout = .seconds(1)
    let server: HTTPServer = HTTPServer(configuration: settings, handler: self, logger: services.logger)
    try await server.run { address in
      services.logger.info("serving", metadata: ["address": "\(address)"])
    }
    try Task.checkCancellation()
  }

  /// Serves the plain health endpoint until cancelled.
  func runHealth() async throws {
    let configuration: KubeletConfiguration = services.configuration
    var settings: HTTPServerConfiguration = HTTPServerConfiguration(
      address: .tcp(host: configuration.healthzAddress, port: configuration.healthzPort))
    settings.drainTimeout = .milliseconds(100)
    try await HTTPServer(configuration: settings, handler: HealthHandler(), logger: services.logger).run()
    try Task.checkCancellation()
  }

  func handle(_ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
    guard let user: RequestGate.User = await gate.authenticate(request) else {
      return try await response.sendText(.unauthorized, "Unauthorized")
    }
    let path: [String] = request.path.split(separator: "/").map(String.init)
    guard await gate.authorize(user, request, path) else {
      let attributes: String = "verb=\(RequestGate.verb(request.method)), resource=nodes, subresource=\(RequestGate.subresource(path))"
      return try await response.sendText(.forbidden, "Forbidden (user=\(user.name), \(attributes))")
    }
    do {
      try await route(path, request, response)
    } catch let error as KubeletError {
      guard !response.hasBegun else { throw error }
      try await response.sendText(
        error.code == .notFound ? .notFound : error.code == .invalid ? .badRequest : .internalServerError, error.message)
    }
  }

  private func route(_ path: [String], _ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
    switch path.first ?? "" {
    case "healthz": try await response.sendText(.ok, "ok")
    case "containerLogs": try await logs.handle(path, request, response)
    case "exec", "attach", "portForward", "run": try await streams.handle(path, request, response)
    case "pods": try await figures.pods(response)
    case "runningpods", "runningpods/": try await figures.pods(response)
    case "configz": try await response.sendJSON(["kubeletconfig": services.configuration.document])
    case "stats": try await figures.summary(response)
    case "metrics": try await figures.metrics(path.dropFirst().first ?? "", response)
    case "spec": try await figures.machine(response)
    default: try await response.sendText(.notFound, "404 page not found")
    }
  }
}

/// Answers that the kubelet lives.
private struct HealthHandler: HTTPHandler {
  func handle(_ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
    if request.path == "/healthz" {
      try await response.sendText(.ok, "ok")
    } else {
      try await response.sendText(.notFound, "404 page not found")
    }
  }
}

extension HTTPResponseWriter {
  /// Sends a text.
  func sendText(_ status: HTTPResponseStatus, _ text: String, type: String = "text/plain; charset=utf-8") async throws {
    try await send(status: status, headers: ["content-type": type], body: Array(text.utf8))
  }

  /// Sends a JSON document.
  func sendJSON(_ value: JSONValue) async throws {
    try await send(status: .ok, headers: ["content-type": "application/json"], body: value.bytes)
  }
}

/// The server's certificate: the given one, or a self-signed one that is kept.
struct ServingCertificate: Sendable {
  let configuration: KubeletConfiguration
  let addresses: [String]

  func load() throws -> HTTPServerTLS {
    if let certificate: String = configuration.tlsCertificateFile, let key: String = configuration.tlsPrivateKeyFile {
      return HTTPServerTLS(certificateChainPEM: try Files.read(certificate), privateKeyPEM: try Files.read(key))
    }
    let directory: String = configuration.certificateDirectory
    let files: (certificate: String, key: String) = ("\(directory)/kubelet.crt", "\(directory)/kubelet.key")
    if Files.exists(files.certificate), Files.exists(files.key) {
      return HTTPServerTLS(certificateChainPEM: try Files.read(files.certificate), privateKeyPEM: try Files.read(files.key))
    }
    try Files.makeDirectories(directory)
    let authority: CertificateAuthority = try CertificateAuthority(commonName: "\(configuration.nodeName)-ca")
    let issued: CertifiedKey = try authority.issue(
      CertificateSubject(
        commonName: "\(configuration.nodeName)", usages: [.server], dnsNames: [configuration.nodeName],
        ipAddresses: addresses.compactMap { IPAddress($0)?.bytes }))
    let chain: [UInt8] = Array((issued.certificatePEM + (try authority.certificatePEM)).utf8)
    try Files.replace(files.key, Array(issued.keyPEM.utf8), mode: 0o600)
    try Files.replace(files.certificate, chain, mode: 0o644)
    return HTTPServerTLS(certificateChainPEM: chain, privateKeyPEM: Array(issued.keyPEM.utf8))
  }
}
