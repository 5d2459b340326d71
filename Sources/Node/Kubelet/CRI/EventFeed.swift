// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Logging

/// Tells which pods have changed in the runtime: by its events where it has them, else by comparing lists.
struct EventFeed: Sendable {
  /// How often lists are compared where there are no events.
  private static let relistInterval: Duration = .milliseconds(500)
  /// How often a runtime that does not answer is asked.
  private static let returnInterval: Duration = .milliseconds(100)
  /// How many lists are compared while a new stream of events opens.
  private static let firstLists: Int = 3
  /// Events may be lost when a connection breaks: lists are compared this often all the same.
  private static let safetyInterval: Duration = .seconds(60)

  let runtime: any RuntimeService
  let logger: Logger
  /// Called with a pod in which something has changed.
  let changed: @Sendable (PodUID) async -> Void
  /// Called when the runtime answers again after it did not: what happened meanwhile was told to nobody.
  let returned: @Sendable () async -> Void

  /// Runs until cancelled.
  func run() async throws {
    var lacksEvents: Bool = false
    while !Task.isCancelled {
      if lacksEvents {
        try await compareLists(every: Self.relistInterval, times: .max)
        continue
      }
      do {
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            try await runtime.events { event in
              let uid: String = event.podSandboxStatus.metadata.uid
              if !uid.isEmpty { await changed(PodUID(uid)) }
            }
          }
          group.addTask {
            // Events before the stream was open are missed: the first lists follow closely.
            try await compareLists(every: Self.relistInterval, times: Self.firstLists)
            await returned()
            try await compareLists(every: Self.safetyInterval, times: .max)
          }
          try await group.next()
          group.cancelAll()
        }
      } catch let error as KubeletError {
        if error.message.contains("Unimplemented") || error.message.contains("unknown method") {
          logger.info("the container runtime has no events, lists are compared")
          lacksEvents = true
        } else {
          logger.info("the events of the container runtime broke off", metadata: ["error": "\(error)"])
          try await waitForReturn()
        }
      }
    }
  }

  /// Waits until the runtime answers, and tells so.
  private func waitForReturn() async throws {
    while !Task.isCancelled {
      do {
        _ = try await runtime.version()
        return await returned()
      } catch {
        if Task.isCancelled { throw CancellationError() }
      }
      try await Task.sleep(for: Self.returnInterval)
    }
  }

  /// Compares what the runtime has now with what it had before.
  private func compareLists(every interval: Duration, times: Int) async throws {
    var last: [String: (uid: String, state: Int)]?
    var count: Int = 0
    while !Task.isCancelled, count < times {
      count += 1
      do {
        let now: [String: (uid: String, state: Int)] = try await snapshot()
        if let last {
          var pods: Set<String> = []
          for (id, entry) in now where last[id]?.state != entry.state { pods.insert(entry.uid) }
          for (id, entry) in last where now[id] == nil { pods.insert(entry.uid) }
          for uid: String in pods { await changed(PodUID(uid)) }
        }
        last = now
      } catch {
        if Task.isCancelled { throw CancellationError() }
        logger.debug("cannot list what the runtime has", metadata: ["error": "\(error)"])
      }
      try await Task.sleep(for: interval)
    }
  }

  private func snapshot() async throws -> [String: (uid: String, state: Int)] {
    var result: [String: (uid: String, state: Int)] = [:]
    for sandbox: CRIPodSandbox in try await runtime.podSandboxes(of: nil) {
      result[sandbox.id] = (sandbox.metadata.uid, sandbox.state.rawValue + 100)
    }
    for container: CRIContainer in try await runtime.containers(of: nil) {
      result[container.id] = (container.labels[RuntimeLabel.podUID] ?? "", container.state.rawValue)
    }
    return result
  }
}
