// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import KubeCore
public import KubeGroups

// The resources of the objects that our own components speak.

extension Pod: KubeObject {
  /// The resource `pods` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "pods", kind: "Pod", isNamespaced: true)
}

extension Node: KubeObject {
  /// The resource `nodes` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "nodes", kind: "Node", isNamespaced: false)
}

extension Service: KubeObject {
  /// The resource `services` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "services", kind: "Service", isNamespaced: true)
}

extension Endpoints: KubeObject {
  /// The resource `endpoints` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "endpoints", kind: "Endpoints", isNamespaced: true)
}

extension Namespace: KubeObject {
  /// The resource `namespaces` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "namespaces", kind: "Namespace", isNamespaced: false)
}

extension ConfigMap: KubeObject {
  /// The resource `configmaps` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", isNamespaced: true)
}

extension Secret: KubeObject {
  /// The resource `secrets` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "secrets", kind: "Secret", isNamespaced: true)
}

extension ServiceAccount: KubeObject {
  /// The resource `serviceaccounts` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "serviceaccounts", kind: "ServiceAccount", isNamespaced: true)
}

extension Event: KubeObject {
  /// The resource `events` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "events", kind: "Event", isNamespaced: true)
}

extension PersistentVolume: KubeObject {
  /// The resource `persistentvolumes` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "persistentvolumes", kind: "PersistentVolume", isNamespaced: false)
}

extension PersistentVolumeClaim: KubeObject {
  /// The resource `persistentvolumeclaims` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "persistentvolumeclaims", kind: "PersistentVolumeClaim", isNamespaced: true)
}

extension ReplicationController: KubeObject {
  /// The resource `replicationcontrollers` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "replicationcontrollers", kind: "ReplicationController", isNamespaced: true)
}

extension ResourceQuota: KubeObject {
  /// The resource `resourcequotas` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "resourcequotas", kind: "ResourceQuota", isNamespaced: true)
}

extension LimitRange: KubeObject {
  /// The resource `limitranges` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "limitranges", kind: "LimitRange", isNamespaced: true)
}

extension PodTemplate: KubeObject {
  /// The resource `podtemplates` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "podtemplates", kind: "PodTemplate", isNamespaced: true)
}

extension Binding: KubeObject {
  /// The resource `bindings` of `v1`.
  public static let resource: ResourceType = ResourceType(
    group: "", version: "v1", plural: "bindings", kind: "Binding", isNamespaced: true)
}

extension Deployment: KubeObject {
  /// The resource `deployments` of `apps/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "apps", version: "v1", plural: "deployments", kind: "Deployment", isNamespaced: true)
}

extension ReplicaSet: KubeObject {
  /// The resource `replicasets` of `apps/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "apps", version: "v1", plural: "replicasets", kind: "ReplicaSet", isNamespaced: true)
}

extension DaemonSet: KubeObject {
  /// The resource `daemonsets` of `apps/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "apps", version: "v1", plural: "daemonsets", kind: "DaemonSet", isNamespaced: true)
}

extension StatefulSet: KubeObject {
  /// The resource `statefulsets` of `apps/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "apps", version: "v1", plural: "statefulsets", kind: "StatefulSet", isNamespaced: true)
}

extension ControllerRevision: KubeObject {
  /// The resource `controllerrevisions` of `apps/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "apps", version: "v1", plural: "controllerrevisions", kind: "ControllerRevision", isNamespaced: true)
}

extension Job: KubeObject {
  /// The resource `jobs` of `batch/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "batch", version: "v1", plural: "jobs", kind: "Job", isNamespaced: true)
}

extension CronJob: KubeObject {
  /// The resource `cronjobs` of `batch/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "batch", version: "v1", plural: "cronjobs", kind: "CronJob", isNamespaced: true)
}

extension Lease: KubeObject {
  /// The resource `leases` of `coordination.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease", isNamespaced: true)
}

extension DiscoveryEndpointSlice: KubeObject {
  /// The resource `endpointslices` of `discovery.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "discovery.k8s.io", version: "v1", plural: "endpointslices", kind: "EndpointSlice", isNamespaced: true)
}

extension StorageStorageClass: KubeObject {
  /// The resource `storageclasses` of `storage.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "storage.k8s.io", version: "v1", plural: "storageclasses", kind: "StorageClass", isNamespaced: false)
}

extension StorageVolumeAttributesClass: KubeObject {
  /// The resource `volumeattributesclasses` of `storage.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "storage.k8s.io", version: "v1", plural: "volumeattributesclasses", kind: "VolumeAttributesClass",
    isNamespaced: false)
}

extension StorageVolumeAttachment: KubeObject {
  /// The resource `volumeattachments` of `storage.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "storage.k8s.io", version: "v1", plural: "volumeattachments", kind: "VolumeAttachment", isNamespaced: false)
}

extension StorageCSINode: KubeObject {
  /// The resource `csinodes` of `storage.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "storage.k8s.io", version: "v1", plural: "csinodes", kind: "CSINode", isNamespaced: false)
}

