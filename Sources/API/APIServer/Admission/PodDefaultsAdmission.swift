// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON

/// Pods tolerate a node that is not ready or not reachable for five minutes.
struct DefaultTolerationSeconds: AdmissionPlugin {
  static let name: String = "DefaultTolerationSeconds"
  private static let keys: [String] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]

  func admit(_ request: inout AdmissionRequest) async throws {
    guard request.isAbout("", "pods"), request.operation == .create || request.operation == .update else { return }
    var tolerations: [JSONValue] = request.object["spec"]["tolerations"].items
    for key: String in Self.keys {
      let isTolerated: Bool = tolerations.contains { toleration in
        let given: String = toleration["key"].string ?? ""
        let effect: String = toleration["effect"].string ?? ""
        return (given == key || given.isEmpty) && (effect == "NoExecute" || effect.isEmpty)
      }
      if !isTolerated {
        tolerations.append(["key": .string(key), "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300])
      }
    }
    request.object["spec"]["tolerations"] = .array(tolerations)
  }
}

/// New nodes get no pods before they are ready.
struct TaintNodesByCondition: AdmissionPlugin {
  static let name: String = "TaintNodesByCondition"
  private static let key: String = "node.kubernetes.io/not-ready"

  func admit(_ request: inout AdmissionRequest) async throws {
    guard request.isAbout("", "nodes"), request.operation == .create else { return }
    let taints: [JSONValue] = request.object["spec"]["taints"].items
    if taints.contains(where: { $0["key"].string == Self.key && $0["effect"].string == "NoSchedule" }) { return }
    request.object["spec"]["taints"] = .array(taints + [["key": .string(Self.key), "effect": "NoSchedule"]])
  }
}

/// A pod's runtime class must exist, and brings its overhead and node selection.
struct RuntimeClassAdmission: AdmissionPlugin {
  static let name: String = "RuntimeClass"

  let classes: ObjectStorage

  func admit(_ request: inout AdmissionRequest) async throws {
    guard request.isAbout("", "pods"), request.operation == .create,
      let found: JSONValue = try await runtimeClass(request)
    else { return }
    let overhead: JSONValue = found["overhead"]["podFixed"]
    let given: JSONValue = request.object["spec"]["overhead"]
    if overhead.object != nil {
      if given.object?.isEmpty == false, given != overhead {
        throw request.forbidden("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
      }
      request.object["spec"]["overhead"] = overhead
    }
    for (key, value) in found["scheduling"]["nodeSelector"].object ?? JSONObject() {
      let present: JSONValue = request.object["spec"]["nodeSelector"][key]
      if !present.isNull, present != value {
        throw request.forbidden("conflict: runtimeClass.scheduling.nodeSelector[\(key)] = \(value.string ?? ""); pod.spec.nodeSelector[\(key)] = \(present.string ?? "")")
      }
      request.object["spec"]["nodeSelector"][key] = value
    }
    var tolerations: [JSONValue] = request.object["spec"]["tolerations"].items
    for toleration: JSONValue in found["scheduling"]["tolerations"].items where !tolerations.contains(toleration) {
      tolerations.append(toleration)
    }
    if !tolerations.isEmpty { request.object["spec"]["tolerations"] = .array(tolerations) }
  }

  func validate(_ request: AdmissionRequest) async throws {
    guard request.isAbout("", "pods"), request.operation == .create else { return }
    let found: JSONValue? = try await runtimeClass(request)
    if found?["overhead"]["podFixed"].object == nil, !request.object["spec"]["overhead"].isNull {
      throw request.forbidden("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
    }
  }

  private func runtimeClass(_ request: AdmissionRequest) async throws -> JSONValue? {
    guard let name: String = request.object["spec"]["runtimeClassName"].string else { return nil }
    if let complaint: String = PathSegment.complaint(name) {
      throw StatusError(code: 500, reason: "", message: complaint)
    }
    guard let found: JSONValue = try await classes.object(namespace: "", name: name) else {
      throw request.forbidden("pod rejected: RuntimeClass \(name.goQuoted) not found")
    }
    return found
  }
}

/// Names that a request's path cannot carry.
enum PathSegment {
  /// What upstream's client says of a name before it asks; nil where it asks.
  static func complaint(_ name: String) -> String? {
    if name.isEmpty { return "resource name may not be empty" }
    let wrong: [String] =
      name == "." || name == ".."
      ? ["may not be '\(name)'"] : ["/", "%"].filter { name.contains($0) }.map { "may not contain '\($0)'" }
    return wrong.isEmpty ? nil : "invalid resource name \(name.goQuoted): [\(wrong.joined(separator: " "))]"
  }
}
