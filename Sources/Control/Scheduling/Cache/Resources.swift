// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta
import KubeValues

/// Amounts of resources, as the scheduler counts them: processor time in thousandths, all else in whole units.
struct Resources: Hashable, Sendable {
  var milliCPU: Int64 = 0
  var memory: Int64 = 0
  var ephemeralStorage: Int64 = 0
  /// Devices, huge pages and whatever else nodes offer by name.
  var scalars: [String: Int64] = [:]

  init() {}

  /// The amounts of a list of the API.
  init(_ list: [String: Quantity]) {
    for (name, quantity) in list {
      let amount: ResourceQuantity = ResourceQuantity(quantity)
      switch name {
      case "cpu": milliCPU = amount.milliValue
      case "memory": memory = amount.value
      case "ephemeral-storage": ephemeralStorage = amount.value
      case "pods": break
      default: scalars[name] = amount.value
      }
    }
  }

  static func += (left: inout Resources, right: Resources) {
    left.milliCPU += right.milliCPU
    left.memory += right.memory
    left.ephemeralStorage += right.ephemeralStorage
    for (name, amount) in right.scalars { left.scalars[name, default: 0] += amount }
  }

  static func -= (left: inout Resources, right: Resources) {
    left.milliCPU -= right.milliCPU
    left.memory -= right.memory
    left.ephemeralStorage -= right.ephemeralStorage
    for (name, amount) in right.scalars { left.scalars[name, default: 0] -= amount }
  }

  /// Raises each amount to the other's where that is larger.
  mutating func formMaximum(_ other: Resources) {
    milliCPU = max(milliCPU, other.milliCPU)
    memory = max(memory, other.memory)
    ephemeralStorage = max(ephemeralStorage, other.ephemeralStorage)
    for (name, amount) in other.scalars { scalars[name] = max(scalars[name] ?? 0, amount) }
  }
}

extension Resources {
  /// What a pod asks for: its containers together, or an init container with the sidecars before it, if that is more;
  /// what the pod as a whole asks for goes before; the runtime's overhead is added.
  ///
  /// - Parameter nonZero: counts 100m and 200 MB for a container that asks for nothing, as the scores do.
  init(requestedBy spec: PodSpec, nonZero: Bool = false) {
    func requests(_ container: Container) -> Resources {
      var resources: Resources = Resources(container.resources.requests)
      if nonZero {
        if container.resources.requests["cpu"] == nil { resources.milliCPU = 100 }
        if container.resources.requests["memory"] == nil { resources.memory = 200 << 20 }
      }
      return resources
    }
    var total: Resources = Resources()
    for container: Container in spec.containers { total += requests(container) }
    var sidecars: Resources = Resources()
    var largest: Resources = Resources()
    for container: Container in spec.initContainers {
      var resources: Resources = requests(container)
      if container.restartPolicy == "Always" {
        total += resources
        sidecars += resources
        resources = sidecars
      } else {
        resources += sidecars
      }
      largest.formMaximum(resources)
    }
    total.formMaximum(largest)
    if spec.hasResources {
      let whole: Resources = Resources(spec.resources.requests)
      if spec.resources.requests["cpu"] != nil { total.milliCPU = whole.milliCPU }
      if spec.resources.requests["memory"] != nil { total.memory = whole.memory }
    }
    total += Resources(spec.overhead)
    self = total
  }
}
