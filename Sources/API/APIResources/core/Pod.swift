// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// Pods.
struct PodStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(
      generation: .of(["spec"]), hasStatus: true,
      selectableFields: [
        SelectableField("spec.nodeName"), SelectableField("spec.restartPolicy"), SelectableField("spec.schedulerName"),
        SelectableField("spec.serviceAccountName"), SelectableField("spec.hostNetwork", absent: "false"),
        SelectableField("status.phase"), SelectableField("status.podIP"), SelectableField("status.podIPs"),
        SelectableField("status.nominatedNodeName"),
      ], updateChecks: [.change, .whole])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    PodDefaults.applyToPod(&object)
    // The singular fields and the lists say the same.
    object.edit("status") { status in
      for (single, list) in [("podIP", "podIPs"), ("hostIP", "hostIPs")] {
        let address: String = status[single].plain
        if address.isEmpty {
          if !status[list].isVoid { status[single] = status[list][0]["ip"] }
        } else if status[list][0]["ip"].plain != address {
          status[list] = [["ip": .string(address)]]
        }
      }
    }
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    object["metadata"]["generation"] = 1
    object.edit("spec") { DisabledPodFields.drop(&$0) }
    PodAnnotations.takeProfiles(&object).forEach(context.warn)
    // A negative time means at once.
    if object["spec"]["terminationGracePeriodSeconds"].int ?? 0 < 0 {
      object["spec"]["terminationGracePeriodSeconds"] = 1
    }
    object["status"] = ["phase": "Pending", "qosClass": .string(PodQualityOfService.of(object["spec"]))]
    if !object["spec"]["schedulingGates"].isVoid {
      object["status"]["conditions"] = [
        [
          "type": "PodScheduled", "status": "False", "lastProbeTime": .null,
          "lastTransitionTime": .string(context.now), "reason": "SchedulingGated",
          "message": "Scheduling is blocked due to non-empty scheduling gates",
        ]
      ]
    }
    let labels: JSONValue = object["metadata"]["labels"]
    object.fill("spec") { spec in Self.applyLabelKeys(&spec, labels: labels) }
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    switch context.subresource {
    case "status":
      prepareCommonForUpdate(&object, old: old, context)
      object["metadata"]["ownerReferences"] = old["metadata"]["ownerReferences"]
      object["metadata"]["deletionTimestamp"] = old["metadata"]["deletionTimestamp"]
      if object["status"]["qosClass"].plain.isEmpty { object["status"]["qosClass"] = old["status"]["qosClass"] }
    case "ephemeralcontainers":
      let added: JSONValue = object["spec"]["ephemeralContainers"]
      let metadata: JSONValue = object["metadata"]
      object = old
      object["metadata"]["managedFields"] = metadata["managedFields"]
      object["metadata"]["resourceVersion"] = metadata["resourceVersion"]
      object["spec"]["ephemeralContainers"] = added
      object.edit("spec") { DisabledPodFields.drop(&$0) }
      raiseGeneration(&object, old: old)
    case "resize":
      let resized: JSONValue = object
      object = old
      object["metadata"]["managedFields"] = resized["metadata"]["managedFields"]
      object["metadata"]["resourceVersion"] = resized["metadata"]["resourceVersion"]
      PodResize.copy(from: resized, to: &object)
      raiseGeneration(&object, old: old)
    default:
      object.edit("spec") { DisabledPodFields.drop(&$0) }
      prepareCommonForUpdate(&object, old: old, context)
    }
  }

  private func raiseGeneration(_ object: inout JSONValue, old: JSONValue) {
    let generation: Int64 = old["metadata"]["generation"].int ?? 0
    if object["spec"] != old["spec"] { object["metadata"]["generation"] = .int(generation + 1) }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    var errors: [FieldError] = PodValidation.errors(of: object)
    if !object["spec"]["ephemeralContainers"].isVoid {
      errors.append(.forbidden(FieldPath("spec", "ephemeralContainers"), "cannot be set on create"))
    }
    if !object["spec"]["schedulingGates"].isVoid, !object["spec"]["nodeName"].plain.isEmpty {
      errors.append(
        .forbidden(FieldPath("spec", "nodeName"), "cannot be set until all schedulingGates have been cleared"))
    }
    return errors + PodAnnotations.mismatches(object, FieldPath("spec"))
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    switch context.subresource {
    case "status": PodStatusValidation.errors(object, old: old)
    case "ephemeralcontainers": PodUpdateValidation.ephemeralContainerErrors(object, old: old)
    case "resize": PodResize.errors(object, old: old)
    default: PodUpdateValidation.errors(object, old: old)
    }
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    // People do not usually change pods themselves.
    if context.subresource == "status" {
      return ["podIPs", "hostIPs"].flatMap { list in
        object["status"][list].items.enumerated().flatMap { place, item in
          AddressForms.warnings(address: item["ip"].plain, FieldPath("status", list).index(place).child("ip"))
        }
      }
    }
    if context.subresource != nil || old != nil { return [] }
    return PodWarnings.nameWarnings(object, "this is used in the Pod's hostname")
      + PodWarnings.warnings(object, at: .root)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] { PodTable.cells(object, context) }

  func rowConditions(_ object: JSONValue) -> [JSONValue] {
    switch object["status"]["phase"].plain {
    case "Succeeded":
      [
        [
          "type": "Completed", "status": "True", "reason": "Succeeded",
          "message": "The pod has completed successfully.",
        ]
      ]
    case "Failed":
      [["type": "Completed", "status": "True", "reason": "Failed", "message": "The pod failed."]]
    default: []
    }
  }

  /// Makes label keys of spreading and affinity into requirements on the pod's own labels.
  private static func applyLabelKeys(_ spec: inout JSONValue, labels: JSONValue) {
    func merge(_ term: inout JSONValue) {
      guard term["labelSelector"].isThere else { return }
      for (list, comparison) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
        for key: String in term[list].strings where labels[key].isThere {
          term["labelSelector"]["matchExpressions"].append(
            ["key": .string(key), "operator": .string(comparison), "values": [labels[key]]])
        }
      }
    }
    spec.editItems("topologySpreadConstraints", merge)
    spec.edit("affinity") { affinity in
      for kind: String in ["podAffinity", "podAntiAffinity"] {
        affinity.edit(kind) { terms in
          terms.editItems("requiredDuringSchedulingIgnoredDuringExecution", merge)
          terms.editItems("preferredDuringSchedulingIgnoredDuringExecution") { $0.edit("podAffinityTerm", merge) }
        }
      }
    }
  }
}

