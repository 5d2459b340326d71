// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import KubeCore
public import KubeGroups

// The resources of the objects that our own components speak.

extension Pod: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "pods", kind: "Pod", isNamespaced: true)
}

extension Node: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "nodes", kind: "Node", isNamespaced: false)
}

extension Service: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "services", kind: "Service", isNamespaced: true)
}

extension Endpoints: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "endpoints", kind: "Endpoints", isNamespaced: true)
}

extension Namespace: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "namespaces", kind: "Namespace", isNamespaced: false)
}

extension ConfigMap: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", isNamespaced: true)
}

extension Secret: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "secrets", kind: "Secret", isNamespaced: true)
}

extension ServiceAccount: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "serviceaccounts", kind: "ServiceAccount", isNamespaced: true)
}

extension Event: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "events", kind: "Event", isNamespaced: true)
}

extension PersistentVolume: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "persistentvolumes", kind: "PersistentVolume", isNamespaced: false)
}

extension PersistentVolumeClaim: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "persistentvolumeclaims", kind: "PersistentVolumeClaim", isNamespaced: true)
}

extension ReplicationController: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "replicationcontrollers", kind: "ReplicationController", isNamespaced: true)
}

extension ResourceQuota: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "resourcequotas", kind: "ResourceQuota", isNamespaced: true)
}

extension LimitRange: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "limitranges", kind: "LimitRange", isNamespaced: true)
}

extension PodTemplate: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "podtemplates", kind: "PodTemplate", isNamespaced: true)
}

extension Binding: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "bindings", kind: "Binding", isNamespaced: true)
}

extension Deployment: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "apps", version: "v1", plural: "deployments", kind: "Deployment", isNamespaced: true)
}

extension ReplicaSet: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "apps", version: "v1", plural: "replicasets", kind: "ReplicaSet", isNamespaced: true)
}

extension DaemonSet: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "apps", version: "v1", plural: "daemonsets", kind: "DaemonSet", isNamespaced: true)
}

extension StatefulSet: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "apps", version: "v1", plural: "statefulsets", kind: "StatefulSet", isNamespaced: true)
}

extension ControllerRevision: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "apps", version: "v1", plural: "controllerrevisions", kind: "ControllerRevision", isNamespaced: true)
}

extension Job: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "batch", version: "v1", plural: "jobs", kind: "Job", isNamespaced: true)
}

extension CronJob: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "batch", version: "v1", plural: "cronjobs", kind: "CronJob", isNamespaced: true)
}

extension Lease: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease", isNamespaced: true)
}

extension DiscoveryEndpointSlice: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "discovery.k8s.io", version: "v1", plural: "endpointslices", kind: "EndpointSlice", isNamespaced: true)
}

extension StorageStorageClass: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "storage.k8s.io", version: "v1", plural: "storageclasses", kind: "StorageClass", isNamespaced: false)
}

extension StorageVolumeAttachment: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "storage.k8s.io", version: "v1", plural: "volumeattachments", kind: "VolumeAttachment", isNamespaced: false)
}

extension StorageCSINode: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "storage.k8s.io", version: "v1", plural: "csinodes", kind: "CSINode", isNamespaced: false)
}

extension StorageCSIDriver: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "storage.k8s.io", version: "v1", plural: "csidrivers", kind: "CSIDriver", isNamespaced: false)
}

extension StorageCSIStorageCapacity: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "storage.k8s.io", version: "v1", plural: "csistoragecapacities", kind: "CSIStorageCapacity", isNamespaced: true)
}

extension RuntimeClass: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "node.k8s.io", version: "v1", plural: "runtimeclasses", kind: "RuntimeClass", isNamespaced: false)
}

extension PriorityClass: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "scheduling.k8s.io", version: "v1", plural: "priorityclasses", kind: "PriorityClass", isNamespaced: false)
}

extension PodDisruptionBudget: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "policy", version: "v1", plural: "poddisruptionbudgets", kind: "PodDisruptionBudget", isNamespaced: true)
}

extension Role: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "rbac.authorization.k8s.io", version: "v1", plural: "roles", kind: "Role", isNamespaced: true)
}

extension RoleBinding: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "rbac.authorization.k8s.io", version: "v1", plural: "rolebindings", kind: "RoleBinding", isNamespaced: true)
}

extension ClusterRole: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "rbac.authorization.k8s.io", version: "v1", plural: "clusterroles", kind: "ClusterRole", isNamespaced: false)
}

extension ClusterRoleBinding: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "rbac.authorization.k8s.io", version: "v1", plural: "clusterrolebindings", kind: "ClusterRoleBinding", isNamespaced: false)
}

extension CertificatesCertificateSigningRequest: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "certificates.k8s.io", version: "v1", plural: "certificatesigningrequests", kind: "CertificateSigningRequest", isNamespaced: false)
}

extension HorizontalPodAutoscaler: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "autoscaling", version: "v2", plural: "horizontalpodautoscalers", kind: "HorizontalPodAutoscaler", isNamespaced: true)
}

extension NetworkPolicy: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "networking.k8s.io", version: "v1", plural: "networkpolicies", kind: "NetworkPolicy", isNamespaced: true)
}

extension Ingress: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "networking.k8s.io", version: "v1", plural: "ingresses", kind: "Ingress", isNamespaced: true)
}

extension IngressClass: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "networking.k8s.io", version: "v1", plural: "ingressclasses", kind: "IngressClass", isNamespaced: false)
}

extension AuthenticationTokenReview: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "authentication.k8s.io", version: "v1", plural: "tokenreviews", kind: "TokenReview", isNamespaced: false)
}

extension AuthorizationSubjectAccessReview: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "authorization.k8s.io", version: "v1", plural: "subjectaccessreviews", kind: "SubjectAccessReview", isNamespaced: false)
}

extension Eviction: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "policy", version: "v1", plural: "evictions", kind: "Eviction", isNamespaced: true)
}

extension AuthenticationTokenRequest: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "authentication.k8s.io", version: "v1", plural: "tokenrequests", kind: "TokenRequest", isNamespaced: true)
}

extension AuthorizationSelfSubjectAccessReview: KubeObject {
  public static let resource: ResourceType = ResourceType(
    group: "authorization.k8s.io", version: "v1", plural: "selfsubjectaccessreviews", kind: "SelfSubjectAccessReview", isNamespaced: false)
}
