// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIStore
import APIResources
import APISchema
public import HTTPServing
import JSON
public import Logging
public import ServiceLifecycle

/// The API server: one Service, from opening the store to draining the connections.
public struct APIServer: Service {
  private let configuration: APIServerConfiguration
  private let logger: Logger
  private let onListening: @Sendable (HTTPAddress) async -> Void

  /// A server; `run` starts it.
  ///
  /// - Parameter onListening: Called when connections are taken.
  public init(
    configuration: APIServerConfiguration, logger: Logger, onListening: @escaping @Sendable (HTTPAddress) async -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.logger = logger
    self.onListening = onListening
  }

  public func run() async throws {
    let store: any Store = try await StoreOpening.open(configuration, logger: logger)
    let core: ServerCore = try await ServerCore(configuration, store: store, logger: logger)
    var serving: HTTPServerConfiguration = HTTPServerConfiguration(
      address: .tcp(host: configuration.bindAddress, port: configuration.securePort), tls: configuration.tls)
    serving.runsHandlersOnEventLoop = true
    let pipeline: RequestPipeline = RequestPipeline(
      core: core,
      limits: ConcurrencyLimits(
        reads: configuration.requestsInFlight, writes: configuration.mutatingRequestsInFlight))
    let server: HTTPServer = HTTPServer(configuration: serving, handler: pipeline, logger: logger)
    let (configuration, logger): (APIServerConfiguration, Logger) = (configuration, logger)
    let onListening: @Sendable (HTTPAddress) async -> Void = onListening
    try await cancelWhenGracefulShutdown {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await server.run { address in
            logger.info("serving on \(address)")
            await onListening(address)
          }
        }
        group.addTask { try await Bootstrap(core: core).run() }
        group.addTask { await core.customResources.run(core) }
        group.addTask { await core.aggregation.run(core) }
        if let audit: Audit = core.audit { group.addTask { await audit.run() } }
        group.addTask { await Bookmarks(core: core).run() }
        group.addTask { await core.allocators.run() }
        group.addTask { await EventExpiry(core: core, lifetime: configuration.eventLifetime).run() }
        // The first that ends is the server, or one that failed.
        defer { group.cancelAll() }
        try await group.next()
        while !Task.isCancelled, try await group.next() != nil {}
      }
    }
  }
}

/// Sends bookmarks to the watchers that want them.
struct Bookmarks: Sendable {
  /// As upstream's bookmark frequency.
  private static let interval: Duration = .seconds(60)

  let core: ServerCore

  func run() async {
    while true {
      do { try await Task.sleep(for: Self.interval) } catch { return }
      var seen: Set<ObjectIdentifier> = []
      for resource: ServedResource in core.registry.all {
        guard let storage: ObjectStorage = resource.storage, seen.insert(ObjectIdentifier(storage.cache)).inserted else { continue }
        await storage.cache.sendBookmarks()
      }
    }
  }
}
