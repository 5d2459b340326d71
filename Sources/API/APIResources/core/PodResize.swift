// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// What the resize subresource may change: CPU and memory of containers and of the pod as a whole.
enum PodResize {
  /// Takes over what the subresource may change.
  static func copy(from resized: JSONValue, to pod: inout JSONValue) {
    for list: String in ["containers", "initContainers"] {
      let wanted: [JSONValue] = resized["spec"][list].items
      guard wanted.map({ $0["name"] }) == pod["spec"][list].items.map({ $0["name"] }) else {
        pod["spec"][list] = resized["spec"][list]
        continue
      }
      var containers: [JSONValue] = pod["spec"][list].items
      for place: Int in containers.indices {
        containers[place]["resources"] = wanted[place]["resources"]
        containers[place]["resizePolicy"] = wanted[place]["resizePolicy"]
      }
      if !containers.isEmpty { pod["spec"][list] = .array(containers) }
    }
    pod["spec"]["resources"] = resized["spec"]["resources"]
  }

  static func errors(_ pod: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let metadata: JSONValue = old["metadata"]
    if metadata["annotations"]["kubernetes.io/config.mirror"].isThere {
      return [.forbidden(FieldPath(""), "static pods cannot be resized")]
    }
    if old["spec"]["os"]["name"].plain == "windows" {
      return [.forbidden(FieldPath(""), "windows pods cannot be resized")]
    }
    var errors: [FieldError] = PodAnnotations.errors(pod, FieldPath("metadata", "annotations"))
    errors += PodValidation.specErrors(pod["spec"], path, metadata: pod["metadata"], isPod: true)
    let known: String = old["status"]["qosClass"].plain
    let quality: String = known.isEmpty ? PodQualityOfService.of(old["spec"]) : known
    if PodQualityOfService.of(pod["spec"]) != quality {
      let shown: JSONValue = .string(pod["status"]["qosClass"].plain)
      errors.append(.invalid(path, shown, "Pod QOS Class may not change as a result of resizing"))
    }
    if !isSupported(old["status"]) {
      errors.append(.forbidden(path, "Pod running on node without support for resize"))
    }
    var kept: JSONValue = pod["spec"]
    errors += podErrors(&kept, old["spec"], path)
    if !old["status"]["nodeAllocatableResourceClaimStatuses"].isVoid {
      errors.append(.forbidden(path, "pods with node allocatable resource claims cannot be resized"))
    }
    let order: [FieldError] = orderErrors(pod["spec"], old["spec"], path)
    if !order.isEmpty { return errors + order }
    errors += removalErrors(pod["spec"], old["spec"], path)
    errors += containerErrors(&kept, old["spec"], path)
    if errors.isEmpty, !GoForm.isSame(kept, old["spec"], "@core.PodSpec") {
      errors.append(.forbidden(path, "only cpu and memory resources are mutable"))
    }
    return errors
  }

  /// A node that can resize tells the resources of running containers.
  private static func isSupported(_ status: JSONValue) -> Bool {
    guard let running = status["containerStatuses"].items.first(where: { $0["state"]["running"].isThere }) else {
      return true
    }
    return running["resources"].isThere
  }

  private static func removed(_ new: JSONValue, _ old: JSONValue) -> Bool {
    old.sortedKeys.contains { new[$0].isNull }
  }

  /// Resources with the CPU and memory of others.
  private static func masked(_ resources: JSONValue, _ old: JSONValue) -> JSONValue {
    var result: JSONValue = .object(JSONObject())
    for kind: String in ["limits", "requests"] {
      var list: JSONValue = resources[kind].isNull ? .object(JSONObject()) : resources[kind]
      for name: String in ["cpu", "memory"] { list[name] = old[kind][name] }
      if !list.isVoid { result[kind] = list }
    }
    return result
  }

  private static func podErrors(_ spec: inout JSONValue, _ old: JSONValue, _ path: FieldPath) -> [FieldError] {
    func isSet(_ spec: JSONValue) -> Bool {
      !spec["resources"]["requests"].isVoid || !spec["resources"]["limits"].isVoid
    }
    guard isSet(spec) || isSet(old) else { return [] }
    let at: FieldPath = path.child("resources")
    if old["resources"].isThere, spec["resources"].isNull {
      return [.forbidden(at, "pod-level resources cannot be removed")]
    }
    var errors: [FieldError] = []
    for (list, word) in [("requests", "resource requests"), ("limits", "resource limits")] {
      if removed(spec["resources"][list], old["resources"][list]) {
        errors.append(.forbidden(at.child(list), "pod-level \(word) cannot be removed"))
      }
    }
    var kept: JSONValue = masked(spec["resources"], old["resources"])
    kept["claims"] = spec["resources"]["claims"]
    if old["resources"].isNull, kept.isVoid { kept = .null }
    spec["resources"] = kept
    if !GoForm.isSame(kept, old["resources"], "*@core.ResourceRequirements") {
      errors.append(.forbidden(path, "only cpu and memory resources are mutable at pod-level"))
    }
    return errors
  }

  private static func orderErrors(_ spec: JSONValue, _ old: JSONValue, _ path: FieldPath) -> [FieldError] {
    ["containers", "initContainers"].flatMap { list -> [FieldError] in
      let new: [JSONValue] = spec[list].items
      let known: [JSONValue] = old[list].items
      if new.count != known.count {
        return [.forbidden(path.child(list), "\(list) may not be added or removed on resize")]
      }
      return zip(new, known).enumerated().compactMap { place, pair in
        pair.0["name"] == pair.1["name"]
          ? nil
          : .forbidden(
            path.child(list).index(place).child("name"), "\(list) may not be renamed or reordered on resize")
      }
    }
  }

  private static func removalErrors(_ spec: JSONValue, _ old: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for list: String in ["initContainers", "containers"] {
      for (place, container) in old[list].items.enumerated() {
        let at: FieldPath = path.child(list).index(place).child("resources")
        for (kind, word) in [("requests", "resource requests"), ("limits", "resource limits")] {
          if removed(spec[list][place]["resources"][kind], container["resources"][kind]) {
            errors.append(.forbidden(at.child(kind), "\(word) cannot be removed"))
          }
        }
      }
    }
    return errors
  }

  private static func containerErrors(_ spec: inout JSONValue, _ old: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for list: String in ["containers", "initContainers"] {
      var containers: [JSONValue] = spec[list].items
      for place: Int in containers.indices {
        let before: JSONValue = old[list][place]
        let isChanged: Bool = !GoForm.isSame(containers[place], before, "@core.Container")
        containers[place]["resources"] = masked(containers[place]["resources"], before["resources"])
        let isInit: Bool = list == "initContainers"
        let at: FieldPath = isInit ? path.child(list).index(place) : path
        if !GoForm.isSame(containers[place], before, "@core.Container") {
          let what: String = isInit ? "resources for init or sidecar containers" : "resources"
          errors.append(.forbidden(at, "only cpu and memory \(what) are mutable"))
        }
        guard isInit, isChanged, containers[place]["restartPolicy"].plain != "Always" else { continue }
        for policy: JSONValue in containers[place]["resizePolicy"].items
        where policy["restartPolicy"].plain == "RestartContainer" {
          errors.append(
            .forbidden(
              at, "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"))
        }
      }
      if !containers.isEmpty { spec[list] = .array(containers) }
    }
    return errors
  }
}
