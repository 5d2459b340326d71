// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import DNSMessage
import KubeClient
public import Logging
public import ServiceLifecycle

/// Answers names of Services and pods, and asks other name servers about the rest.
public struct ClusterDNS: ServiceLifecycle.Service {
  private let configuration: ClusterDNSConfiguration
  private let logger: Logger

  /// A server; `run` starts it.
  public init(configuration: ClusterDNSConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// Serves until a graceful shutdown or cancellation.
  public func run() async throws {
    guard let domain: DNSName = DNSName(configuration.domain) else {
      throw ClusterDNSError("\"\(configuration.domain)\" is no domain")
    }
    let fixed: [Upstream] = try configuration.upstreams.map { text in
      guard let upstream: Upstream = Upstream(text) else {
        throw ClusterDNSError("\"\(text)\" is no address of a name server")
      }
      return upstream
    }
    let client: KubeClient = try KubeClient(configuration: configuration.client, logger: logger)
    let names: InformerNames = InformerNames(client: client)
    let responder: QueryResponder = QueryResponder(
      zone: ClusterZone(domain: domain, ttl: configuration.ttl, source: names),
      forwarder: Forwarder(resolver: ResolverConfiguration(fixed: fixed, path: configuration.resolverFile)))
    try await cancelWhenGracefulShutdown {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await names.services.run() }
        group.addTask { try await names.slices.run() }
        group.addTask { try await names.namespaces.run() }
        for address: String in configuration.listenAddresses {
          let listener: DNSListener = DNSListener(
            address: address, port: configuration.port, responder: responder, logger: logger)
          group.addTask { try await listener.run() }
        }
        // The first to end is one that failed, or all were cancelled.
        do { try await group.next() } catch is CancellationError {}
        group.cancelAll()
      }
    }
  }
}

/// A configuration with which cluster DNS cannot start.
public struct ClusterDNSError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public var message: String

  init(_ message: String) { self.message = message }

  public var description: String { message }
}
