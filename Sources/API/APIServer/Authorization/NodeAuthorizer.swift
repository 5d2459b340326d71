// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON

/// What a kubelet may do: its node, its pods, and what its pods refer to.
struct NodeAuthorizer: Authorizer {
  let registry: ResourceRegistry

  func authorize(_ attributes: AuthorizationAttributes) async -> AuthorizationDecision {
    guard let node: String = attributes.user.nodeName else { return .noOpinion("") }
    guard attributes.isResource else { return rules(attributes) }
    switch (attributes.group, attributes.resource) {
    case ("", "secrets"), ("", "configmaps"): return await related(attributes, node)
    case ("", "persistentvolumeclaims"):
      if attributes.subresource == "status" {
        guard ["get", "update", "patch"].contains(attributes.verb) else { return denied(node, "can only get/update/patch this type") }
        return await relatedOne(attributes, node)
      }
      return await related(attributes, node)
    case ("", "pods") where ["list", "watch"].contains(attributes.verb) && attributes.subresource.isEmpty:
      guard attributes.fieldSelector.split(separator: ",").contains(where: { $0 == "spec.nodeName=\(node)" || $0 == "spec.nodeName==\(node)" })
      else { return denied(node, "can only list/watch pods with spec.nodeName field selector") }
      return .allow("")
    case ("", "persistentvolumes"): return await related(attributes, node)
    case ("storage.k8s.io", "volumeattachments"):
      return await related(attributes, node)
    case ("", "serviceaccounts"):
      guard attributes.subresource == "token" else { return rules(attributes) }
      guard attributes.verb == "create" else { return denied(node, "only create allowed") }
      return await relatedOne(attributes, node)
    case ("coordination.k8s.io", "leases"):
      guard attributes.namespace == "kube-node-lease" else { return denied(node, "can only access leases in the \"kube-node-lease\" system namespace") }
      guard attributes.verb == "create" || attributes.name == node else { return denied(node, "can only access node lease with the same name as the requesting node") }
      return .allow("")
    case ("storage.k8s.io", "csinodes"):
      guard attributes.verb == "create" || attributes.name == node else { return denied(node, "can only access CSINode with the same name as the requesting node") }
      return .allow("")
    case ("resource.k8s.io", "resourceslices"): return .allow("")
    default: return rules(attributes)
    }
  }

  private func denied(_ node: String, _ why: String) -> AuthorizationDecision { .noOpinion(why) }

  private func rules(_ attributes: AuthorizationAttributes) -> AuthorizationDecision {
    BootstrapPolicy.nodeRules.contains { $0.allows(attributes) } ? .allow("") : .noOpinion("")
  }

  private func related(_ attributes: AuthorizationAttributes, _ node: String) async -> AuthorizationDecision {
    guard ["get", "list", "watch"].contains(attributes.verb) else {
      return denied(node, "can only read resources of this type")
    }
    guard attributes.subresource.isEmpty else { return denied(node, "cannot read subresource") }
    return await relatedOne(attributes, node)
  }

  private func relatedOne(_ attributes: AuthorizationAttributes, _ node: String) async -> AuthorizationDecision {
    guard !attributes.name.isEmpty else { return denied(node, "No Object name found") }
    if await isRelated(attributes, node) { return .allow("") }
    return denied(node, "no relationship found between node '\(node)' and this object")
  }

  /// Whether a pod of the node refers to an object.
  private func isRelated(_ attributes: AuthorizationAttributes, _ node: String) async -> Bool {
    if attributes.resource == "volumeattachments" {
      let attachment: JSONValue? = try? await registry.storage("storage.k8s.io", "volumeattachments")?.object(
        namespace: "", name: attributes.name)
      return attachment?["spec"]["nodeName"].string == node
    }
    let namespace: String? = attributes.namespace.isEmpty ? nil : attributes.namespace
    guard let pods: ObjectStorage = registry.storage("", "pods"), let place: Int = pods.fieldPositions["spec.nodeName"],
      let mine: ListResult = try? await pods.list(ListRequest(namespace: namespace, freshness: .any), matching: { $0.fields[place] == node })
    else { return false }
    for object: CachedObject in mine.objects {
      guard let pod: JSONValue = try? ObjectStorage.tree(object) else { continue }
      switch attributes.resource {
      case "secrets": if PodReferences.secrets(pod).contains(attributes.name) { return true }
      case "configmaps": if PodReferences.configMaps(pod).contains(attributes.name) { return true }
      case "persistentvolumeclaims": if PodReferences.claims(pod).contains(attributes.name) { return true }
      case "serviceaccounts": if (pod["spec"]["serviceAccountName"].string ?? "default") == attributes.name { return true }
      case "persistentvolumes": if await mounts(pod, volume: attributes.name) { return true }
      default: break
      }
    }
    return false
  }

  private func mounts(_ pod: JSONValue, volume: String) async -> Bool {
    for claim: String in PodReferences.claims(pod) {
      let object: JSONValue? = try? await registry.storage("", "persistentvolumeclaims")?.object(
        namespace: pod.objectNamespace, name: claim)
      if object?["spec"]["volumeName"].string == volume { return true }
    }
    return false
  }
}

/// The objects that a pod's specification names.
enum PodReferences {
  static func containers(_ pod: JSONValue) -> [JSONValue] {
    pod["spec"]["initContainers"].items + pod["spec"]["containers"].items + pod["spec"]["ephemeralContainers"].items
  }

  static func secrets(_ pod: JSONValue) -> Set<String> {
    var names: [String?] = pod["spec"]["imagePullSecrets"].items.map { $0["name"].string }
    for container: JSONValue in containers(pod) {
      names += container["env"].items.map { $0["valueFrom"]["secretKeyRef"]["name"].string }
      names += container["envFrom"].items.map { $0["secretRef"]["name"].string }
    }
    for volume: JSONValue in pod["spec"]["volumes"].items {
      names.append(volume["secret"]["secretName"].string)
      for source: JSONValue in volume["projected"]["sources"].items { names.append(source["secret"]["name"].string) }
      for plugin: String in ["csi", "cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"] {
        names.append(volume[plugin]["secretRef"]["name"].string)
      }
      names.append(volume["csi"]["nodePublishSecretRef"]["name"].string)
      names.append(volume["azureFile"]["secretName"].string)
    }
    return Set(names.compactMap { $0 })
  }

  static func configMaps(_ pod: JSONValue) -> Set<String> {
    var names: [String?] = []
    for container: JSONValue in containers(pod) {
      names += container["env"].items.map { $0["valueFrom"]["configMapKeyRef"]["name"].string }
      names += container["envFrom"].items.map { $0["configMapRef"]["name"].string }
    }
    for volume: JSONValue in pod["spec"]["volumes"].items {
      names.append(volume["configMap"]["name"].string)
      for source: JSONValue in volume["projected"]["sources"].items { names.append(source["configMap"]["name"].string) }
    }
    return Set(names.compactMap { $0 })
  }

  static func claims(_ pod: JSONValue) -> Set<String> {
    var names: [String] = []
    for volume: JSONValue in pod["spec"]["volumes"].items {
      if let name: String = volume["persistentVolumeClaim"]["claimName"].string { names.append(name) }
      if volume["ephemeral"].object != nil { names.append("\(pod.objectName)-\(volume["name"].string ?? "")") }
    }
    return Set(names)
  }
}
