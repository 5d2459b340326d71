// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeClient
import KubeCore
import KubeMeta
import KubeValues

/// What one pod uses.
struct PodFigures: Sendable {
  /// What one of its containers uses.
  struct Container: Sendable {
    var name: String
    /// When it was started; nil where the pod's status does not say it yet.
    var startTime: Timestamp?
    var stats: CRIContainerStats
  }

  var namespace: String
  var name: String
  var uid: String
  /// When the kubelet took the pod on; nil for one that it knows no more.
  var startTime: Timestamp?
  var containers: [Container] = []
  /// The figures of the pod as a whole, where the runtime has them.
  var sandbox: CRIPodSandboxStats?

  /// The figures by pod, ordered by namespace and name.
  static func all(
    containers: [CRIContainerStats], sandboxes: [CRIPodSandboxStats], pods: [Pod]
  ) -> [PodFigures] {
    var figures: [String: PodFigures] = [:]
    let known: [String: Pod] = Dictionary(pods.map { ($0.metadata.uid, $0) }) { first, _ in first }
    func find(_ labels: [String: String]) -> String? {
      guard let uid: String = labels[RuntimeLabel.podUID] else { return nil }
      if figures[uid] == nil {
        var found: PodFigures = PodFigures(
          namespace: labels[RuntimeLabel.podNamespace] ?? "", name: labels[RuntimeLabel.podName] ?? "", uid: uid)
        if let status: PodStatus = known[uid]?.status, status.hasStartTime { found.startTime = Timestamp(status.startTime) }
        figures[uid] = found
      }
      return uid
    }
    for stats: CRIPodSandboxStats in sandboxes {
      if let uid: String = find(stats.attributes.labels) { figures[uid]?.sandbox = stats }
    }
    for stats: CRIContainerStats in containers {
      guard let uid: String = find(stats.attributes.labels) else { continue }
      let name: String = stats.attributes.metadata.name
      let statuses: [ContainerStatus] =
        known[uid].map {
          $0.status.containerStatuses + $0.status.initContainerStatuses + $0.status.ephemeralContainerStatuses
        } ?? []
      let start: Timestamp? = statuses.first { $0.name == name && $0.state.hasRunning }.map {
        Timestamp($0.state.running.startedAt)
      }
      figures[uid]?.containers.append(Container(name: name, startTime: start, stats: stats))
    }
    return figures.values.sorted { ($0.namespace, $0.name, $0.uid) < ($1.namespace, $1.name, $1.uid) }
  }

  /// The processor time of the pod, or the sum of its containers'.
  var processor: CRICpuUsage {
    if let sandbox, sandbox.linux.hasCpu { return sandbox.linux.cpu }
    var sum: CRICpuUsage = CRICpuUsage()
    sum.usageNanoCores.value = containers.reduce(0) { $0 &+ $1.stats.cpu.usageNanoCores.value }
    sum.usageCoreNanoSeconds.value = containers.reduce(0) { $0 &+ $1.stats.cpu.usageCoreNanoSeconds.value }
    return sum
  }

  /// The memory of the pod, or the sum of its containers'.
  var memory: CRIMemoryUsage {
    if let sandbox, sandbox.linux.hasMemory { return sandbox.linux.memory }
    var sum: CRIMemoryUsage = CRIMemoryUsage()
    sum.workingSetBytes.value = containers.reduce(0) { $0 &+ $1.stats.memory.workingSetBytes.value }
    sum.usageBytes.value = containers.reduce(0) { $0 &+ $1.stats.memory.usageBytes.value }
    sum.rssBytes.value = containers.reduce(0) { $0 &+ $1.stats.memory.rssBytes.value }
    return sum
  }

  /// What its containers have written.
  var writtenBytes: UInt64 { containers.reduce(0) { $0 &+ $1.stats.writableLayer.usedBytes.value } }
  /// How many files that are.
  var writtenInodes: UInt64 { containers.reduce(0) { $0 &+ $1.stats.writableLayer.inodesUsed.value } }
}
