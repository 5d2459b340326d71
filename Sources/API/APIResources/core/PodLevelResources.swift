// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// Requests and limits of a pod as a whole, beside those of its containers.
enum PodLevelResources {
  private static func isSupported(_ name: String) -> Bool {
    name == "cpu" || name == "memory" || name.hasPrefix("hugepages-")
  }

  /// Requests and limits that follow from the containers and from the pod's own limits.
  static func applyDefaults(_ spec: inout JSONValue) {
    guard spec["resources"].isThere else { return }
    var resources: JSONValue = spec["resources"]
    if resources["limits"].isVoid, resources["requests"].isVoid { return }
    // Huge pages are not overcommitted: requests and limits are the same.
    for (name, sum) in sums(of: spec, "limits")
    where name.hasPrefix("hugepages-") && resources["limits"][name].isNull && resources["requests"][name].isNull {
      resources["limits"][name] = .string(sum.description)
    }
    if !resources["limits"].isVoid {
      for (name, sum) in sums(of: spec, "requests") 
      where (name == "cpu" || name == "memory") && resources["requests"][name].isNull {
        resources["requests"][name] = .string(sum.description)
      }
      for (name, limit) in resources["limits"].object ?? JSONObject()
      where isSupported(name) && resources["requests"][name].isNull {
        resources["requests"][name] = limit
      }
    }
    spec["resources"] = resources
  }

  /// Whether the pod's own figures and those of its containers agree.
  static func consistencyErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let resources: JSONValue = spec["resources"]
    var errors: [FieldError] = []
    for (name, sum) in sums(of: spec, "requests") {
      guard let own: ResourceQuantity = Checks.quantity(resources["requests"][name]), own < sum else { continue }
      errors.append(
        .invalid(
          path.child("requests").key(name), Checks.canonical(resources["requests"][name]),
          "must be greater than or equal to aggregate container requests of \(sum)"))
    }
    for (name, sum) in sums(of: spec, "limits") where name.hasPrefix("hugepages-") {
      guard let own: ResourceQuantity = Checks.quantity(resources["limits"][name]), own < sum else { continue }
      errors.append(
        .invalid(
          path.child("limits").key(name), Checks.canonical(resources["limits"][name]),
          "must be greater than or equal to aggregate container limits of \(sum)"))
    }
    for (place, container) in spec["containers"].items.enumerated() {
      let limits: JSONValue = container["resources"]["limits"]
      for name: String in limits.sortedKeys {
        guard let most: ResourceQuantity = Checks.quantity(resources["limits"][name]),
          let limit: ResourceQuantity = Checks.quantity(limits[name]), most < limit
        else { continue }
        errors.append(
          .invalid(
            path.child("containers").index(place).key(name).child("limits"), Checks.canonical(limits[name]),
            "must be less than or equal to pod limits of \(most)"))
      }
    }
    return errors
  }

  /// What all containers together need at a time, by the name of the resource, in the names' order.
  private static func sums(of spec: JSONValue, _ kind: String) -> [(name: String, sum: ResourceQuantity)] {
    var running: [String: ResourceQuantity] = [:]
    var sidecars: [String: ResourceQuantity] = [:]
    var starting: [String: ResourceQuantity] = [:]
    func quantities(_ container: JSONValue) -> [String: ResourceQuantity] {
      (container["resources"][kind].object ?? JSONObject()).reduce(into: [:]) { list, member in
        list[member.key] = Checks.quantity(member.value)
      }
    }
    for container: JSONValue in spec["containers"].items { running.merge(quantities(container), uniquingKeysWith: plus) }
    for container: JSONValue in spec["initContainers"].items {
      let own: [String: ResourceQuantity] = quantities(container)
      if container["restartPolicy"].plain == "Always" {
        running.merge(own, uniquingKeysWith: plus)
        sidecars.merge(own, uniquingKeysWith: plus)
        starting.merge(sidecars, uniquingKeysWith: max)
      } else {
        starting.merge(own.merging(sidecars, uniquingKeysWith: plus), uniquingKeysWith: max)
      }
    }
    return running.merging(starting, uniquingKeysWith: max).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private static func plus(_ left: ResourceQuantity, _ right: ResourceQuantity) -> ResourceQuantity {
    ResourceQuantity(
      nanounits: left.nanounits + right.nanounits, format: left.nanounits == 0 ? right.format : left.format)
  }
}

/// Fields of pods that are behind feature gates which are off.
enum DisabledPodFields {
  /// Takes them away from a pod's specification.
  static func drop(_ spec: inout JSONValue) {
    // Groups of pods (GenericWorkload).
    if spec["schedulingGroup"].isThere { spec["schedulingGroup"] = .null }
    // Signals of containers' own (ContainerStopSignals).
    for list: String in ["containers", "initContainers", "ephemeralContainers"] {
      guard spec[list].items.contains(where: { $0["lifecycle"]["stopSignal"].isThere }) else { continue }
      spec.editItems(list) { container in
        guard container["lifecycle"]["stopSignal"].isThere else { return }
        container["lifecycle"]["stopSignal"] = .null
        let isEmpty: Bool = container["lifecycle"]["postStart"].isNull && container["lifecycle"]["preStop"].isNull
        if isEmpty { container["lifecycle"] = .null }
      }
    }
  }

  /// Takes them away from a template that is a member of an object.
  static func drop(_ object: inout JSONValue, template path: ArraySlice<String>) {
    guard let first: String = path.first else {
      object.edit("spec") { drop(&$0) }
      return
    }
    object.edit(first) { drop(&$0, template: path.dropFirst()) }
  }
}
