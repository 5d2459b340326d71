// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// What an update of a pod may change.
enum PodUpdateValidation {
  private static let message: String =
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    + "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    + "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

  static func errors(_ pod: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    var errors: [FieldError] = PodAnnotations.errors(pod, FieldPath("metadata", "annotations"))
    errors += PodValidation.specErrors(pod["spec"], path, metadata: pod["metadata"], isPod: true)
    let spec: JSONValue = pod["spec"]
    let before: JSONValue = old["spec"]
    for list: String in ["containers", "initContainers"] {
      if spec[list].items.count != before[list].items.count {
        return errors + [.forbidden(path.child(list), "pod updates may not add or remove containers")]
      }
      for (place, container) in spec[list].items.enumerated() {
        errors += imageErrors(container["image"].plain, path.child(list).index(place).child("image"))
      }
    }
    let deadline: [FieldError] = deadlineErrors(spec, before, path)
    errors += deadline
    if spec["activeDeadlineSeconds"].isThere, !deadline.isEmpty { return errors }
    errors += tolerationErrors(spec, before, path.child("tolerations"))
    errors += gateErrors(spec, before, path.child("schedulingGates"))
    // Everything that may change is made equal; the rest must be.
    var allowed: JSONValue = spec
    for list: String in ["containers", "initContainers"] {
      var containers: [JSONValue] = spec[list].items
      for (place, container) in before[list].items.enumerated() where place < containers.count {
        containers[place]["image"] = container["image"]
      }
      if !containers.isEmpty { allowed[list] = .array(containers) }
    }
    for key: String in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] { allowed[key] = before[key] }
    if before["terminationGracePeriodSeconds"].int ?? 0 < 0, spec["terminationGracePeriodSeconds"].int == 1 {
      allowed["terminationGracePeriodSeconds"] = before["terminationGracePeriodSeconds"]
    }
    if !before["schedulingGates"].isVoid {
      // A gated pod has not been scheduled yet: where it may go can still be narrowed.
      errors += selectorErrors(spec, before, path)
      allowed["nodeSelector"] = before["nodeSelector"]
      errors += GatedPodValidation.errors(spec, before, path)
      allowed["affinity"] = GatedPodValidation.allowed(allowed["affinity"], before["affinity"])
    }
    if !GoForm.isSame(allowed, before, "@core.PodSpec") {
      let difference: String = GoForm.difference(before, allowed, "@core.PodSpec")
      errors.append(.forbidden(path, "\(message)\n\(difference)"))
    }
    return errors
  }

  private static func imageErrors(_ image: String, _ path: FieldPath) -> [FieldError] {
    if image.isEmpty { return [.required(path)] }
    let isTrimmed: Bool = image.first?.isWhitespace == false && image.last?.isWhitespace == false
    return isTrimmed ? [] : [.invalid(path, .string(image), "must not have leading or trailing whitespace")]
  }

  private static func deadlineErrors(_ spec: JSONValue, _ before: JSONValue, _ path: FieldPath) -> [FieldError] {
    let at: FieldPath = path.child("activeDeadlineSeconds")
    let known: Int64? = before["activeDeadlineSeconds"].int
    guard let wanted: Int64 = spec["activeDeadlineSeconds"].int else {
      return known == nil ? [] : [.invalid(at, .null, "must not update from a positive integer to nil value")]
    }
    if wanted < 0 || wanted > Int64(Int32.max) {
      return [.invalid(at, .int(wanted), "must be between 0 and \(Int32.max), inclusive")]
    }
    return wanted > known ?? .max ? [.invalid(at, .int(wanted), "must be less than or equal to previous value")] : []
  }

  private static func gateErrors(_ spec: JSONValue, _ before: JSONValue, _ path: FieldPath) -> [FieldError] {
    let known: Set<String> = Set(before["schedulingGates"].items.map { $0["name"].plain })
    return spec["schedulingGates"].items.enumerated().compactMap { place, gate in
      known.contains(gate["name"].plain)
        ? nil
        : .forbidden(
          path.index(place).child("name"),
          "only deletion is allowed, but found new scheduling gate '\(gate["name"].plain)'")
    }
  }

  private static func tolerationErrors(_ spec: JSONValue, _ before: JSONValue, _ path: FieldPath) -> [FieldError] {
    func plain(_ toleration: JSONValue) -> JSONValue {
      var toleration: JSONValue = toleration
      toleration["tolerationSeconds"] = .null
      return toleration
    }
    let present: [JSONValue] = spec["tolerations"].items.map(plain)
    let isKept: Bool = before["tolerations"].items.map(plain).allSatisfy { present.contains($0) }
    return isKept
      ? [] : [.forbidden(path, "existing toleration can not be modified except its tolerationSeconds")]
  }

  private static func selectorErrors(_ spec: JSONValue, _ before: JSONValue, _ path: FieldPath) -> [FieldError] {
    let isKept: Bool = (before["nodeSelector"].object ?? JSONObject()).allSatisfy {
      spec["nodeSelector"][$0.key] == $0.value
    }
    if isKept { return [] }
    return [
      .invalid(
        path.child("nodeSelector"), GoForm.of(spec["nodeSelector"], "{}s"),
        "only additions to spec.nodeSelector are allowed (no mutations or deletions)")
    ]
  }

  static func ephemeralContainerErrors(_ pod: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec", "ephemeralContainers")
    var errors: [FieldError] = PodAnnotations.errors(pod, FieldPath("metadata", "annotations"))
    errors += PodValidation.specErrors(pod["spec"], FieldPath("spec"), metadata: pod["metadata"], isPod: true)
    if old["metadata"]["annotations"]["kubernetes.io/config.mirror"].isThere {
      return [.forbidden(FieldPath(""), "static pods do not support ephemeral containers")]
    }
    let present: [JSONValue] = pod["spec"]["ephemeralContainers"].items
    for known: JSONValue in old["spec"]["ephemeralContainers"].items {
      let name: String = known["name"].plain
      guard let now: JSONValue = present.first(where: { $0["name"].plain == name }) else {
        errors.append(.forbidden(path, "existing ephemeral containers \"\(name)\" may not be removed\n"))
        continue
      }
      if !GoForm.isSame(now, known, "@core.EphemeralContainer") {
        let difference: String = GoForm.difference(known, now, "@core.EphemeralContainer")
        errors.append(.forbidden(path, "existing ephemeral containers \"\(name)\" may not be changed\n\(difference)"))
      }
    }
    return errors
  }
}
