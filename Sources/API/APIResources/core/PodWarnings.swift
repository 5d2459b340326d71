// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// What works in a pod but is probably not what its author wants.
enum PodWarnings {
  static func warnings(spec: JSONValue, metadata: JSONValue, at path: FieldPath, old: JSONValue?) -> [String] {
    // An update that does not touch the pod repeats no warnings.
    if spec == old ?? .null { return [] }
    var warnings: [String] = []
    for (place, secret) in spec["imagePullSecrets"].items.enumerated() where secret["name"].plain.isEmpty {
      let at: FieldPath = path.child("imagePullSecrets").index(place).child("name")
      warnings.append("\(at): invalid empty name \"\"")
    }
    for (place, alias) in spec["hostAliases"].items.enumerated() where alias["ip"].plain.isEmpty {
      warnings.append("\(path.child("hostAliases").index(place)).ip: invalid empty ip \"\"")
    }
    for list: String in ["initContainers", "containers"] {
      for (place, container) in spec[list].items.enumerated() {
        warnings += containerWarnings(container, path.child(list).index(place))
      }
    }
    return warnings + affinityWarnings(spec, path)
  }

  private static func containerWarnings(_ container: JSONValue, _ at: FieldPath) -> [String] {
    var warnings: [String] = []
    var ports: [String: FieldPath] = [:]
    for (place, port) in container["ports"].items.enumerated() {
      let key: String =
        "\(port["containerPort"].int ?? 0)/\(port["protocol"].plain)/\(port["hostPort"].int ?? 0)"
        + "/\(port["hostIP"].plain)"
      let path: FieldPath = at.child("ports").index(place)
      if let first: FieldPath = ports[key] {
        warnings.append("\(path): duplicate port definition with \(first)")
      } else {
        ports[key] = path
      }
    }
    for kind: String in ["limits", "requests"] {
      for name: String in ["memory", "ephemeral-storage"] {
        let value: JSONValue = container["resources"][kind][name]
        // What is more than a 64-bit number of bytes is taken for fractional, too.
        guard let quantity: ResourceQuantity = Checks.quantity(value),
          quantity.nanounits % 1_000_000_000 != 0 || quantity.nanounits / 1_000_000_000 > Int128(Int64.max)
        else { continue }
        warnings.append(
          "\(at.child("resources", kind).key(name)): fractional byte value "
            + "\"\(quantity)\" is invalid, must be an integer"
        )
      }
    }
    var names: [String: FieldPath] = [:]
    for (place, variable) in container["env"].items.enumerated() {
      let name: String = variable["name"].plain
      let path: FieldPath = at.child("env").index(place)
      if let first: FieldPath = names[name], !name.isEmpty {
        // A later definition that refers to the earlier one is meant.
        if !variable["value"].plain.contains("$(\(name))") {
          warnings.append("\(path): hides previous definition of \"\(name)\", which may be unexpected")
        }
        _ = first
      }
      names[name] = path
    }
    return warnings
  }

  private static func affinityWarnings(_ spec: JSONValue, _ path: FieldPath) -> [String] {
    var warnings: [String] = []
    let note: String = "a null labelSelector results in matching no pod"
    for (place, constraint) in spec["topologySpreadConstraints"].items.enumerated()
    where constraint["labelSelector"].isNull {
      warnings.append("\(path.child("topologySpreadConstraints").index(place).child("labelSelector")): \(note)")
    }
    let required: String = "requiredDuringSchedulingIgnoredDuringExecution"
    let preferred: String = "preferredDuringSchedulingIgnoredDuringExecution"
    for kind: String in ["podAffinity", "podAntiAffinity"] {
      let at: FieldPath = path.child("affinity", kind)
      for (place, term) in spec["affinity"][kind][required].items.enumerated() where term["labelSelector"].isNull {
        warnings.append("\(at.child(required).index(place).child("labelSelector")): \(note)")
      }
      for (place, term) in spec["affinity"][kind][preferred].items.enumerated()
      where term["podAffinityTerm"]["labelSelector"].isNull {
        warnings.append("\(at.child(preferred).index(place).child("podAffinityTerm", "labelSelector")): \(note)")
      }
    }
    return warnings
  }
}