extension StorageCSIDriver: KubeObject {
  /// The resource `csidrivers` of `storage.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "storage.k8s.io", version: "v1", plural: "csidrivers", kind: "CSIDriver", isNamespaced: false)
}

extension StorageCSIStorageCapacity: KubeObject {
  /// The resource `csistoragecapacities` of `storage.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "storage.k8s.io", version: "v1", plural: "csistoragecapacities", kind: "CSIStorageCapacity",
    isNamespaced: true)
}

extension RuntimeClass: KubeObject {
  /// The resource `runtimeclasses` of `node.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "node.k8s.io", version: "v1", plural: "runtimeclasses", kind: "RuntimeClass", isNamespaced: false)
}

extension PriorityClass: KubeObject {
  /// The resource `priorityclasses` of `scheduling.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "scheduling.k8s.io", version: "v1", plural: "priorityclasses", kind: "PriorityClass", isNamespaced: false)
}

extension PodDisruptionBudget: KubeObject {
  /// The resource `poddisruptionbudgets` of `policy/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "policy", version: "v1", plural: "poddisruptionbudgets", kind: "PodDisruptionBudget", isNamespaced: true)
}

extension Role: KubeObject {
  /// The resource `roles` of `rbac.authorization.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "rbac.authorization.k8s.io", version: "v1", plural: "roles", kind: "Role", isNamespaced: true)
}

extension RoleBinding: KubeObject {
  /// The resource `rolebindings` of `rbac.authorization.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "rbac.authorization.k8s.io", version: "v1", plural: "rolebindings", kind: "RoleBinding", isNamespaced: true)
}

extension ClusterRole: KubeObject {
  /// The resource `clusterroles` of `rbac.authorization.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "rbac.authorization.k8s.io", version: "v1", plural: "clusterroles", kind: "ClusterRole", isNamespaced: false)
}

extension ClusterRoleBinding: KubeObject {
  /// The resource `clusterrolebindings` of `rbac.authorization.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "rbac.authorization.k8s.io", version: "v1", plural: "clusterrolebindings", kind: "ClusterRoleBinding",
    isNamespaced: false)
}

extension CertificatesCertificateSigningRequest: KubeObject {
  /// The resource `certificatesigningrequests` of `certificates.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "certificates.k8s.io", version: "v1", plural: "certificatesigningrequests",
    kind: "CertificateSigningRequest", isNamespaced: false)
}

extension HorizontalPodAutoscaler: KubeObject {
  /// The resource `horizontalpodautoscalers` of `autoscaling/v2`.
  public static let resource: ResourceType = ResourceType(
    group: "autoscaling", version: "v2", plural: "horizontalpodautoscalers", kind: "HorizontalPodAutoscaler",
    isNamespaced: true)
}

extension NetworkPolicy: KubeObject {
  /// The resource `networkpolicies` of `networking.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "networking.k8s.io", version: "v1", plural: "networkpolicies", kind: "NetworkPolicy", isNamespaced: true)
}

extension Ingress: KubeObject {
  /// The resource `ingresses` of `networking.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "networking.k8s.io", version: "v1", plural: "ingresses", kind: "Ingress", isNamespaced: true)
}

extension IngressClass: KubeObject {
  /// The resource `ingressclasses` of `networking.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "networking.k8s.io", version: "v1", plural: "ingressclasses", kind: "IngressClass", isNamespaced: false)
}

extension ServiceCIDR: KubeObject {
  /// The resource `servicecidrs` of `networking.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "networking.k8s.io", version: "v1", plural: "servicecidrs", kind: "ServiceCIDR", isNamespaced: false)
}

extension IPAddress: KubeObject {
  /// The resource `ipaddresses` of `networking.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "networking.k8s.io", version: "v1", plural: "ipaddresses", kind: "IPAddress", isNamespaced: false)
}

extension AuthenticationTokenReview: KubeObject {
  /// The resource `tokenreviews` of `authentication.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "authentication.k8s.io", version: "v1", plural: "tokenreviews", kind: "TokenReview", isNamespaced: false)
}

extension AuthorizationSubjectAccessReview: KubeObject {
  /// The resource `subjectaccessreviews` of `authorization.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "authorization.k8s.io", version: "v1", plural: "subjectaccessreviews", kind: "SubjectAccessReview",
    isNamespaced: false)
}

extension Eviction: KubeObject {
  /// The resource `evictions` of `policy/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "policy", version: "v1", plural: "evictions", kind: "Eviction", isNamespaced: true)
}

extension AuthenticationTokenRequest: KubeObject {
  /// The resource `tokenrequests` of `authentication.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "authentication.k8s.io", version: "v1", plural: "tokenrequests", kind: "TokenRequest", isNamespaced: true)
}

extension AuthorizationSelfSubjectAccessReview: KubeObject {
  /// The resource `selfsubjectaccessreviews` of `authorization.k8s.io/v1`.
  public static let resource: ResourceType = ResourceType(
    group: "authorization.k8s.io", version: "v1", plural: "selfsubjectaccessreviews", kind: "SelfSubjectAccessReview",
    isNamespaced: false)
}
