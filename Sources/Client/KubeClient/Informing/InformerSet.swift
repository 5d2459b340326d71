// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The informers that the parts of one daemon share: one for each resource.
///
/// Ask for all informers that are needed first, then `run()`.
public final class InformerSet: Sendable {
  /// An informer without its type.
  private struct Entry: Sendable {
    let informer: any Sendable
    let run: @Sendable () async throws -> Void
    let hasSynced: @Sendable () -> Bool
  }

  private let client: KubeClient
  private let entries: Mutex<[ResourceType: Entry]> = Mutex([:])

  /// No informers yet.
  public init(client: KubeClient) {
    self.client = client
  }

  /// The informer of all objects of a type, in all namespaces.
  public func informer<Object: KubeObject>(_ type: Object.Type) -> Informer<Object> {
    entries.withLock { entries in
      if let known: Informer<Object> = entries[Object.resource]?.informer as? Informer<Object> { return known }
      let fresh: Informer<Object> = Informer(client: client)
      entries[Object.resource] = Entry(
        informer: fresh, run: { try await fresh.run() }, hasSynced: { fresh.hasSynced })
      return fresh
    }
  }

  /// Whether every informer's cache holds what its first list found.
  public var hasSynced: Bool { entries.withLock { $0.values.allSatisfy { $0.hasSynced() } } }

  /// Returns when all caches are filled.
  public func waitForSync() async throws {
    while !hasSynced { try await Task.sleep(for: .milliseconds(2)) }
  }

  /// Runs all informers until the task is cancelled.
  public func run() async throws {
    let runs: [@Sendable () async throws -> Void] = entries.withLock { $0.values.map(\.run) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for run: @Sendable () async throws -> Void in runs { group.addTask { try await run() } }
      try await group.waitForAll()
    }
  }
}
