// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON

/// A kubelet writes its own node, its own pods and its own lease alone.
struct NodeRestriction: AdmissionPlugin {
  static let name: String = "NodeRestriction"

  let pods: ObjectStorage

  func admit(_ request: inout AdmissionRequest) async throws {
    guard request.user.name.hasPrefix("system:node:"), let node: String = request.user.nodeName else { return }
    switch (request.group.group, request.group.resource) {
    case ("", "pods"): try await checkPod(request, node)
    case ("", "nodes"): try checkNode(request, node)
    case ("", "serviceaccounts"): if request.subresource == "token" { try await checkToken(request, node) }
    case ("coordination.k8s.io", "leases"):
      if request.operation == .create, request.namespace != "kube-node-lease" || request.object.objectName != node {
        throw request.forbidden("can only access node lease with the same name as the requesting node")
      }
    case ("storage.k8s.io", "csinodes"):
      if request.operation == .create, request.object.objectName != node {
        throw request.forbidden("can only access CSINode with the same name as the requesting node")
      }
    default: break
    }
  }

  private func checkPod(_ request: AdmissionRequest, _ node: String) async throws {
    switch (request.operation, request.subresource) {
    case (.create, ""):
      let pod: JSONValue = request.object
      guard pod.objectAnnotations["kubernetes.io/config.mirror"] != nil else {
        throw request.forbidden("pod does not have \"kubernetes.io/config.mirror\" annotation, node \(node.goQuoted) can only create mirror pods")
      }
      guard pod["spec"]["nodeName"].string == node else {
        throw request.forbidden("node \(node.goQuoted) can only create pods with spec.nodeName set to itself")
      }
      if !PodReferences.secrets(pod).isEmpty || !PodReferences.configMaps(pod).isEmpty || !PodReferences.claims(pod).isEmpty {
        throw request.forbidden("node \(node.goQuoted) can not create pods that reference secrets, configmaps or persistentvolumeclaims")
      }
    case (.update, "status"), (.delete, ""):
      guard request.old["spec"]["nodeName"].string == node else {
        throw request.forbidden("node \(node.goQuoted) can only \(request.operation == .delete ? "delete pods" : "update pod status for pods") with spec.nodeName set to itself")
      }
    case (.create, "eviction"):
      let pod: JSONValue? = try await pods.object(namespace: request.namespace, name: request.name)
      guard pod?["spec"]["nodeName"].string == node else {
        throw request.forbidden("node \(node) can only evict pods with spec.nodeName set to itself")
      }
    default: throw request.forbidden("unexpected operation \(request.operation.rawValue.goQuoted), node \(node.goQuoted) can only create and delete mirror pods")
    }
  }

  private func checkNode(_ request: AdmissionRequest, _ node: String) throws {
    let name: String = request.operation == .create ? request.object.objectName : request.name
    guard name == node else {
      throw request.forbidden("node \(node.goQuoted) is not allowed to modify node \(name.goQuoted)")
    }
    // Labels can be written with the status, too.
    guard request.operation != .delete, request.subresource.isEmpty || request.subresource == "status" else { return }
    if request.operation == .update, request.object["spec"]["taints"] != request.old["spec"]["taints"] {
      throw request.forbidden("node \(node.goQuoted) is not allowed to modify taints")
    }
    let before: [String: String] = request.old.objectLabels
    let after: [String: String] = request.object.objectLabels
    let changed: [String] = Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }.sorted()
    let forbidden: [String] = changed.filter { key in
      key.contains("node-restriction.kubernetes.io/") || (request.operation == .update && !Self.mayChange(key) && Self.isOfKubernetes(key))
    }
    if !forbidden.isEmpty {
      throw request.forbidden("is not allowed to modify labels: \(forbidden.joined(separator: ", "))")
    }
  }

  private static func isOfKubernetes(_ key: String) -> Bool {
    guard let slash: String.Index = key.firstIndex(of: "/") else { return false }
    let domain: Substring = key[..<slash]
    return ["kubernetes.io", "k8s.io"].contains { domain == $0 || domain.hasSuffix(".\($0)") }
  }

  private static func mayChange(_ key: String) -> Bool {
    let domain: Substring = key.prefix { $0 != "/" }
    if ["kubelet.kubernetes.io", "node.kubernetes.io"].contains(where: { domain == $0 || domain.hasSuffix(".\($0)") }) { return true }
    return [
      "kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
      "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region", "kubernetes.io/os",
      "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type",
    ].contains(key)
  }

  private func checkToken(_ request: AdmissionRequest, _ node: String) async throws {
    let reference: JSONValue = request.object["spec"]["boundObjectRef"]
    guard reference["kind"].string == "Pod", let name: String = reference["name"].string else {
      throw request.forbidden("node requested token not bound to a pod")
    }
    guard let pod: JSONValue = try await pods.object(namespace: request.namespace, name: name) else {
      throw StatusError.notFound(GroupResource("", "pods"), name)
    }
    guard pod["spec"]["nodeName"].string == node else {
      throw request.forbidden("node requested token bound to a pod scheduled on a different node")
    }
  }

  func validate(_ request: AdmissionRequest) async throws {
    guard let node: String = request.user.nodeName, request.subresource == "token" else { return }
    try await checkToken(request, node)
  }
}
