// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// What an update of a pod's status may change.
enum PodStatusValidation {
  private static let path: FieldPath = FieldPath("status")
  private static let systemConditions: Set<String> = ["PodScheduled", "Ready", "Initialized"]

  static func errors(_ pod: JSONValue, old: JSONValue) -> [FieldError] {
    let status: JSONValue = pod["status"]
    let before: JSONValue = old["status"]
    var errors: [FieldError] = conditionErrors(status["conditions"].items)
    if pod["spec"]["nodeName"] != old["spec"]["nodeName"] {
      errors.append(.forbidden(path.child("nodeName"), "may not be changed directly"))
    }
    if !status["nominatedNodeName"].plain.isEmpty, status["nominatedNodeName"] != before["nominatedNodeName"] {
      let at: FieldPath = path.child("nominatedNodeName")
      errors += Checks.text(status["nominatedNodeName"], at, Names.subdomain)
      if !old["spec"]["nodeName"].plain.isEmpty {
        errors.append(.forbidden(at, "may not be set on pods that are already bound to a node"))
      }
    }
    if let generation: Int64 = status["observedGeneration"].int, generation < 0 {
      errors.append(.invalid(path.child("observedGeneration"), .int(generation), "must be a non-negative integer"))
    }
    if !before["qosClass"].plain.isEmpty, status["qosClass"] != before["qosClass"] {
      errors.append(.invalid(path.child("qosClass"), status["qosClass"], Checks.immutable))
    }
    errors += stateErrors(status, before, old["spec"])
    errors += claimErrors(status["resourceClaimStatuses"].items, pod["spec"]["resourceClaims"].items)
    return errors + addressErrors(status)
  }

  private static func conditionErrors(_ conditions: [JSONValue]) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, condition) in conditions.enumerated() {
      let at: FieldPath = path.child("conditions").index(place)
      if let generation: Int64 = condition["observedGeneration"].int, generation < 0 {
        errors.append(.invalid(at.child("observedGeneration"), .int(generation), "must be a non-negative integer"))
      }
      guard !systemConditions.contains(condition["type"].plain) else { continue }
      errors += Checks.text(condition["type"], at.child("Type"), Names.qualified)
    }
    return errors
  }

  /// What has ended stays so, unless it may be started again.
  private static func stateErrors(_ status: JSONValue, _ before: JSONValue, _ spec: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    for (list, containers) in [
      ("containerStatuses", spec["containers"]), ("initContainerStatuses", spec["initContainers"]),
      ("ephemeralContainerStatuses", JSONValue.null),
    ] {
      for (place, known) in before[list].items.enumerated() where known["state"]["terminated"].isThere {
        let now: JSONValue? = status[list].items.first { $0["name"] == known["name"] }
        guard let now, now["state"]["terminated"].isNull else { continue }
        let container: JSONValue? = containers.items.first { $0["name"] == known["name"] }
        let code: Int64 = known["state"]["terminated"]["exitCode"].int ?? 0
        if let container, mayRestart(container, spec, code) { continue }
        errors.append(
          .forbidden(path.child(list).index(place).child("state"), "may not be transitioned to non-terminated state"))
      }
    }
    return errors
  }

  private static func mayRestart(_ container: JSONValue, _ spec: JSONValue, _ code: Int64) -> Bool {
    let own: String = container["restartPolicy"].plain
    if !own.isEmpty {
      for rule: JSONValue in container["restartPolicyRules"].items {
        let codes: [JSONValue] = rule["exitCodes"]["values"].items
        let isListed: Bool = codes.contains(.int(code))
        if isListed == (rule["exitCodes"]["operator"].plain == "In") { return true }
      }
    }
    switch own.isEmpty ? spec["restartPolicy"].plain : own {
    case "Never": return false
    case "OnFailure": return code != 0
    default: return true
    }
  }

  private static func claimErrors(_ statuses: [JSONValue], _ claims: [JSONValue]) -> [FieldError] {
    var errors: [FieldError] = []
    var seen: Set<String> = []
    for (place, status) in statuses.enumerated() {
      let at: FieldPath = path.child("resourceClaimStatuses").index(place)
      let name: String = status["name"].plain
      if !claims.contains(where: { $0["name"].plain == name }) {
        let words: String = "must match the name of an entry in `spec.resourceClaims`"
        errors.append(.invalid(at.child("name"), .string(name), words))
      }
      if !seen.insert(name).inserted { errors.append(.duplicate(at.child("name"), .string(name))) }
      if status["resourceClaimName"].isThere {
        errors += Checks.text(status["resourceClaimName"], at.child("resourceClaimName"), Names.subdomain)
      }
    }
    return errors
  }

  private static func addressErrors(_ status: JSONValue) -> [FieldError] {
    var errors: [FieldError] = listErrors(status["podIPs"], path.child("podIPs"), "[]@core.PodIP")
    let first: String = status["hostIPs"][0]["ip"].plain
    if !status["hostIPs"].isVoid, status["hostIP"].plain != first {
      errors.append(
        .invalid(path.child("hostIPs").index(0).child("ip"), .string(first), "must be equal to `hostIP`"))
    }
    errors += listErrors(status["hostIPs"], path.child("hostIPs"), "[]@core.HostIP")
    return errors
  }

  private static func listErrors(_ list: JSONValue, _ path: FieldPath, _ type: String) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, item) in list.items.enumerated() { errors += Checks.address(item["ip"], path.index(place)) }
    let families: [IPFamily] = list.items.compactMap { IPAddress($0["ip"].plain)?.family }
    if families.count > Set(families).count {
      errors.append(.invalid(path, GoForm.of(list, type), "may specify no more than one IP for each IP family"))
    }
    return errors
  }
}
