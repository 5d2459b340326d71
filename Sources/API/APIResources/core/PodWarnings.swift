// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// What works in a pod but is probably not what its author wants.
enum PodWarnings {
  /// Warnings about a pod or a template.
  ///
  /// - Parameter owner: the path of the template; the root for a pod itself.
  static func warnings(_ pod: JSONValue, at owner: FieldPath) -> [String] {
    let spec: JSONValue = pod["spec"]
    let path: FieldPath = owner.child("spec")
    var warnings: [String] = placementWarnings(spec, path)
    warnings += annotationWarnings(pod["metadata"]["annotations"], owner)
    if spec["volumes"].isThere { warnings += volumeWarnings(spec["volumes"], path.child("volumes")) }
    warnings += duplicateWarnings(spec, path)
    for name: String in ["memory", "ephemeral-storage"] {
      warnings += fractionWarnings(spec["overhead"][name], name, path.child("overhead"))
    }
    warnings += PodAnnotations.warnings(pod, at: owner)
    for (container, at) in containers(spec, path) {
      for name: String in ["memory", "ephemeral-storage"] {
        for kind: String in ["limits", "requests"] {
          warnings += fractionWarnings(container["resources"][kind][name], name, at.child("resources", kind))
        }
      }
      warnings += variableWarnings(container["env"].items, at)
    }
    warnings += PortWarnings.warnings(containers(spec, path))
    if spec["terminationGracePeriodSeconds"].int ?? 0 < 0 {
      warnings.append(
        "\(path.child("terminationGracePeriodSeconds")): must be >= 0; negative values are invalid and will be "
          + "treated as 1")
    }
    return warnings + affinityWarnings(spec["affinity"], path) + addressWarnings(spec, path)
  }

  /// A warning about a name that cannot be a host's.
  static func nameWarnings(_ object: JSONValue, _ use: String = "this is used in Pod names and hostnames") -> [String] {
    let wrong: [String] = Names.label(object["metadata"]["name"].plain)
    return wrong.isEmpty
      ? []
      : [
        "metadata.name: \(use), which can result in surprising behavior; a DNS label is recommended: "
          + "[\(wrong.joined(separator: " "))]"
      ]
  }

  private static func containers(_ spec: JSONValue, _ path: FieldPath) -> [(JSONValue, FieldPath)] {
    ["initContainers", "containers", "ephemeralContainers"].flatMap { list in
      spec[list].items.enumerated().map { ($1, path.child(list).index($0)) }
    }
  }

  private static func placementWarnings(_ spec: JSONValue, _ path: FieldPath) -> [String] {
    var warnings: [String] = NodeLabels.warnings(map: spec["nodeSelector"]) { path.child("nodeSelector").key($0) }
    let node: JSONValue = spec["affinity"]["nodeAffinity"]
    if node.isThere {
      let at: FieldPath = path.child("affinity", "nodeAffinity")
      warnings += NodeLabels.warnings(
        terms: node[required]["nodeSelectorTerms"], at.child(required, "nodeSelectorTerms"))
      for (place, term) in node[preferred].items.enumerated() {
        warnings += NodeLabels.warnings(
          expressions: term["preference"]["matchExpressions"],
          at.child(preferred).index(place).child("preference", "matchExpressions"), judgesValues: true)
      }
    }
    for (place, constraint) in spec["topologySpreadConstraints"].items.enumerated() {
      let at: FieldPath = path.child("topologySpreadConstraints").index(place)
      let key: String = constraint["topologyKey"].plain
      if let advice: String = NodeLabels.advice(key) {
        warnings.append("\(at.child("topologyKey")): \(key) is \(advice)")
      }
      if constraint["labelSelector"].isNull { warnings.append("\(at.child("labelSelector")): \(noSelector)") }
    }
    return warnings
  }

  private static func annotationWarnings(_ annotations: JSONValue, _ owner: FieldPath) -> [String] {
    guard annotations.isThere else { return [] }
    return [
      ("scheduler.alpha.kubernetes.io/critical-pod", "v1.16+; use the \"priorityClassName\""),
      ("security.alpha.kubernetes.io/sysctls", "v1.11+; use the \"sysctls\""),
      ("security.alpha.kubernetes.io/unsafe-sysctls", "v1.11+; use the \"sysctls\""),
    ].compactMap { key, advice in
      annotations[key].isNull
        ? nil : "\(owner.child("metadata", "annotations").key(key)): non-functional in \(advice) field instead"
    }
  }

