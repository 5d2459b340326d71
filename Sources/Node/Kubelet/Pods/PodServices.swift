// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import KubeValues
import Logging

/// What a pod's worker works with; shared by all workers.
struct PodServices: Sendable {
  let configuration: KubeletConfiguration
  let runtime: any RuntimeService
  let objects: any PodObjects
  let volumes: PodVolumes
  let images: ImagePuller
  let groups: PodCgroups
  let dns: PodDNS
  let sandboxes: SandboxConfig
  let probes: ProbeRunner
  let hooks: HookRunner
  let api: any PodAPI
  let events: any PodEventSink
  let paths: PodPaths
  let node: NodeFacts
  let classes: any RuntimeClasses
  let logger: Logger
  /// What the pods of this node were given.
  let room: NodeRoom = NodeRoom()

  var users: UserRanges { UserRanges(paths: paths) }
  var now: Timestamp { .now }

  func fields(_ pod: Pod, podIPs: [String]) -> DownwardFields {
    DownwardFields(
      pod: pod, nodeName: configuration.nodeName, podIPs: pod.spec.hostNetwork ? node.hostIPs : podIPs,
      hostIPs: node.hostIPs, allocatable: node.allocatable)
  }
}

/// What the node is, as far as pods are told.
struct NodeFacts: Sendable {
  var hostIPs: [String]
  var capacity: ResourceAmounts
  var allocatable: ResourceAmounts
  /// The runtime's name, which heads container IDs.
  var runtimeName: String
}

/// Finds the runtime's handler for a RuntimeClass.
protocol RuntimeClasses: Sendable {
  func handler(for name: String) async throws -> String
}
