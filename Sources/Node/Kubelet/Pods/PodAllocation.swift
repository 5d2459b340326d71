// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeCore
import KubeValues
import Synchronization

/// What each container of a pod was given, by its name.
typealias Allocation = [String: ResourceRequirements]

extension Pod {
  /// What the object asks for.
  var wanted: Allocation {
    Dictionary((spec.initContainers + spec.containers).map { ($0.name, $0.resources) }) { first, _ in first }
  }

  /// What the pod was given before this kubelet was started: its own word in the status; else what it asks for.
  var remembered: Allocation {
    var result: Allocation = wanted
    guard !isStatic else { return result }
    for status: ContainerStatus in status.initContainerStatuses + status.containerStatuses where status.hasResources {
      result[status.name]?.limits = status.resources.limits
      result[status.name]?.requests = status.allocatedResources
    }
    return result
  }

  /// The pod as if it asked for nothing but what it was given.
  func with(_ allocation: Allocation) -> Pod {
    var pod: Pod = self
    for place: Int in pod.spec.containers.indices {
      if let given = allocation[pod.spec.containers[place].name] { pod.spec.containers[place].resources = given }
    }
    for place: Int in pod.spec.initContainers.indices {
      if let given = allocation[pod.spec.initContainers[place].name] { pod.spec.initContainers[place].resources = given }
    }
    return pod
  }
}

extension Container {
  /// What of a running container's settings is to be changed: `cpu`, `memory`. A request of memory is no setting.
  static func differences(_ have: CRILinuxContainerResources, _ want: CRILinuxContainerResources) -> Set<String> {
    var names: Set<String> = []
    if have.cpuShares != want.cpuShares || max(have.cpuQuota, 0) != max(want.cpuQuota, 0) { names.insert("cpu") }
    if max(have.memoryLimitInBytes, 0) != max(want.memoryLimitInBytes, 0) { names.insert("memory") }
    return names
  }

  /// Whether the container wants to be started anew when these change.
  func restarts(onChangeOf names: Set<String>) -> Bool {
    resizePolicy.contains { names.contains($0.resourceName) && $0.restartPolicy == "RestartContainer" }
  }
}

/// What the pods of this node were given, by which one that wants to grow is judged.
final class NodeRoom: Sendable {
  /// Whether a pod may have what it wants.
  enum Answer: Sendable, Equatable {
    case fits
    /// Not now, for others have it.
    case later(String)
    /// Never on this node.
    case never(String)
  }

  private let given: Mutex<[PodUID: ResourceAmounts]> = Mutex([:])

  /// Notes what a pod has.
  func give(_ amounts: ResourceAmounts, to pod: PodUID) { given.withLock { $0[pod] = amounts } }

  /// A pod has ended.
  func release(_ pod: PodUID) { given.withLock { $0[pod] = nil } }

  /// Gives a pod what it wants, if there is room.
  func resize(_ pod: PodUID, to wanted: ResourceAmounts, allocatable: ResourceAmounts) -> Answer {
    given.withLock { given in
      for name: String in ["cpu", "memory"] {
        guard let capacity: ResourceQuantity = allocatable[name], let amount: ResourceQuantity = wanted[name] else { continue }
        func figure(_ amount: ResourceQuantity) -> Int64 { name == "cpu" ? amount.milliValue : amount.value }
        let before: ResourceQuantity = given[pod]?[name] ?? .zero
        // What a pod has it may keep, and become smaller, whatever the node's state.
        if amount < before || amount == before { continue }
        let claim: String = "Node didn't have enough"
        if capacity < amount {
          return .never("\(claim) capacity: \(name), requested: \(figure(amount)), capacity: \(figure(capacity))")
        }
        let used: ResourceQuantity = given.reduce(.zero) { $1.key == pod ? $0 : $0 + ($1.value[name] ?? .zero) }
        if capacity < used + amount {
          return .later(
            "\(claim) resource: \(name), requested: \(figure(amount)), used: \(figure(used)), capacity: \(figure(capacity))")
        }
      }
      given[pod] = wanted
      return .fits
    }
  }
}
