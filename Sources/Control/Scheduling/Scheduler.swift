// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
public import Logging
public import ServiceLifecycle

/// The scheduler: gives every pod that has none a node.
///
/// Informers feed an inbox; one task, the `SchedulingLoop`, reads it, keeps the cluster's picture and decides for
/// one pod after another; decisions are written to the API by tasks of their own. Nothing polls.
public struct Scheduler: ServiceLifecycle.Service {
  private let configuration: SchedulerConfiguration
  private let logger: Logger

  /// A scheduler; nothing happens before `run()`.
  public init(configuration: SchedulerConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// Schedules until graceful shutdown.
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
    clientConfiguration.userAgent = "apus-scheduler"
    let client: KubeClient = try KubeClient(configuration: clientConfiguration, logger: logger)
    guard configuration.leaderElects else { return try await schedule(client) }
    let elector: LeaderElector = LeaderElector(
      client: client, namespace: configuration.leaseNamespace, name: configuration.leaseName,
      identity: configuration.identity)
    try await elector.run { try await schedule(client) }
  }

  private func schedule(_ client: KubeClient) async throws {
    let informers: InformerSet = InformerSet(client: client)
    let inbox: SchedulerInbox = SchedulerInbox()
    let volumes: VolumeView = VolumeView(
      claims: informers.informer(PersistentVolumeClaim.self), volumes: informers.informer(PersistentVolume.self),
      classes: informers.informer(StorageStorageClass.self))
    let budgets: Informer<PodDisruptionBudget> = informers.informer(PodDisruptionBudget.self)
    informers.informer(Pod.self).addHandler { inbox.post(.pod($0)) }
    informers.informer(Node.self).addHandler { inbox.post(.node($0)) }
    informers.informer(Namespace.self).addHandler { inbox.post(.namespace($0)) }
    volumes.claims.addHandler { _ in inbox.post(.volumes) }
    volumes.volumes.addHandler { _ in inbox.post(.volumes) }
    volumes.classes.addHandler { _ in inbox.post(.volumes) }
    let recorder: EventRecorder = EventRecorder(client: client, component: "default-scheduler")
    let binder: Binder = Binder(client: client, recorder: recorder, volumes: volumes, inbox: inbox, logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await informers.run() }
      group.addTask { try await recorder.run() }
      group.addTask {
        try await informers.waitForSync()
        logger.info(
          "scheduling", metadata: ["names": "\(configuration.schedulerNames.sorted().joined(separator: ","))"])
        let loop: SchedulingLoop = SchedulingLoop(
          configuration: configuration, volumes: volumes, budgets: budgets, binder: binder, inbox: inbox, logger: logger
        )
        try await loop.run()
      }
      try await group.next()
      group.cancelAll()
    }
  }
}
