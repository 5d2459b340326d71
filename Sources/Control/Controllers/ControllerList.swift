// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Every controller, one line each.
enum ControllerList {
  static let all: [any Controller.Type] = [
    ServiceAccountController.self,
    RootCAController.self,
    NamespaceController.self,
    DeploymentController.self,
    ReplicaSetController.self,
    ReplicationControllerController.self,
    EndpointSliceController.self,
    EndpointsController.self,
    NodeLifecycleController.self,
    NodeIPAMController.self,
    GarbageCollectorController.self,
    PodGCController.self,
    JobController.self,
    CronJobController.self,
    DaemonSetController.self,
    StatefulSetController.self,
    PersistentVolumeController.self,
    VolumeAttachmentController.self,
    VolumeProtectionController.self,
    VolumeInUseController.self,
    AttributesClassProtectionController.self,
    EphemeralVolumeController.self,
    DisruptionController.self,
    HorizontalPodAutoscalerController.self,
    ResourceQuotaController.self,
    ClusterRoleAggregationController.self,
    TTLAfterFinishedController.self,
    EndpointSliceMirroringController.self,
    CertificateSigningController.self,
    ServiceCIDRController.self,
  ]
}
