// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// What the resize subresource may change: CPU and memory of containers.
enum PodResize {
  /// Takes over what the subresource may change.
  static func copy(from resized: JSONValue, to pod: inout JSONValue) {
    for list: String in ["containers", "initContainers"] {
      let wanted: [JSONValue] = resized["spec"][list].items
      guard wanted.count == pod["spec"][list].items.count else {
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
  }

  static func errors(_ pod: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    var errors: [FieldError] = []
    if old["status"]["phase"].plain == "Succeeded" || old["status"]["phase"].plain == "Failed" {
      return [.forbidden(path, "pods in a terminal state may not be resized")]
    }
    if PodQualityOfService.of(pod["spec"]) != PodQualityOfService.of(old["spec"]) {
      let quality: JSONValue = .string(PodQualityOfService.of(pod["spec"]))
      errors.append(.invalid(FieldPath("spec"), quality, "Pod QOS Class may not change as a result of resizing"))
    }
    errors += PodValidation.specErrors(pod["spec"], path, metadata: pod["metadata"], isPod: true)
    var isMore: Bool = false
    for list: String in ["containers", "initContainers"] {
      for (place, container) in pod["spec"][list].items.enumerated() {
        let before: JSONValue = old["spec"][list][place]["resources"]
        for kind: String in ["requests", "limits"] {
          let now: JSONValue = container["resources"][kind]
          let names: Set<String> = Set(now.sortedKeys + before[kind].sortedKeys)
          let changed: [String] = names.filter { now[$0] != before[kind][$0] }
          if changed.contains(where: { !["cpu", "memory"].contains($0) }) { isMore = true }
          if changed.contains(where: { now[$0].isNull }) {
            let at: FieldPath = path.child(list).index(place).child("resources", kind)
            errors.append(.forbidden(at, "resource \(kind) cannot be removed"))
          }
        }
      }
    }
    if isMore { errors.append(.forbidden(path, "only cpu and memory resources are mutable")) }
    return errors
  }
}
