// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
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
      if spec["podCIDR"].plain.isEmpty, !spec["podCIDRs"].isVoid { spec["podCIDR"] = spec["podCIDRs"][0] }
    }
    object.edit("status") { status in
      if status["allocatable"].isNull, status["capacity"].isThere { status["allocatable"] = status["capacity"] }
    }
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    // Unlike other kinds, a new node may bring its status; an update may not.
    if context.subresource == "status" {
      prepareCommonForUpdate(&object, old: old, context)
    } else {
      object["status"] = old["status"]
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    var errors: [FieldError] = Self.rangeErrors(object)
    let swap: JSONValue = object["status"]["nodeInfo"]["swap"]["capacity"]
    if let bytes: Int64 = swap.int, bytes <= 0 {
      errors.append(.invalid(FieldPath("metadata", "nodeSwapStatus", "capacity"), swap, "must be greater than zero"))
    }
    return errors
  }

  private static func rangeErrors(_ object: JSONValue) -> [FieldError] {
    object["spec"]["podCIDRs"].items.enumerated().flatMap { Checks.prefix($1, FieldPath("spec", "podCIDRs").index($0)) }
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    var errors: [FieldError] = Self.rangeErrors(object)
    if !old["spec"]["podCIDRs"].isVoid, object["spec"]["podCIDRs"] != old["spec"]["podCIDRs"] {
      errors.append(.forbidden(path.child("podCIDRs"), "node updates may not change podCIDR except from \"\" to valid"))
    }
    let provider: String = old["spec"]["providerID"].plain
    if !provider.isEmpty, object["spec"]["providerID"].plain != provider {
      errors.append(
        .forbidden(path.child("providerID"), "node updates may not change providerID except from \"\" to valid"))
    }
    if object["spec"]["externalID"] != old["spec"]["externalID"] {
      errors.append(.forbidden(path.child("externalID"), "may not be updated"))
    }
    return errors
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