  /// Volumes that are not served any more, in upstream's order, with the names that it shows.
  static let oldVolumes: [(kind: String, shown: String, since: String)] = [
    ("photonPersistentDisk", "photonPersistentDisk", "v1.11, non-functional in v1.16+"),
    ("gitRepo", "gitRepo", "v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "scaleIO", "v1.16, non-functional in v1.22+"),
    ("flocker", "flocker", "v1.22, non-functional in v1.25+"),
    ("storageos", "storageOS", "v1.22, non-functional in v1.25+"),
    ("quobyte", "quobyte", "v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "v1.25, non-functional in v1.26+"),
    ("cephfs", "cephfs", "v1.28, non-functional in v1.31+"),
    ("rbd", "rbd", "v1.28, non-functional in v1.31+"),
  ]

  private static func volumeWarnings(_ volumes: JSONValue, _ path: FieldPath) -> [String] {
    var warnings: [String] = []
    for (place, volume) in volumes.items.enumerated() {
      let claim: JSONValue = volume["ephemeral"]["volumeClaimTemplate"]
      if claim.isThere {
        warnings += claimWarnings(
          claim["spec"], path.index(place).child("ephemeral", "volumeClaimTemplate", "spec"))
      }
      for old in oldVolumes where volume[old.kind].isThere {
        warnings.append("\(path.index(place).child(old.shown)): deprecated in \(old.since)")
      }
    }
    return warnings + PathOverlaps.warnings(volumes)
  }

  /// Warnings about what a claim asks for.
  static func claimWarnings(_ spec: JSONValue, _ path: FieldPath) -> [String] {
    ["requests", "limits"].flatMap {
      fractionWarnings(spec["resources"][$0]["storage"], "storage", path.child("resources", $0))
    }
  }

  private static func duplicateWarnings(_ spec: JSONValue, _ path: FieldPath) -> [String] {
    var warnings: [String] = []
    for (list, key) in [("hostAliases", "ip"), ("imagePullSecrets", "name")] {
      var seen: Set<String> = []
      for (place, item) in spec[list].items.enumerated() where !seen.insert(item[key].plain).inserted {
        warnings.append("\(path.child(list).index(place).child(key)): duplicate \(key) \(item[key].plain.goQuoted)")
      }
    }
    for (place, secret) in spec["imagePullSecrets"].items.enumerated() where secret["name"].plain.isEmpty {
      warnings.append("\(path.child("imagePullSecrets").index(place).child("name")): invalid empty name \"\"")
    }
    return warnings
  }

  private static func fractionWarnings(_ value: JSONValue, _ name: String, _ path: FieldPath) -> [String] {
    // What is more than a 64-bit number of bytes is taken for fractional, too.
    guard value.isThere, let quantity: ResourceQuantity = Checks.quantity(value),
      quantity.nanounits % 1_000_000_000 != 0 || quantity.nanounits / 1_000_000_000 > Int128(Int64.max)
    else { return [] }
    return ["\(path.key(name)): fractional byte value \"\(quantity)\" is invalid, must be an integer"]
  }

  private static func variableWarnings(_ variables: [JSONValue], _ at: FieldPath) -> [String] {
    guard variables.count > 1 else { return [] }
    var warnings: [String] = []
    var names: Set<String> = []
    for (place, variable) in variables.enumerated() {
      let name: String = variable["name"].plain
      guard !names.insert(name).inserted else { continue }
      // A later definition that adds to the earlier one is meant.
      let reference: String = "$(\(name))"
      let value: String = variable["value"].plain
      if variable["valueFrom"].isNull, value != reference, value.contains(reference) { continue }
      warnings.append(
        "\(at.child("env").index(place)): hides previous definition of \(name.goQuoted), which may be dropped when "
          + "using apply")
    }
    return warnings
  }

  private static let required: String = "requiredDuringSchedulingIgnoredDuringExecution"
  private static let preferred: String = "preferredDuringSchedulingIgnoredDuringExecution"
  private static let noSelector: String = "a null labelSelector results in matching no pod"

  private static func affinityWarnings(_ affinity: JSONValue, _ path: FieldPath) -> [String] {
    guard affinity.isThere else { return [] }
    var warnings: [String] = []
    for kind: String in ["podAffinity", "podAntiAffinity"] {
      let at: FieldPath = path.child("affinity", kind)
      for (place, term) in affinity[kind][required].items.enumerated() where term["labelSelector"].isNull {
        warnings.append("\(at.child(required).index(place).child("labelSelector")): \(noSelector)")
      }
      for (place, term) in affinity[kind][preferred].items.enumerated()
      where term["podAffinityTerm"]["labelSelector"].isNull {
        warnings.append("\(at.child(preferred).index(place).child("podAffinityTerm", "labelSelector")): \(noSelector)")
      }
    }
    return warnings
  }

  private static func addressWarnings(_ spec: JSONValue, _ path: FieldPath) -> [String] {
    spec["dnsConfig"]["nameservers"].strings.enumerated().flatMap { place, text in
      AddressForms.warnings(address: text, path.child("dnsConfig", "nameservers").index(place))
    }
      + spec["hostAliases"].items.enumerated().flatMap { place, alias in
        AddressForms.warnings(address: alias["ip"].plain, path.child("hostAliases").index(place).child("ip"))
      }
  }
}
