// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import SwiftProtobuf

/// Makes the node's object and status. Pure.
struct NodeStatusBuilder: Sendable {
  /// Upstream lists at most this many images.
  private static let imagesMax: Int = 50
  /// The release whose interfaces are served.
  static let version: String = "v1.36.0"

  let configuration: KubeletConfiguration
  let machine: MachineFacts
  let addresses: [String]
  let hostname: String

  /// What the runtime says of itself; nil while it cannot be reached.
  struct RuntimeState: Sendable, Equatable {
    var name: String
    var version: String
    var conditions: [CRIRuntimeCondition]
    var handlers: [CRIRuntimeHandler]
    var features: CRIRuntimeFeatures
  }

  /// What the machine lacks at present.
  struct Pressure: Sendable, Equatable {
    var memory: Bool = false
    var disk: Bool = false
    var processes: Bool = false
  }

  /// The object as it is registered.
  func node(status: NodeStatus) -> Node {
    var node: Node = Node()
    node.metadata.name = configuration.nodeName
    node.metadata.labels = labels
    node.metadata.annotations["volumes.kubernetes.io/controller-managed-attach-detach"] = "true"
    node.spec.taints = configuration.registerWithTaints
    if configuration.registerUnschedulable { node.spec.unschedulable = true }
    if !configuration.providerID.isEmpty { node.spec.providerID = configuration.providerID }
    node.status = status
    return node
  }

  var labels: [String: String] {
    var labels: [String: String] = [
      "kubernetes.io/hostname": hostname, "kubernetes.io/os": "linux", "kubernetes.io/arch": machine.architecture,
      "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": machine.architecture,
    ]
    labels.merge(configuration.nodeLabels) { _, new in new }
    return labels
  }

  /// The status, with times of conditions that did not change kept from the old one.
  func status(
    from old: NodeStatus, runtime: RuntimeState?, images: [CRIImage], pressure: Pressure, volumesInUse: [String], now: Timestamp
  ) -> NodeStatus {
    var status: NodeStatus = old
    status.addresses = addresses.map { address in
      .with {
        $0.type = "InternalIP"
        $0.address = address
      }
    }
    status.addresses.append(
      .with {
        $0.type = "Hostname"
        $0.address = hostname
      })
    setResources(&status, keeping: old)
    status.daemonEndpoints.kubeletEndpoint.port = Int32(clamping: configuration.port)
    status.nodeInfo = info(runtime)
    status.images = Self.images(images)
    status.volumesInUse = volumesInUse
    if let runtime {
      status.runtimeHandlers = runtime.handlers.map { handler in
        .with {
          $0.name = handler.name
          $0.features.recursiveReadOnlyMounts = handler.features.recursiveReadOnlyMounts
          $0.features.userNamespaces = handler.features.userNamespaces
        }
      }
      status.features.supplementalGroupsPolicy = runtime.features.supplementalGroupsPolicy
    }
    addConditions(&status, runtime, pressure, now)
    return status
  }

  /// What the machine has, and what others say that the node has besides: all of that can be given to pods.
  func setResources(_ status: inout NodeStatus, keeping present: NodeStatus) {
    let capacity: ResourceAmounts = machine.capacity(maxPods: configuration.maxPods)
    let foreign: [String: Quantity] = present.capacity.filter { capacity[$0.key] == nil }
    status.capacity = foreign.merging(capacity.mapValues { Quantity($0) }) { _, new in new }
    status.allocatable = foreign.merging(
      MachineFacts.allocatable(capacity, configuration).mapValues { Quantity($0) }) { _, new in new }
  }

  private func info(_ runtime: RuntimeState?) -> NodeSystemInfo {
    .with {
      $0.machineID = machine.machineID
      $0.systemUuid = machine.systemUUID
      $0.bootID = machine.bootID
      $0.kernelVersion = machine.kernelVersion
      $0.osImage = machine.osImage
      $0.containerRuntimeVersion = runtime.map { "\($0.name)://\($0.version)" } ?? ""
      $0.kubeletVersion = Self.version
      $0.operatingSystem = "linux"
      $0.architecture = machine.architecture
      // No swap is told by saying nothing.
      if machine.swapBytes > 0 { $0.swap.capacity = machine.swapBytes }
    }
  }

  private static func images(_ images: [CRIImage]) -> [ContainerImage] {
    images.sorted { $0.size > $1.size }.prefix(imagesMax).map { image in
      .with {
        // The digest first, as upstream has it.
        $0.names = Array((image.repoDigests + image.repoTags).prefix(5))
        $0.sizeBytes = Int64(clamping: image.size)
      }
    }
  }

  private func addConditions(_ status: inout NodeStatus, _ runtime: RuntimeState?, _ pressure: Pressure, _ now: Timestamp) {
    func condition(_ type: String, _ isTrue: Bool, _ reason: String, _ message: String) {
      let value: String = isTrue ? "True" : "False"
      let old: NodeCondition? = status.conditions.first { $0.type == type }
      let new: NodeCondition = .with {
        $0.type = type
        $0.status = value
        $0.lastHeartbeatTime = MetaTime(now)
        $0.lastTransitionTime = old?.status == value ? old?.lastTransitionTime ?? MetaTime(now) : MetaTime(now)
        $0.reason = reason
        $0.message = message
      }
      if let place: Int = status.conditions.firstIndex(where: { $0.type == type }) {
        status.conditions[place] = new
      } else {
        status.conditions.append(new)
      }
    }
    condition(
      "MemoryPressure", pressure.memory, pressure.memory ? "KubeletHasInsufficientMemory" : "KubeletHasSufficientMemory",
      pressure.memory ? "kubelet has insufficient memory available" : "kubelet has sufficient memory available")
    condition(
      "DiskPressure", pressure.disk, pressure.disk ? "KubeletHasDiskPressure" : "KubeletHasNoDiskPressure",
      pressure.disk ? "kubelet has disk pressure" : "kubelet has no disk pressure")
    condition(
      "PIDPressure", pressure.processes, pressure.processes ? "KubeletHasInsufficientPID" : "KubeletHasSufficientPID",
      pressure.processes ? "kubelet has insufficient PID available" : "kubelet has sufficient PID available")
    let problem: String? = Self.problem(runtime)
    condition("Ready", problem == nil, problem == nil ? "KubeletReady" : "KubeletNotReady", problem ?? "kubelet is posting ready status")
  }

  /// Why the node is not ready, in upstream's words.
  static func problem(_ runtime: RuntimeState?) -> String? {
    guard let runtime else { return "container runtime is down" }
    var problems: [String] = []
    if let condition = runtime.conditions.first(where: { $0.type == "RuntimeReady" }), !condition.status {
      problems.append("container runtime not ready: RuntimeReady=false reason:\(condition.reason) message:\(condition.message)")
    }
    if let condition = runtime.conditions.first(where: { $0.type == "NetworkReady" }), !condition.status {
      problems.append(
        "container runtime network not ready: NetworkReady=false reason:\(condition.reason) message:\(condition.message)")
    }
    return problems.isEmpty ? nil : problems.joined(separator: ", ")
  }
}
