// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeCore
import KubeMeta
import KubeValues

/// Deletes pods that do not tolerate a NoExecute taint of their node, when their toleration is over.
final class TaintEviction: Sendable {
  private let context: ControllerContext
  private let nodes: Informer<Node>
  private let pods: Informer<Pod>
  private let recorder: EventRecorder
  private let queue: WorkQueue<ObjectKey> = WorkQueue()

  init(_ context: ControllerContext, recorder: EventRecorder) {
    self.context = context
    self.recorder = recorder
    nodes = context.informers.informer(Node.self)
    pods = context.informers.informer(Pod.self)
    pods.addIndex("node") { [$0.spec.nodeName] }
    nodes.addHandler { [queue, pods] event in
      if case .updated(let old, let new) = event, old.spec.taints == new.spec.taints { return }
      guard event.object.spec.taints.contains(where: { $0.effect == "NoExecute" }) else { return }
      for pod: Pod in pods.indexed("node", event.object.metadata.name) { queue.add(pod.key) }
    }
    pods.addHandler { [queue] event in
      if case .updated(let old, let new) = event, old.spec.nodeName == new.spec.nodeName,
        old.spec.tolerations == new.spec.tolerations
      {
        return
      }
      if !event.object.spec.nodeName.isEmpty { queue.add(event.object.key) }
    }
  }

  func run() async throws {
    try await context.run(queue, name: "taint-eviction-controller") { [self] key in try await reconcile(key) }
  }

  private func reconcile(_ key: ObjectKey) async throws {
    guard let pod: Pod = pods.get(key), !pod.metadata.isBeingDeleted,
      let node: Node = nodes.get(name: pod.spec.nodeName)
    else { return }
    let taints: [Taint] = node.spec.taints.filter { $0.effect == "NoExecute" }
    guard !taints.isEmpty else { return }
    var deadline: Timestamp?
    for taint: Taint in taints {
      let tolerations: [Toleration] = pod.spec.tolerations.filter { $0.tolerates(taint) }
      guard !tolerations.isEmpty else { return try await evict(pod) }
      let seconds: [Int64] = tolerations.filter(\.hasTolerationSeconds).map { max(0, $0.tolerationSeconds) }
      // A toleration without a time is for ever; the shortest of several times counts.
      guard seconds.count == tolerations.count, let least: Int64 = seconds.min() else { continue }
      let since: Timestamp = taint.timeAdded.isZero ? .now : Timestamp(taint.timeAdded)
      let end: Timestamp = since + .seconds(least)
      deadline = min(deadline ?? end, end)
    }
    guard let deadline else { return }
    let remaining: Duration = deadline - .now
    if remaining <= .zero { return try await evict(pod) }
    queue.add(key, after: remaining)
  }

  private func evict(_ pod: Pod) async throws {
    let condition: JSONValue = [
      "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
      "message": "Taint manager: deleting due to NoExecute taint", "lastTransitionTime": .string(Timestamp.now.rfc3339),
    ]
    do throws(KubeClientError) {
      try await context.client.patch(
        Pod.self, namespace: pod.metadata.namespace, name: pod.metadata.name, subresource: "status",
        .strategic(["status": ["conditions": [condition]]]))
      try await context.client.delete(
        Pod.self, namespace: pod.metadata.namespace, name: pod.metadata.name,
        options: DeleteOptions(uid: pod.metadata.uid))
    } catch {
      guard error.isNotFound || error.isConflict else { throw error }
      return
    }
    recorder.record(
      pod, .normal, reason: "TaintManagerEviction",
      message: "Marking for deletion Pod \(pod.metadata.namespace)/\(pod.metadata.name)")
  }
}
