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
    } else if given.object?.isEmpty == false {
      throw request.forbidden("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
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
    if found == nil, request.object["spec"]["overhead"].object?.isEmpty == false {
      throw request.forbidden("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
    }
  }

  private func runtimeClass(_ request: AdmissionRequest) async throws -> JSONValue? {
    guard let name: String = request.object["spec"]["runtimeClassName"].string, !name.isEmpty else { return nil }
    guard let found: JSONValue = try await classes.object(namespace: "", name: name) else {
      throw request.forbidden("pod rejected: RuntimeClass \(name.goQuoted) not found")
    }
    return found
  }
}
