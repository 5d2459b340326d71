// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
public import Logging
public import ServiceLifecycle

/// The controllers, in one process, on shared informers.
public struct ControllerManager: ServiceLifecycle.Service {
  private let configuration: ControllerManagerConfiguration
  private let logger: Logger

  /// A controller manager; nothing happens before `run()`.
  public init(configuration: ControllerManagerConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// The names of all controllers, as `--controllers` has them.
  public static var controllerNames: [String] { ControllerList.all.map { $0.name } }

  /// Works until graceful shutdown.
  public func run() async throws {
    try await cancelWhenGracefulShutdown {
      do {
        try await runUntilCancelled()
      } catch is CancellationError {
        // This is how the work ends when it is told to.
      }
    }
  }

  private func runUntilCancelled() async throws {
    var clientConfiguration: ClientConfiguration = configuration.client
    clientConfiguration.userAgent = "apus-controller-manager"
    let client: KubeClient = try KubeClient(configuration: clientConfiguration, logger: logger)
    guard configuration.leaderElects else { return try await control(client) }
    let elector: LeaderElector = LeaderElector(
      client: client, namespace: configuration.leaseNamespace, name: configuration.leaseName,
      identity: configuration.identity)
    try await elector.run { try await control(client) }
  }

  private func control(_ client: KubeClient) async throws {
    let informers: InformerSet = InformerSet(client: client)
    let accounts: ControllerAccounts = try ControllerAccounts(client, isUsed: configuration.usesServiceAccounts)
    let deletions: DeletionFeed = DeletionFeed()
    let controllers: [any Controller] = ControllerList.all.filter { configuration.isEnabled($0.name) }.map { type in
      type.init(
        ControllerContext(
          client: accounts.client(for: type.account), watchClient: client, informers: informers, deletions: deletions,
          configuration: configuration, logger: logger))
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await informers.run() }
      group.addTask {
        try await informers.waitForSync()
        logger.info("controlling", metadata: ["controllers": "\(controllers.count)"])
        try await withThrowingTaskGroup(of: Void.self) { group in
          for controller: any Controller in controllers { group.addTask { try await controller.run() } }
          try await group.waitForAll()
        }
      }
      try await group.next()
      group.cancelAll()
    }
  }
}
