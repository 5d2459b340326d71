// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import Logging

/// Deletes pods that nobody else will: those of nodes that are gone, those that ended long ago, those that never
/// had a node.
final class PodGCController: Controller {
  static let name: String = "pod-garbage-collector-controller"
  static let account: String = "pod-garbage-collector"
  /// Upstream looks this often.
  private static let period: Duration = .seconds(20)
  /// A node that is missing may only be registering anew.
  private static let quarantine: Duration = .seconds(40)

  private let context: ControllerContext
  private let pods: Informer<Pod>
  private let nodes: Informer<Node>

  init(_ context: ControllerContext) {
    self.context = context
    pods = context.informers.informer(Pod.self)
    nodes = context.informers.informer(Node.self)
  }

  func run() async throws {
    var missingSince: [String: ContinuousClock.Instant] = [:]
    while true {
      try await Task.sleep(for: Self.period)
      let all: [Pod] = pods.list()
      do {
        try await collectTerminated(all)
        try await collectOrphaned(all, &missingSince)
        for pod: Pod in all where pod.metadata.isBeingDeleted && pod.spec.nodeName.isEmpty { try await delete(pod) }
      } catch {
        if Task.isCancelled { throw error }
        context.logger.warning("\(Self.name): cannot delete a pod", metadata: ["error": "\(error)"])
      }
    }
  }

  private func collectTerminated(_ all: [Pod]) async throws {
    let ended: [Pod] = all.filter { $0.isTerminal && !$0.metadata.isBeingDeleted }
    let surplus: Int = ended.count - context.configuration.terminatedPodsMax
    guard context.configuration.terminatedPodsMax > 0, surplus > 0 else { return }
    let oldest: [Pod] = ended.sorted { $0.metadata.creationTimestamp.seconds < $1.metadata.creationTimestamp.seconds }
    for pod: Pod in oldest.prefix(surplus) { try await delete(pod) }
  }

  private func collectOrphaned(_ all: [Pod], _ missingSince: inout [String: ContinuousClock.Instant]) async throws {
    let names: Set<String> = Set(all.map(\.spec.nodeName)).filter { !$0.isEmpty && nodes.get(name: $0) == nil }
    missingSince = missingSince.filter { names.contains($0.key) }
    for name: String in names where missingSince[name] == nil { missingSince[name] = .now }
    for (name, since) in missingSince where ContinuousClock.now - since >= Self.quarantine {
      do throws(KubeClientError) {
        _ = try await context.client.get(Node.self, name: name)
        continue
      } catch {
        guard error.isNotFound else { throw error }
      }
      for pod: Pod in all where pod.spec.nodeName == name {
        if !pod.isTerminal { try await markFailed(pod) }
        try await delete(pod)
      }
    }
  }

  private func markFailed(_ pod: Pod) async throws {
    let condition: JSONValue = [
      "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC",
      "message": "PodGC: node no longer exists", "lastTransitionTime": .string(Timestamp.now.rfc3339),
    ]
    do throws(KubeClientError) {
      try await context.client.patch(
        Pod.self, namespace: pod.metadata.namespace, name: pod.metadata.name, subresource: "status",
        .strategic(["status": ["phase": "Failed", "conditions": [condition]]]))
    } catch {
      guard error.isNotFound else { throw error }
    }
  }

  private func delete(_ pod: Pod) async throws {
    do throws(KubeClientError) {
      try await context.client.delete(
        Pod.self, namespace: pod.metadata.namespace, name: pod.metadata.name,
        options: DeleteOptions(gracePeriodSeconds: 0, uid: pod.metadata.uid))
    } catch {
      guard error.isNotFound || error.isConflict else { throw error }
    }
  }
}
