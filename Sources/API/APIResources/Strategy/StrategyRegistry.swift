// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema

extension ResourceCatalog {
  /// What a built-in kind does beyond its schema; the generic strategy where it does nothing of its own.
  public static func strategy(group: String, resource: String) -> any ResourceStrategy {
    strategies[GroupResource(group, resource)] ?? GenericStrategy()
  }

  /// What a resource does beyond its schema.
  public static func strategy(for resource: ResourceDefinition) -> any ResourceStrategy {
    strategy(group: resource.identifier.group, resource: resource.identifier.resource)
  }

  private static let strategies: [GroupResource: any ResourceStrategy] = {
    var all: [GroupResource: any ResourceStrategy] = [:]
    for (group, strategies) in [core, workloads, cluster, others].joined() {
      for (resource, strategy) in strategies { all[GroupResource(group, resource)] = strategy }
    }
    return all
  }()

  private typealias Strategies = [(String, [String: any ResourceStrategy])]

  private static let core: Strategies = [
    (
      "",
      [
        "configmaps": ConfigMapStrategy(), "endpoints": EndpointsStrategy(), "events": EventStrategy(),
        "limitranges": LimitRangeStrategy(), "namespaces": NamespaceStrategy(), "nodes": NodeStrategy(),
        "persistentvolumeclaims": PersistentVolumeClaimStrategy(), "persistentvolumes": PersistentVolumeStrategy(),
        "pods": PodStrategy(), "podtemplates": PodTemplateStrategy(),
        "replicationcontrollers": ReplicationControllerStrategy(), "resourcequotas": ResourceQuotaStrategy(),
        "secrets": SecretStrategy(), "serviceaccounts": ServiceAccountStrategy(), "services": ServiceStrategy(),
      ]
    )
  ]

  private static let workloads: Strategies = [
    (
      "apps",
      [
        "controllerrevisions": ControllerRevisionStrategy(), "daemonsets": DaemonSetStrategy(),
        "deployments": DeploymentStrategy(), "replicasets": ReplicaSetStrategy(), "statefulsets": StatefulSetStrategy(),
      ]
    ),
    ("batch", ["cronjobs": CronJobStrategy(), "jobs": JobStrategy()]),
    ("autoscaling", ["horizontalpodautoscalers": HorizontalPodAutoscalerStrategy()]),
    ("policy", ["poddisruptionbudgets": PodDisruptionBudgetStrategy()]),
    ("scheduling.k8s.io", ["priorityclasses": PriorityClassStrategy()]),
    ("node.k8s.io", ["runtimeclasses": RuntimeClassStrategy()]),
    ("coordination.k8s.io", ["leases": LeaseStrategy()]),
    ("events.k8s.io", ["events": EventStrategy()]),
    ("discovery.k8s.io", ["endpointslices": EndpointSliceStrategy()]),
  ]

  private static let cluster: Strategies = [
    ("apiregistration.k8s.io", ["apiservices": APIServiceStrategy()]),
    ("apiextensions.k8s.io", ["customresourcedefinitions": CustomResourceDefinitionStrategy()]),
    ("certificates.k8s.io", ["certificatesigningrequests": CertificateSigningRequestStrategy()]),
    (
      "rbac.authorization.k8s.io",
      [
        "clusterrolebindings": RoleBindingStrategy(isCluster: true), "clusterroles": RoleStrategy(isCluster: true),
        "rolebindings": RoleBindingStrategy(isCluster: false), "roles": RoleStrategy(isCluster: false),
      ]
    ),
    (
      "admissionregistration.k8s.io",
      [
        "mutatingadmissionpolicies": AdmissionPolicyStrategy(isMutating: true),
        "mutatingadmissionpolicybindings": AdmissionPolicyBindingStrategy(isMutating: true),
        "mutatingwebhookconfigurations": WebhookConfigurationStrategy(isMutating: true),
        "validatingadmissionpolicies": AdmissionPolicyStrategy(isMutating: false),
        "validatingadmissionpolicybindings": AdmissionPolicyBindingStrategy(isMutating: false),
        "validatingwebhookconfigurations": WebhookConfigurationStrategy(isMutating: false),
      ]
    ),
    (
      "flowcontrol.apiserver.k8s.io",
      [
        "flowschemas": FlowSchemaStrategy(), "prioritylevelconfigurations": PriorityLevelConfigurationStrategy(),
      ]
    ),
  ]

  private static let others: Strategies = [
    (
      "networking.k8s.io",
      [
        "ingressclasses": IngressClassStrategy(), "ingresses": IngressStrategy(), "ipaddresses": IPAddressStrategy(),
        "networkpolicies": NetworkPolicyStrategy(), "servicecidrs": ServiceCIDRStrategy(),
      ]
    ),
    (
      "storage.k8s.io",
      [
        "csidrivers": CSIDriverStrategy(), "csinodes": CSINodeStrategy(),
        "csistoragecapacities": CSIStorageCapacityStrategy(), "storageclasses": StorageClassStrategy(),
        "volumeattachments": VolumeAttachmentStrategy(), "volumeattributesclasses": VolumeAttributesClassStrategy(),
      ]
    ),
    (
      "resource.k8s.io",
      [
        "deviceclasses": DeviceClassStrategy(), "resourceclaims": ResourceClaimStrategy(),
        "resourceclaimtemplates": ResourceClaimTemplateStrategy(), "resourceslices": ResourceSliceStrategy(),
      ]
    ),
  ]
}

/// The strategy of kinds that have no rules beyond their schema.
public struct GenericStrategy: ResourceStrategy {
  /// A generic strategy.
  public init() {}
}
