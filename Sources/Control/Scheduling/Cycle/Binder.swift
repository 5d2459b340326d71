// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues
import Logging

/// What is to happen with a pod's claims that waited for its node.
struct ClaimPlan: Sendable {
  /// Claims with the free volumes they get.
  var bindings: [(claim: ObjectKey, volume: PersistentVolume)] = []
  /// Claims for which a volume is to be made on the node.
  var provisioned: [ObjectKey] = []

  init(_ needs: ClaimNeeds, on node: NodeInfo, volumes: VolumeView) {
    for (claim, _) in needs.waiting {
      if let volume: PersistentVolume = ClaimNeeds.available(for: claim, on: node, volumes: volumes) {
        bindings.append((claim.key, volume))
      } else {
        provisioned.append(claim.key)
      }
    }
  }

  var isEmpty: Bool { bindings.isEmpty && provisioned.isEmpty }
}

/// Writes the scheduler's decisions to the API.
struct Binder: Sendable {
  /// How long a pod waits for its volumes; upstream's bindTimeoutSeconds.
  private static let volumeWait: Duration = .seconds(600)

  let client: KubeClient
  let recorder: EventRecorder
  let volumes: VolumeView
  let inbox: SchedulerInbox
  let logger: Logger

  func bind(_ queued: QueuedPod, to node: String, plan: ClaimPlan) async {
    let pod: PodInfo = queued.info
    do {
      if !plan.isEmpty { try await prepareVolumes(pod, node, plan) }
      var binding: Binding = Binding()
      binding.metadata.namespace = pod.key.namespace
      binding.metadata.name = pod.key.name
      binding.metadata.uid = pod.uid
      binding.target.kind = "Node"
      binding.target.name = node
      try await client.create(
        binding, on: Pod.resource, namespace: pod.key.namespace, name: pod.key.name, subresource: "binding")
      recorder.record(
        pod.pod, .normal, reason: "Scheduled", message: "Successfully assigned \(pod.key) to \(node)", action: "Binding"
      )
    } catch {
      guard !Task.isCancelled else { return }
      if !error.isNotFound {
        logger.warning("cannot bind \(pod.key) to \(node)", metadata: ["error": "\(error)"])
        recorder.record(
          pod.pod, .warning, reason: "FailedScheduling", message: "binding rejected: \(error)", action: "Scheduling")
      }
      inbox.post(.bindingFailed(queued))
    }
  }

  // MARK: Volumes

  private func prepareVolumes(_ pod: PodInfo, _ node: String, _ plan: ClaimPlan) async throws {
    for (key, volume) in plan.bindings {
      guard let claim: PersistentVolumeClaim = volumes.claims.get(key) else { continue }
      var volume: PersistentVolume = volume
      volume.spec.claimRef = claim.reference()
      volume.metadata.annotations["pv.kubernetes.io/bound-by-controller"] = "yes"
      try await client.update(volume)
    }
    for key: ObjectKey in plan.provisioned {
      let change: JSONValue = [
        "metadata": ["annotations": ["volume.kubernetes.io/selected-node": .string(node)]]
      ]
      try await client.patch(PersistentVolumeClaim.self, namespace: key.namespace, name: key.name, .merge(change))
    }
    let keys: [ObjectKey] = plan.bindings.map(\.claim) + plan.provisioned
    let deadline: ContinuousClock.Instant = .now + Self.volumeWait
    while !keys.allSatisfy({ isBound($0) }) {
      guard ContinuousClock.now < deadline else {
        throw KubeClientError(.timeout, "the volumes of \(pod.key) were not bound within \(Self.volumeWait)")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  private func isBound(_ key: ObjectKey) -> Bool {
    volumes.claims.get(key).map { $0.status.phase == "Bound" && !$0.spec.volumeName.isEmpty } ?? false
  }

  // MARK: What does not fit

  func tellUnschedulable(_ queued: QueuedPod, message: String, victims: [PodInfo]) async {
    let pod: PodInfo = queued.info
    recorder.record(pod.pod, .warning, reason: "FailedScheduling", message: message, action: "Scheduling")
    let known: PodCondition? = pod.pod.condition("PodScheduled")
    let isKnown: Bool = known?.status == "False" && known?.reason == "Unschedulable" && known?.message == message
    do {
      if !isKnown || queued.nominatedNode != pod.pod.status.nominatedNodeName {
        try await patchStatus(pod, message: message, nominatedNode: queued.nominatedNode)
      }
      for victim: PodInfo in victims { try await evict(victim, for: pod, node: queued.nominatedNode) }
    } catch {
      guard !Task.isCancelled, !error.isNotFound else { return }
      logger.warning("cannot update the status of \(pod.key)", metadata: ["error": "\(error)"])
    }
  }

  private func patchStatus(_ pod: PodInfo, message: String, nominatedNode: String) async throws {
    let condition: JSONValue = [
      "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": .string(message),
      "lastProbeTime": nil, "lastTransitionTime": .string(Timestamp.now.rfc3339),
      "observedGeneration": .int(pod.pod.metadata.generation),
    ]
    var change: JSONValue = ["status": ["conditions": [condition]], "metadata": ["uid": .string(pod.uid)]]
    if !nominatedNode.isEmpty { change["status"]["nominatedNodeName"] = .string(nominatedNode) }
    try await client.patch(
      Pod.self, namespace: pod.key.namespace, name: pod.key.name, subresource: "status", .strategic(change))
  }

  private func evict(_ victim: PodInfo, for pod: PodInfo, node: String) async throws {
    guard !victim.isBeingDeleted else { return }
    let condition: JSONValue = [
      "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
      "message": .string("\(pod.pod.spec.schedulerName): preempting to accommodate a higher priority pod"),
      "lastTransitionTime": .string(Timestamp.now.rfc3339),
    ]
    do throws(KubeClientError) {
      try await client.patch(
        Pod.self, namespace: victim.key.namespace, name: victim.key.name, subresource: "status",
        .strategic(["status": ["conditions": [condition]]]))
      try await client.delete(
        Pod.self, namespace: victim.key.namespace, name: victim.key.name, options: DeleteOptions(uid: victim.uid))
    } catch {
      // Otherwise it went by itself.
      guard error.isNotFound || error.isConflict else { throw error }
      return
    }
    recorder.record(
      victim.pod, .normal, reason: "Preempted", message: "Preempted by pod \(pod.uid) on node \(node)",
      action: "Preempting")
  }
}
