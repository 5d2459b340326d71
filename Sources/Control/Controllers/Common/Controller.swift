// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import Logging

/// A level-triggered loop that brings one aspect of the cluster to where its objects say it should be.
///
/// `init` asks for informers and adds handlers, which put keys into work queues; `run` works on the queues, after all
/// caches are filled, until it is cancelled. What is done for a key depends on what is there, never on the event.
protocol Controller: Sendable {
  /// The name by which `--controllers` switches it on and off, as upstream has it.
  static var name: String { get }
  /// The service account in `kube-system` as which it works, where controllers have accounts of their own.
  static var account: String { get }

  init(_ context: ControllerContext)

  /// Works until the task is cancelled.
  func run() async throws
}

extension Controller {
  static var account: String { name }
}

/// What controllers share.
struct ControllerContext: Sendable {
  /// The controller's client.
  let client: KubeClient
  /// The client of the process as a whole, which may read everything.
  let watchClient: KubeClient
  let informers: InformerSet
  /// What is gone, of every resource.
  let deletions: DeletionFeed
  let configuration: ControllerManagerConfiguration
  let logger: Logger

  /// Runs a queue with the number of workers that suits controllers.
  func run<Key: Hashable & Sendable>(
    _ queue: WorkQueue<Key>, name: String, workers: Int = 5, _ work: @escaping @Sendable (Key) async throws -> Void
  ) async throws {
    await queue.run(workers: workers, logger: logger, name: name, work)
    throw CancellationError()
  }

  /// Runs several loops until the first ends.
  func together(_ loops: [@Sendable () async throws -> Void]) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for loop: @Sendable () async throws -> Void in loops { group.addTask { try await loop() } }
      try await group.next()
      group.cancelAll()
    }
  }
}
