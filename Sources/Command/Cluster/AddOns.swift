// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient

/// The objects that every cluster of ours has beside what the API server makes: the administrators' binding,
/// cluster DNS, and the storage class.
struct AddOns {
  let cluster: ClusterConfiguration

  private static let dnsUser: String = "system:apus:dns"
  private static let manager: JSONValue = ["app.kubernetes.io/managed-by": "apus"]

  /// Creates what is not there. What a user changed stays changed.
  func apply(with client: KubeClient) async throws {
    for (resource, object) in objects {
      let namespace: String? = object["metadata"]["namespace"].string
      let name: String = object["metadata"]["name"].string ?? ""
      do throws(KubeClientError) {
        // To create a Service that is there fails for its address, not for its name: hence the look before.
        _ = try await client.get(resource, namespace: namespace, name: name)
        continue
      } catch {
        if !error.isNotFound { throw error }
      }
      do throws(KubeClientError) {
        try await client.create(resource, namespace: namespace, object)
      } catch {
        if !error.isAlreadyExists { throw error }
      }
    }
  }

  private var objects: [(ResourceType, JSONValue)] {
    administrators + dns + storage
  }

  private var administrators: [(ResourceType, JSONValue)] {
    [(Self.bindings, Self.binding("kubeadm:cluster-admins", "cluster-admin", "Group", "kubeadm:cluster-admins"))]
  }

  private var dns: [(ResourceType, JSONValue)] {
    let readable: JSONValue = ["get", "list", "watch"]
    let role: JSONValue = [
      "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
      "metadata": ["name": "system:apus:dns", "labels": Self.manager],
      "rules": [
        ["apiGroups": [""], "resources": ["services", "endpoints", "pods", "namespaces", "nodes"], "verbs": readable],
        ["apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": readable],
      ],
    ]
    let ports: [JSONValue] = [("dns", "UDP"), ("dns-tcp", "TCP")].map { name, transport in
      ["name": .string(name), "protocol": .string(transport), "port": 53, "targetPort": JSONValue(cluster.dnsPort)]
    }
    let service: JSONValue = [
      "apiVersion": "v1", "kind": "Service",
      "metadata": [
        "name": "kube-dns", "namespace": "kube-system",
        "labels": ["k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"],
      ],
      "spec": ["clusterIP": .string(cluster.dnsServiceIP), "ports": .array(ports)],
    ]
    let slicePorts: [JSONValue] = [("dns", "UDP"), ("dns-tcp", "TCP")].map { name, transport in
      ["name": .string(name), "protocol": .string(transport), "port": JSONValue(cluster.dnsPort)]
    }
    // The daemon runs on the node and in no pod, so that the slice is ours and not a controller's.
    let slice: JSONValue = [
      "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
      "metadata": [
        "name": "kube-dns-\(cluster.nodeName)".jsonValue, "namespace": "kube-system",
        "labels": [
          "kubernetes.io/service-name": "kube-dns", "endpointslice.kubernetes.io/managed-by": "apus",
        ],
      ],
      "addressType": cluster.nodeIP.contains(":") ? "IPv6" : "IPv4", "ports": .array(slicePorts),
      "endpoints": [["addresses": [.string(cluster.nodeIP)], "nodeName": .string(cluster.nodeName), "conditions": ["ready": true]]],
    ]
    return [
      (Self.roles, role), (Self.bindings, Self.binding("system:apus:dns", "system:apus:dns", "User", Self.dnsUser)),
      (Self.services, service), (Self.slices, slice),
    ]
  }

  private var storage: [(ResourceType, JSONValue)] {
    let driver: JSONValue = .string(ClusterConfiguration.storageDriver)
    let csiDriver: JSONValue = [
      "apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": ["name": driver, "labels": Self.manager],
      "spec": [
        "attachRequired": false, "podInfoOnMount": true, "fsGroupPolicy": "File",
        "volumeLifecycleModes": ["Persistent", "Ephemeral"],
      ],
    ]
    let storageClass: JSONValue = [
      "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
      "metadata": [
        "name": "hostpath", "labels": Self.manager,
        "annotations": ["storageclass.kubernetes.io/is-default-class": "true"],
      ],
      "provisioner": driver, "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
      "allowVolumeExpansion": true,
    ]
    return [(Self.drivers, csiDriver), (Self.storageClasses, storageClass)]
  }

  private static func binding(_ name: String, _ role: String, _ subjectKind: String, _ subject: String) -> JSONValue {
    [
      "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": ["name": .string(name)],
      "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": .string(role)],
      "subjects": [["apiGroup": "rbac.authorization.k8s.io", "kind": .string(subjectKind), "name": .string(subject)]],
    ]
  }

  private static func type(_ group: String, _ plural: String, _ kind: String, isNamespaced: Bool = false) -> ResourceType {
    ResourceType(group: group, version: "v1", plural: plural, kind: kind, isNamespaced: isNamespaced)
  }
  private static let roles: ResourceType = type("rbac.authorization.k8s.io", "clusterroles", "ClusterRole")
  private static let bindings: ResourceType = type("rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding")
  private static let services: ResourceType = type("", "services", "Service", isNamespaced: true)
  private static let slices: ResourceType = type("discovery.k8s.io", "endpointslices", "EndpointSlice", isNamespaced: true)
  private static let drivers: ResourceType = type("storage.k8s.io", "csidrivers", "CSIDriver")
  private static let storageClasses: ResourceType = type("storage.k8s.io", "storageclasses", "StorageClass")
}

extension String {
  fileprivate var jsonValue: JSONValue { .string(self) }
}
