// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

extension BootstrapPolicy {
  /// The roles of the controllers, each bound to its service account.
  static let controllerPolicy: String = """
    role system:controller:attachdetach-controller
      list,watch persistentvolumeclaims,persistentvolumes @core
      get,list,watch nodes @core
      patch,update nodes/status @core
      list,watch pods @core
      create,patch,update events @core,events.k8s.io
      create,delete,get,list,watch volumeattachments @storage.k8s.io
      get,list,watch csidrivers @storage.k8s.io
      get,list,watch csinodes @storage.k8s.io
    role system:controller:certificate-controller
      delete,get,list,watch certificatesigningrequests @certificates.k8s.io
      update certificatesigningrequests/approval,certificatesigningrequests/status @certificates.k8s.io
      approve signers @certificates.k8s.io #kubernetes.io/kube-apiserver-client-kubelet
      sign signers @certificates.k8s.io #kubernetes.io/kube-apiserver-client,\
    kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,kubernetes.io/legacy-unknown
      create subjectaccessreviews @authorization.k8s.io
      create,patch,update events @core,events.k8s.io
    role system:controller:clusterrole-aggregation-controller
      escalate,get,list,patch,update,watch clusterroles @rbac.authorization.k8s.io
    role system:controller:cronjob-controller
      get,list,update,watch cronjobs @batch
      create,delete,get,list,patch,update,watch jobs @batch
      update cronjobs/status @batch
      update cronjobs/finalizers @batch
      delete,list,watch pods @core
      create,patch,update events @core,events.k8s.io
    role system:controller:daemon-set-controller
      get,list,watch daemonsets @apps,extensions
      update daemonsets/status @apps,extensions
      update daemonsets/finalizers @apps,extensions
      list,watch nodes @core
      create,delete,list,patch,watch pods @core
      create pods/binding @core
      create,delete,get,list,patch,update,watch controllerrevisions @apps
      create,patch,update events @core,events.k8s.io
    role system:controller:deployment-controller
      get,list,update,watch deployments @apps,extensions
      update deployments/status @apps,extensions
      update deployments/finalizers @apps,extensions
      create,delete,get,list,patch,update,watch replicasets @apps,extensions
      get,list,update,watch pods @core
      create,patch,update events @core,events.k8s.io
    role system:controller:device-taint-eviction-controller
      delete,get,list,watch pods @core
      patch,update pods/status @core
      get,list,watch resourceclaims @resource.k8s.io
      get,list,watch resourceslices @resource.k8s.io
      get,list,watch deviceclasses @resource.k8s.io
      create,patch,update events @core,events.k8s.io
    role system:controller:disruption-controller
      get,list,watch deployments @apps,extensions
      get,list,watch replicasets @apps,extensions
      get,list,watch replicationcontrollers @core
      get,list,watch poddisruptionbudgets @policy
      get,list,watch statefulsets @apps
      update poddisruptionbudgets/status @policy
      patch,update pods/status @core
      get */scale @*
      create,patch,update events @core,events.k8s.io
    role system:controller:endpoint-controller
      get,list,watch pods,services @core
      create,delete,get,list,update,watch endpoints @core
      create endpoints/restricted @core
      create,patch,update events @core,events.k8s.io
    role system:controller:endpointslice-controller
      get,list,watch nodes,pods,services @core
      update services/finalizers @core
      create,delete,get,list,update,watch endpointslices @discovery.k8s.io
      create,patch,update events @core,events.k8s.io
    role system:controller:endpointslicemirroring-controller
      get,list,watch endpoints,services @core
      update services/finalizers @core
      update endpoints/finalizers @core
      create,delete,get,list,update,watch endpointslices @discovery.k8s.io
      create,patch,update events @core,events.k8s.io
    role system:controller:ephemeral-volume-controller
      get,list,watch pods @core
      update pods/finalizers @core
      create,get,list,watch persistentvolumeclaims @core
      create,patch,update events @core,events.k8s.io
    role system:controller:expand-controller
      get,list,patch,update,watch persistentvolumes @core
      patch,update persistentvolumeclaims/status @core
      get,list,watch persistentvolumeclaims @core
      create,patch,update events @core,events.k8s.io
    role system:controller:generic-garbage-collector
      delete,get,list,patch,update,watch * @*
      create,patch,update events @core,events.k8s.io
    role system:controller:horizontal-pod-autoscaler
      get,list,watch horizontalpodautoscalers @autoscaling
      update horizontalpodautoscalers/status @autoscaling
      get,update */scale @*
      list,watch pods @core
      list,watch pods @metrics.k8s.io
      get,list,watch * @custom.metrics.k8s.io
      get,list,watch * @external.metrics.k8s.io
      create,patch,update events @core,events.k8s.io
    role system:controller:job-controller
      get,list,patch,update,watch jobs @batch
      update jobs/status @batch
      update jobs/finalizers @batch
      create,delete,list,patch,watch pods @core
      create,patch,update events @core,events.k8s.io
    role system:controller:legacy-service-account-token-cleaner
      get configmaps @core #kube-apiserver-legacy-service-account-token-tracking
      delete,patch secrets @core
    role system:controller:namespace-controller
      delete,get,list,watch namespaces @core
      update namespaces/finalize,namespaces/status @core
      delete,deletecollection,get,list,watch * @*
    role system:controller:node-controller
      delete,get,list,patch,update,watch nodes @core
      patch,update nodes/status @core
      patch,update pods/status @core
      delete,get,list,watch pods @core
      create,patch,update events @core,events.k8s.io
    role system:controller:persistent-volume-binder
      create,delete,get,list,update,watch persistentvolumes @core
      update persistentvolumes/status @core
      get,list,update,watch persistentvolumeclaims @core
      update persistentvolumeclaims/status @core
      create,delete,get,list,watch pods @core
      get,list,watch storageclasses @storage.k8s.io
      list,watch nodes @core
      create,patch,update events @core,events.k8s.io
      watch events @core
    role system:controller:pod-garbage-collector
      delete,list,watch pods @core
      get,list,watch nodes @core
      patch pods/status @core
    role system:controller:pv-protection-controller
      get,list,update,watch persistentvolumes @core
      create,patch,update events @core,events.k8s.io
    role system:controller:pvc-protection-controller
      get,list,update,watch persistentvolumeclaims @core
      update persistentvolumeclaims/status @core
      get,list,watch pods @core
      create,patch,update events @core,events.k8s.io
    role system:controller:replicaset-controller
      get,list,update,watch replicasets @apps,extensions
      update replicasets/status @apps,extensions
      update replicasets/finalizers @apps,extensions
      create,delete,list,patch,watch pods @core
      create,patch,update events @core,events.k8s.io
    role system:controller:replication-controller
      get,list,update,watch replicationcontrollers @core
      update replicationcontrollers/status @core
      update replicationcontrollers/finalizers @core
      create,delete,list,patch,watch pods @core
      create,patch,update events @core,events.k8s.io
    role system:controller:resource-claim-controller
      get,list,watch pods @core
      update pods/finalizers @core
      create,delete,get,list,watch resourceclaims @resource.k8s.io
      patch,update resourceclaims,resourceclaims/status @resource.k8s.io
      patch,update pods/status @core
      create,patch,update events @core,events.k8s.io
      patch,update resourceclaims/binding @resource.k8s.io
    role system:controller:resourcequota-controller
      list,watch * @*
      update resourcequotas/status @core
      create,patch,update events @core,events.k8s.io
    role system:controller:root-ca-cert-publisher
      create,update configmaps @core
      create,patch,update events @core,events.k8s.io
    role system:controller:route-controller
      list,watch nodes @core
      patch nodes/status @core
      create,patch,update events @core,events.k8s.io
    role system:controller:selinux-warning-controller
      create,patch,update events @core,events.k8s.io
      get,list,watch persistentvolumes @core
      get,list,watch persistentvolumeclaims @core
      get,list,watch pods @core
      get,list,watch csidrivers @storage.k8s.io
    role system:controller:service-account-controller
      create serviceaccounts @core
      create,patch,update events @core,events.k8s.io
    role system:controller:service-cidrs-controller
      get,list,patch,update,watch servicecidrs @networking.k8s.io
      patch,update servicecidrs/finalizers @networking.k8s.io
      patch,update servicecidrs/status @networking.k8s.io
      get,list,watch ipaddresses @networking.k8s.io
      create,patch,update events @core,events.k8s.io
    role system:controller:service-controller
      get,list,watch services @core
      patch,update services/status @core
      list,watch nodes @core
      create,patch,update events @core,events.k8s.io
    role system:controller:statefulset-controller
      list,watch pods @core
      get,list,watch statefulsets @apps
      update statefulsets/status @apps
      update statefulsets/finalizers @apps
      create,delete,get,patch,update pods @core
      create,delete,get,list,patch,update,watch controllerrevisions @apps
      create,get,list,watch persistentvolumeclaims @core
      delete,update persistentvolumeclaims @core
      update pods/finalizers @core
      create,patch,update events @core,events.k8s.io
    role system:controller:ttl-after-finished-controller
      delete,get,list,watch jobs @batch
      create,patch,update events @core,events.k8s.io
    role system:controller:ttl-controller
      list,patch,update,watch nodes @core
      create,patch,update events @core,events.k8s.io
    role system:controller:validatingadmissionpolicy-status-controller
      get,list,watch validatingadmissionpolicies @admissionregistration.k8s.io
      get,patch,update validatingadmissionpolicies/status @admissionregistration.k8s.io
      create,patch,update events @core,events.k8s.io
    role system:controller:volumeattributesclass-protection-controller
      get,list,watch persistentvolumeclaims @core
      get,list,watch persistentvolumes @core
      get,list,update,watch volumeattributesclasses @storage.k8s.io
      create,patch,update events @core,events.k8s.io
    bind system:controller:attachdetach-controller ClusterRole:system:controller:attachdetach-controller \
    ServiceAccount:kube-system/attachdetach-controller
    bind system:controller:certificate-controller ClusterRole:system:controller:certificate-controller \
    ServiceAccount:kube-system/certificate-controller
    bind system:controller:clusterrole-aggregation-controller \
    ClusterRole:system:controller:clusterrole-aggregation-controller \
    ServiceAccount:kube-system/clusterrole-aggregation-controller
    bind system:controller:cronjob-controller ClusterRole:system:controller:cronjob-controller \
    ServiceAccount:kube-system/cronjob-controller
    bind system:controller:daemon-set-controller ClusterRole:system:controller:daemon-set-controller \
    ServiceAccount:kube-system/daemon-set-controller
    bind system:controller:deployment-controller ClusterRole:system:controller:deployment-controller \
    ServiceAccount:kube-system/deployment-controller
    bind system:controller:device-taint-eviction-controller \
    ClusterRole:system:controller:device-taint-eviction-controller \
    ServiceAccount:kube-system/device-taint-eviction-controller
    bind system:controller:disruption-controller ClusterRole:system:controller:disruption-controller \
    ServiceAccount:kube-system/disruption-controller
    bind system:controller:endpoint-controller ClusterRole:system:controller:endpoint-controller \
    ServiceAccount:kube-system/endpoint-controller
    bind system:controller:endpointslice-controller ClusterRole:system:controller:endpointslice-controller \
    ServiceAccount:kube-system/endpointslice-controller
    bind system:controller:endpointslicemirroring-controller \
    ClusterRole:system:controller:endpointslicemirroring-controller \
    ServiceAccount:kube-system/endpointslicemirroring-controller
    bind system:controller:ephemeral-volume-controller ClusterRole:system:controller:ephemeral-volume-controller \
    ServiceAccount:kube-system/ephemeral-volume-controller
    bind system:controller:expand-controller ClusterRole:system:controller:expand-controller \
    ServiceAccount:kube-system/expand-controller
    bind system:controller:generic-garbage-collector ClusterRole:system:controller:generic-garbage-collector \
    ServiceAccount:kube-system/generic-garbage-collector
    bind system:controller:horizontal-pod-autoscaler ClusterRole:system:controller:horizontal-pod-autoscaler \
    ServiceAccount:kube-system/horizontal-pod-autoscaler
    bind system:controller:job-controller ClusterRole:system:controller:job-controller \
    ServiceAccount:kube-system/job-controller
    bind system:controller:legacy-service-account-token-cleaner \
    ClusterRole:system:controller:legacy-service-account-token-cleaner \
    ServiceAccount:kube-system/legacy-service-account-token-cleaner
    bind system:controller:namespace-controller ClusterRole:system:controller:namespace-controller \
    ServiceAccount:kube-system/namespace-controller
    bind system:controller:node-controller ClusterRole:system:controller:node-controller \
    ServiceAccount:kube-system/node-controller
    bind system:controller:persistent-volume-binder ClusterRole:system:controller:persistent-volume-binder \
    ServiceAccount:kube-system/persistent-volume-binder
    bind system:controller:pod-garbage-collector ClusterRole:system:controller:pod-garbage-collector \
    ServiceAccount:kube-system/pod-garbage-collector
    bind system:controller:pv-protection-controller ClusterRole:system:controller:pv-protection-controller \
    ServiceAccount:kube-system/pv-protection-controller
    bind system:controller:pvc-protection-controller ClusterRole:system:controller:pvc-protection-controller \
    ServiceAccount:kube-system/pvc-protection-controller
    bind system:controller:replicaset-controller ClusterRole:system:controller:replicaset-controller \
    ServiceAccount:kube-system/replicaset-controller
    bind system:controller:replication-controller ClusterRole:system:controller:replication-controller \
    ServiceAccount:kube-system/replication-controller
    bind system:controller:resource-claim-controller ClusterRole:system:controller:resource-claim-controller \
    ServiceAccount:kube-system/resource-claim-controller
    bind system:controller:resourcequota-controller ClusterRole:system:controller:resourcequota-controller \
    ServiceAccount:kube-system/resourcequota-controller
    bind system:controller:root-ca-cert-publisher ClusterRole:system:controller:root-ca-cert-publisher \
    ServiceAccount:kube-system/root-ca-cert-publisher
    bind system:controller:route-controller ClusterRole:system:controller:route-controller \
    ServiceAccount:kube-system/route-controller
    bind system:controller:selinux-warning-controller ClusterRole:system:controller:selinux-warning-controller \
    ServiceAccount:kube-system/selinux-warning-controller
    bind system:controller:service-account-controller ClusterRole:system:controller:service-account-controller \
    ServiceAccount:kube-system/service-account-controller
    bind system:controller:service-cidrs-controller ClusterRole:system:controller:service-cidrs-controller \
    ServiceAccount:kube-system/service-cidrs-controller
    bind system:controller:service-controller ClusterRole:system:controller:service-controller \
    ServiceAccount:kube-system/service-controller
    bind system:controller:statefulset-controller ClusterRole:system:controller:statefulset-controller \
    ServiceAccount:kube-system/statefulset-controller
    bind system:controller:ttl-after-finished-controller \
    ClusterRole:system:controller:ttl-after-finished-controller \
    ServiceAccount:kube-system/ttl-after-finished-controller
    bind system:controller:ttl-controller ClusterRole:system:controller:ttl-controller \
    ServiceAccount:kube-system/ttl-controller
    bind system:controller:validatingadmissionpolicy-status-controller \
    ClusterRole:system:controller:validatingadmissionpolicy-status-controller \
    ServiceAccount:kube-system/validatingadmissionpolicy-status-controller
    bind system:controller:volumeattributesclass-protection-controller \
    ClusterRole:system:controller:volumeattributesclass-protection-controller \
    ServiceAccount:kube-system/volumeattributesclass-protection-controller
    """
}
