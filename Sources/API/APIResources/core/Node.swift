// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON
import KubeValues

/// Nodes.
struct NodeStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(
      hasStatus: false, selectableFields: [SelectableField("spec.unschedulable", absent: "false")])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    // The singular field and the list say the same.
    object.edit("spec") { spec in
      if !spec["podCIDR"].plain.isEmpty, spec["podCIDRs"].isVoid { spec["podCIDRs"] = [spec["podCIDR"]] }
      if !spec["podCIDR"].plain.isEmpty, spec["podCIDRs"][0] != spec["podCIDR"] { spec["podCIDRs"] = [spec["podCIDR"]] }
      if spec["podCIDR"].plain.isEmpty, !spec["podCIDRs"].isVoid { spec["podCIDR"] = spec["podCIDRs"][0] }
    }
    object.edit("status") { status in
      if status["allocatable"].isNull, status["capacity"].isThere { status["allocatable"] = status["capacity"] }
    }
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    if object["spec"]["configSource"].isThere { object["spec"]["configSource"] = .null }
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    // Unlike other kinds, a new node may bring its status; an update may not.
    if context.subresource == "status" {
      prepareCommonForUpdate(&object, old: old, context)
    } else {
      object["status"] = old["status"]
    }
    if object["spec"]["configSource"].isThere, old["spec"]["configSource"].isNull {
      object["spec"]["configSource"] = .null
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    var errors: [FieldError] = Self.taintErrors(object["spec"]["taints"])
    let swap: JSONValue = object["status"]["nodeInfo"]["swap"]["capacity"]
    if let bytes: Int64 = swap.int, bytes <= 0 {
      errors.append(.invalid(FieldPath("metadata", "nodeSwapStatus", "capacity"), swap, "must be greater than zero"))
    }
    return errors + Self.rangeErrors(object)
  }

  private static func rangeErrors(_ object: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec", "podCIDRs")
    let ranges: [JSONValue] = object["spec"]["podCIDRs"].items
    var errors: [FieldError] = ranges.enumerated().flatMap { Checks.prefix($1, path.index($0)) }
    guard ranges.count > 1, errors.isEmpty else { return errors }
    let families: Set<String> = Set(ranges.compactMap { IPPrefix($0.plain)?.network.family.description })
    if ranges.count > 2 || families.count < 2 {
      errors.append(
        .invalid(path, object["spec"]["podCIDRs"], "may specify no more than one CIDR for each IP family"))
    }
    return errors
  }

  private static func taintErrors(_ taints: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    var seen: Set<[String]> = []
    for (place, taint) in taints.items.enumerated() {
      let at: FieldPath = FieldPath("metadata", "taints").index(place)
      let parts: [String] = ["key", "value", "effect"].map { taint[$0].plain }
      errors += Names.qualified(parts[0]).map { .invalid(at.child("key"), .string(parts[0]), $0) }
      let wrong: [String] = Names.labelValue(parts[1])
      if !wrong.isEmpty {
        errors.append(.invalid(at.child("value"), .string(parts[1]), wrong.joined(separator: ";")))
      }
      errors +=
        parts[2].isEmpty
        ? [.required(at.child("effect"))] : TolerationRules.effectErrors(parts[2], at.child("effect"))
      if !seen.insert([parts[0], parts[2]]).inserted {
        let shown: JSONValue = [
          "Key": .string(parts[0]), "Value": .string(parts[1]), "Effect": .string(parts[2]),
          "TimeAdded": taint["timeAdded"],
        ]
        errors.append(FieldError(.duplicate, at, shown, "taints must be unique by key and effect pair"))
      }
    }
    return errors
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    var errors: [FieldError] = validateContent(object, context)
    if !old["spec"]["podCIDRs"].isVoid, object["spec"]["podCIDRs"] != old["spec"]["podCIDRs"] {
      errors.append(.forbidden(path.child("podCIDRs"), "node updates may not change podCIDR except from \"\" to valid"))
    }
    let provider: String = old["spec"]["providerID"].plain
    if !provider.isEmpty, object["spec"]["providerID"].plain != provider {
      errors.append(
        .forbidden(path.child("providerID"), "node updates may not change providerID except from \"\" to valid"))
    }
    errors += Self.taintErrors(object["spec"]["taints"])
    if object["spec"]["externalID"] != old["spec"]["externalID"] {
      errors.append(.forbidden(path.child("externalID"), "may not be updated"))
    }
    return errors
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    guard context.subresource == nil else { return [] }
    let spec: JSONValue = object["spec"]
    var warnings: [String] = spec["configSource"].isThere ? ["spec.configSource: the feature is removed"] : []
    if !spec["externalID"].plain.isEmpty {
      warnings.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    }
    for (place, range) in spec["podCIDRs"].strings.enumerated() {
      warnings += AddressForms.warnings(range: range, FieldPath("spec", "podCIDRs").index(place))
    }
    return warnings
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let info: JSONValue = object["status"]["nodeInfo"]
    let architecture: String = info["architecture"].plain
    var kernel: JSONValue = TableText.text(info["kernelVersion"], or: "<unknown>")
    if !architecture.isEmpty { kernel = .string("\(kernel.plain) (\(architecture))") }
    return [
      object["metadata"]["name"], .string(Self.status(object)), .string(Self.roles(object["metadata"]["labels"])),
      TableText.age(object, context), .string(info["kubeletVersion"].plain),
      Self.address("InternalIP", object), Self.address("ExternalIP", object),
      TableText.text(info["osImage"], or: "<unknown>"), kernel,
      TableText.text(info["containerRuntimeVersion"], or: "<unknown>"),
    ]
  }

  private static func status(_ node: JSONValue) -> String {
    var parts: [String] = node["status"]["conditions"].items.filter { $0["type"].plain == "Ready" }
      .map { $0["status"].plain == "True" ? "Ready" : "NotReady" }
    if parts.isEmpty { parts = ["Unknown"] }
    if node["spec"]["unschedulable"].bool ?? false { parts.append("SchedulingDisabled") }
    return parts.joined(separator: ",")
  }

  private static func roles(_ labels: JSONValue) -> String {
    var roles: Set<String> = []
    for (key, value) in labels.object ?? JSONObject() {
      let prefix: String = "node-role.kubernetes.io/"
      if key.hasPrefix(prefix), key.count > prefix.count { roles.insert(String(key.dropFirst(prefix.count))) }
      if key == "kubernetes.io/role", !value.plain.isEmpty { roles.insert(value.plain) }
    }
    return roles.isEmpty ? "<none>" : roles.sorted().joined(separator: ",")
  }

  private static func address(_ type: String, _ node: JSONValue) -> JSONValue {
    let found: JSONValue? = node["status"]["addresses"].items.first { $0["type"].plain == type }
    return found?["address"] ?? "<none>"
  }
}