/// The quality-of-service class of a pod.
enum PodQualityOfService {
  static func of(_ spec: JSONValue) -> String {
    let containers: [JSONValue] = spec["containers"].items + spec["initContainers"].items
    // Resources of the pod as a whole speak for it.
    let resources: [JSONValue] = spec["resources"].isNull ? containers.map { $0["resources"] } : [spec["resources"]]
    var requests: [String: Int128] = [:]
    var limits: [String: Int128] = [:]
    var isGuaranteed: Bool = true
    for item: JSONValue in resources {
      var limited: Set<String> = []
      for name: String in ["cpu", "memory"] {
        if let quantity: Int128 = Checks.quantity(item["requests"][name])?.nanounits, quantity > 0 {
          requests[name, default: 0] += quantity
        }
        if let quantity: Int128 = Checks.quantity(item["limits"][name])?.nanounits, quantity > 0 {
          limits[name, default: 0] += quantity
          limited.insert(name)
        }
      }
      if limited.count != 2 { isGuaranteed = false }
    }
    if requests.isEmpty, limits.isEmpty { return "BestEffort" }
    let isEqual: Bool = requests.allSatisfy { limits[$0.key] == $0.value } && requests.count == limits.count
    return isGuaranteed && isEqual ? "Guaranteed" : "Burstable"
  }
}
