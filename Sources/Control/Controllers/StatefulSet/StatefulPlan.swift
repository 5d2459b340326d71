// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// A StatefulSet with its pods: which pod comes next, which goes next. Pure.
struct StatefulPlan: Sendable {
  let set: StatefulSet
  let pods: [Pod]
  /// The name of the revision from which a rollout comes, and of the one to which it goes.
  let current: String
  let update: String
  let now: Timestamp
  private(set) var create: [(ordinal: Int, revision: String)] = []
  private(set) var delete: [Pod] = []

  init(set: StatefulSet, pods: [Pod], current: String, update: String, now: Timestamp) {
    self.set = set
    self.pods = pods
    self.current = current
    self.update = update
    self.now = now
  }

  static func ordinal(of pod: Pod, in set: StatefulSet) -> Int? {
    let prefix: String = set.metadata.name + "-"
    guard pod.metadata.name.hasPrefix(prefix) else { return nil }
    return Int(pod.metadata.name.dropFirst(prefix.count))
  }

  private var replicas: Int { self.set.spec.hasReplicas ? Int(self.set.spec.replicas) : 1 }
  private var start: Int { Int(self.set.spec.ordinals.start) }
  private var isOrdered: Bool { self.set.spec.podManagementPolicy != "Parallel" }
  private var partition: Int { Int(self.set.spec.updateStrategy.rollingUpdate.partition) }

  private var byOrdinal: [Int: Pod] {
    Dictionary(pods.compactMap { pod in Self.ordinal(of: pod, in: set).map { ($0, pod) } }) { first, _ in first }
  }

  /// The pods beyond the wanted number, the highest first.
  var condemned: [Pod] {
    pods.filter { pod in
      guard let ordinal: Int = Self.ordinal(of: pod, in: set) else { return false }
      return ordinal < start || ordinal >= start + replicas
    }.sorted { (Self.ordinal(of: $0, in: set) ?? 0) > (Self.ordinal(of: $1, in: set) ?? 0) }
  }

  private static func revision(_ pod: Pod) -> String { pod.metadata.labels[RevisionHistory.hashLabel] ?? "" }
  private func isAvailable(_ pod: Pod) -> Bool {
    pod.status.phase == "Running" && pod.isAvailable(minReadySeconds: set.spec.minReadySeconds, now: now)
  }
  private func isHealthy(_ pod: Pod) -> Bool { isAvailable(pod) && !pod.metadata.isBeingDeleted }

  /// The revision of a pod that is made now.
  private func revision(forNew ordinal: Int) -> String {
    guard set.spec.updateStrategy.type != "OnDelete" else { return update }
    return ordinal < start + partition ? current : update
  }

  mutating func decide() {
    let present: [Int: Pod] = byOrdinal
    for ordinal: Int in start..<start + replicas {
      guard let pod: Pod = present[ordinal] else {
        create.append((ordinal, revision(forNew: ordinal)))
        if isOrdered { return }
        continue
      }
      if pod.isTerminal, !pod.metadata.isBeingDeleted {
        delete.append(pod)
        if isOrdered { return }
        continue
      }
      // A pod that is not healthy holds up everything, also its own replacement: it may have data that others lack.
      if isOrdered, !isHealthy(pod) { return }
    }
    guard scaleDown() else { return }
    if set.spec.updateStrategy.type != "OnDelete" { rollOut(present) }
  }

  private func isBefore(_ pod: Pod, _ other: Pod) -> Bool {
    (Self.ordinal(of: pod, in: set) ?? 0) < (Self.ordinal(of: other, in: set) ?? 0)
  }

  /// Takes condemned pods away, the highest first; answers whether none is left.
  private mutating func scaleDown() -> Bool {
    let condemned: [Pod] = condemned
    guard !condemned.isEmpty else { return true }
    if isOrdered {
      // While a pod before it is not healthy, a pod that is not healthy either stays: someone may need to look.
      if let first: Pod = condemned.first, !first.metadata.isBeingDeleted,
        isAvailable(first) || !pods.contains(where: { isBefore($0, first) && !isHealthy($0) })
      {
        delete.append(first)
      }
    } else {
      delete += condemned.filter { !$0.metadata.isBeingDeleted }
    }
    return false
  }

  /// Replaces pods of old revisions, the highest first, as many at a time as may be missing.
  private mutating func rollOut(_ present: [Int: Pod]) {
    let rolling: RollingUpdateStatefulSetStrategy = set.spec.updateStrategy.rollingUpdate
    let maxUnavailable: Int =
      rolling.hasMaxUnavailable ? max(1, rolling.maxUnavailable.scaled(of: replicas, roundsUp: true) ?? 1) : 1
    var free: Int = maxUnavailable - present.values.filter { !isHealthy($0) }.count
    for ordinal: Int in (start + partition..<max(start + replicas, start + partition)).reversed() {
      guard free > 0 else { return }
      guard let pod: Pod = present[ordinal], Self.revision(pod) != update, !pod.metadata.isBeingDeleted else { continue }
      delete.append(pod)
      free -= 1
    }
  }

  /// The status; when all pods are of the new revision, the rollout is over.
  var status: StatefulSetStatus {
    var status: StatefulSetStatus = set.status
    status.observedGeneration = set.metadata.generation
    let wanted: [Pod] = pods.filter { pod in !delete.contains { $0.metadata.uid == pod.metadata.uid } }
    let live: [Pod] = wanted.filter { !$0.metadata.isBeingDeleted }
    status.replicas = Int32(pods.count)
    status.readyReplicas = Int32(pods.filter { $0.status.phase == "Running" && $0.isReady }.count)
    status.availableReplicas = Int32(pods.filter(isAvailable).count)
    status.currentReplicas = Int32(live.filter { Self.revision($0) == current }.count)
    status.updatedReplicas = Int32(live.filter { Self.revision($0) == update }.count)
    status.currentRevision = current
    status.updateRevision = update
    let isOver: Bool =
      create.isEmpty && delete.isEmpty && live.count == replicas && partition == 0
      && live.allSatisfy { Self.revision($0) == update && isHealthy($0) }
    if isOver, current != update {
      status.currentRevision = update
      status.currentReplicas = status.updatedReplicas
    }
    return status
  }
}
