// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import Glibc
import HTTPServing
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
public import Logging
import Netlink
import Nftables
public import ServiceLifecycle
import Synchronization

/// Turns Services and EndpointSlices into packet filter rules.
///
/// Informers say which Services changed; their rules are computed anew, and the difference goes to the kernel as one
/// batch. What a change costs does not depend on the number of Services.
public struct ServiceProxy: ServiceLifecycle.Service {
  private let configuration: ServiceProxyConfiguration
  private let logger: Logger

  /// A proxy; `run` starts it.
  public init(configuration: ServiceProxyConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// Works until a graceful shutdown or cancellation. The rules stay: connections go on while the proxy is replaced.
  public func run() async throws {
    let client: KubeClient = try KubeClient(configuration: configuration.client, logger: logger)
    let services: Informer<KubeCore.Service> = Informer(client: client, transform: { $0.dropUnread() })
    let slices: Informer<DiscoveryEndpointSlice> = Informer(client: client, transform: { $0.dropUnread() })
    slices.addIndex("service") { $0.serviceKey.map { ["\($0.namespace)/\($0.name)"] } ?? [] }
    let pending: PendingKeys = PendingKeys()
    services.addHandler { event in pending.insert(event.object.key) }
    slices.addHandler { event in
      if let key = event.object.serviceKey { pending.insert(key) }
      if case .updated(let old, _) = event, let key = old.serviceKey { pending.insert(key) }
    }
    let health: ProxyHealth = ProxyHealth()
    let syncer: ProxySyncer = ProxySyncer(
      configuration: configuration, services: services, slices: slices, health: health, logger: logger)
    try await cancelWhenGracefulShutdown {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await services.run() }
        group.addTask { try await slices.run() }
        addServers(to: &group, health)
        group.addTask {
          try await services.waitForSync()
          try await slices.waitForSync()
          try await syncer.run(pending)
        }
        group.addTask {
          while true {
            try await Task.sleep(for: configuration.verificationInterval)
            pending.wake()
          }
        }
        // The first to end is one that failed, or all were cancelled.
        do { try await group.next() } catch is CancellationError {}
        group.cancelAll()
      }
    }
  }

  private func addServers(to group: inout ThrowingTaskGroup<Void, any Error>, _ health: ProxyHealth) {
    for (host, port) in [
      (configuration.healthAddress, configuration.healthPort), (configuration.metricsAddress, configuration.metricsPort),
    ] where port > 0 {
      let server: HTTPServer = HTTPServer(
        configuration: HTTPServerConfiguration(address: .tcp(host: host, port: port)),
        handler: ProxyStatusHandler(health: health, nodeName: configuration.nodeName), logger: logger)
      group.addTask { [logger] in
        do {
          try await server.run()
        } catch {
          // Rules matter more than being asked about them.
          logger.error("cannot serve health or metrics", metadata: ["port": "\(port)", "error": "\(error)"])
          try await Task.sleep(for: .seconds(1_000_000_000))
        }
      }
    }
    group.addTask { [logger] in await ServiceHealthServers(logger: logger).run(health) }
  }
}

/// The keys of Services to look at, collected between two rounds.
final class PendingKeys: Sendable {
  private let keys: Mutex<Set<ObjectKey>> = Mutex([])
  private let signal: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation) =
    AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))

  func insert(_ key: ObjectKey) {
    keys.withLock { _ = $0.insert(key) }
    wake()
  }

  /// Starts a round although nothing changed.
  func wake() { signal.continuation.yield() }

  /// Gives a signal for each round; one consumer.
  var rounds: AsyncStream<Void> { signal.stream }

  func take() -> Set<ObjectKey> {
    keys.withLock { keys in
      defer { keys = [] }
      return keys
    }
  }
}

extension KubeCore.Service {
  /// Drops what the proxy never reads.
  mutating func dropUnread() {
    metadata.annotations = [:]
    metadata.ownerReferences = []
    metadata.finalizers = []
  }
}

extension DiscoveryEndpointSlice {
  /// The Service that the slice belongs to.
  var serviceKey: ObjectKey? {
    metadata.labels["kubernetes.io/service-name"].map { ObjectKey(namespace: metadata.namespace, name: $0) }
  }

  /// Drops what the proxy never reads.
  mutating func dropUnread() {
    metadata.annotations = [:]
    metadata.ownerReferences = []
    for place: Int in endpoints.indices {
      endpoints[place].clearTargetRef()
      endpoints[place].clearHostname()
    }
  }
}

extension ServiceProxy {
  /// Removes all rules that a proxy left on this host.
  public static func removeRules() throws {
    for table: Table in [Table(.ip, "kube-proxy"), Table(.ip6, "kube-proxy")] {
      var socket: NftablesSocket = try NftablesSocket()
      var batch: Batch = Batch()
      batch.add(table)
      batch.delete(table)
      try socket.commit(batch)
    }
  }
}
