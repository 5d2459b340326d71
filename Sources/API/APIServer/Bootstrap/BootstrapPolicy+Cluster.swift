// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

extension BootstrapPolicy {
  /// The roles of people and components, and who has them.
  static let clusterPolicy: String = """
    role admin <rbac.authorization.k8s.io/aggregate-to-admin
    role cluster-admin
      * * @*
      * : *
    role edit +rbac.authorization.k8s.io/aggregate-to-admin <rbac.authorization.k8s.io/aggregate-to-edit
    role system:aggregate-to-admin +rbac.authorization.k8s.io/aggregate-to-admin
      create localsubjectaccessreviews @authorization.k8s.io
      create,delete,deletecollection,get,list,patch,update,watch rolebindings,roles @rbac.authorization.k8s.io
    role system:aggregate-to-edit +rbac.authorization.k8s.io/aggregate-to-edit
      get,list,watch pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy @core
      impersonate serviceaccounts @core
      create,delete,deletecollection,patch,update pods,pods/attach,pods/exec,pods/portforward,pods/proxy @core
      create pods/eviction @core
      create,delete,deletecollection,patch,update configmaps,persistentvolumeclaims,replicationcontrollers,\
    replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy @core
      create serviceaccounts/token @core
      create,delete,deletecollection,patch,update events @core,events.k8s.io
      create,delete,deletecollection,patch,update daemonsets,deployments,deployments/rollback,deployments/scale,\
    replicasets,replicasets/scale,statefulsets,statefulsets/scale @apps
      create,delete,deletecollection,patch,update horizontalpodautoscalers @autoscaling
      create,delete,deletecollection,patch,update cronjobs,jobs @batch
      create,delete,deletecollection,patch,update daemonsets,deployments,deployments/rollback,deployments/scale,\
    ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale @extensions
      create,delete,deletecollection,patch,update poddisruptionbudgets @policy
      create,delete,deletecollection,patch,update ingresses,networkpolicies @networking.k8s.io
      create,delete,deletecollection,get,list,patch,update,watch leases @coordination.k8s.io
      create,delete,deletecollection,patch,update resourceclaims,resourceclaimtemplates @resource.k8s.io
    role system:aggregate-to-view +rbac.authorization.k8s.io/aggregate-to-view
      get,list,watch configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,\
    replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status @core
      get,list,watch bindings,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,\
    resourcequotas,resourcequotas/status @core
      get,list,watch namespaces @core
      get,list,watch events @core,events.k8s.io
      get,list,watch endpointslices @discovery.k8s.io
      get,list,watch controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,\
    deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,\
    statefulsets/status @apps
      get,list,watch horizontalpodautoscalers,horizontalpodautoscalers/status @autoscaling
      get,list,watch cronjobs,cronjobs/status,jobs,jobs/status @batch
      get,list,watch daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,\
    ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale \
    @extensions
      get,list,watch poddisruptionbudgets,poddisruptionbudgets/status @policy
      get,list,watch ingresses,ingresses/status,networkpolicies @networking.k8s.io
      get,list,watch resourceclaims,resourceclaims/status,resourceclaimtemplates @resource.k8s.io
    role system:auth-delegator
      create tokenreviews @authentication.k8s.io
      create subjectaccessreviews @authorization.k8s.io
    role system:basic-user
      create selfsubjectaccessreviews,selfsubjectrulesreviews @authorization.k8s.io
      create selfsubjectreviews @authentication.k8s.io
    role system:certificates.k8s.io:certificatesigningrequests:nodeclient
      create certificatesigningrequests/nodeclient @certificates.k8s.io
    role system:certificates.k8s.io:certificatesigningrequests:selfnodeclient
      create certificatesigningrequests/selfnodeclient @certificates.k8s.io
    role system:certificates.k8s.io:kube-apiserver-client-approver
      approve signers @certificates.k8s.io #kubernetes.io/kube-apiserver-client
    role system:certificates.k8s.io:kube-apiserver-client-kubelet-approver
      approve signers @certificates.k8s.io #kubernetes.io/kube-apiserver-client-kubelet
    role system:certificates.k8s.io:kubelet-serving-approver
      approve signers @certificates.k8s.io #kubernetes.io/kubelet-serving
    role system:certificates.k8s.io:legacy-unknown-approver
      approve signers @certificates.k8s.io #kubernetes.io/legacy-unknown
    role system:discovery
      get : /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/
    role system:heapster
      get,list,watch events,namespaces,nodes,pods @core
      get,list,watch deployments @extensions
    role system:kube-aggregator
      get,list,watch endpoints,services @core
    role system:kube-controller-manager
      create,patch,update events @core,events.k8s.io
      create leases @coordination.k8s.io
      get,update leases @coordination.k8s.io #kube-controller-manager
      create secrets,serviceaccounts @core
      delete secrets @core
      get configmaps,namespaces,secrets,serviceaccounts @core
      update secrets,serviceaccounts @core
      create tokenreviews @authentication.k8s.io
      create subjectaccessreviews @authorization.k8s.io
      list,watch * @*
      create serviceaccounts/token @core
    role system:kube-dns
      list,watch endpoints,services @core
    role system:kube-scheduler
      create,patch,update events @core,events.k8s.io
      create leases @coordination.k8s.io
      get,list,update,watch leases @coordination.k8s.io #kube-scheduler
      create,delete,deletecollection,get,list,patch,update,watch leasecandidates @coordination.k8s.io
      get,list,watch nodes @core
      delete,get,list,watch pods @core
      create bindings,pods/binding @core
      patch,update pods/status @core
      get,list,watch replicationcontrollers,services @core
      get,list,watch replicasets @apps,extensions
      get,list,watch statefulsets @apps
      get,list,watch poddisruptionbudgets @policy
      get,list,watch persistentvolumeclaims,persistentvolumes @core
      create tokenreviews @authentication.k8s.io
      create subjectaccessreviews @authorization.k8s.io
      get,list,watch csinodes @storage.k8s.io
      get,list,watch volumeattachments @storage.k8s.io
      get,list,watch namespaces @core
      get,list,watch csidrivers @storage.k8s.io
      get,list,watch csistoragecapacities @storage.k8s.io
      get,list,watch deviceclasses @resource.k8s.io
      get,list,patch,update,watch resourceclaims @resource.k8s.io
      get,list,patch,update,watch resourceclaims/status @resource.k8s.io
      update pods/finalizers @core
      get,list,watch resourceslices @resource.k8s.io
      create,delete resourceclaims @resource.k8s.io
      patch,update resourceclaims/binding @resource.k8s.io
    role system:kubelet-api-admin
      get,list,watch nodes @core
      proxy nodes @core
      * nodes/log,nodes/metrics,nodes/proxy,nodes/stats @core
      * nodes/configz,nodes/healthz,nodes/pods @core
    role system:monitoring
      get : /flagz,/healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*,/statusz
      get nodes/metrics @core
    role system:node
      create tokenreviews @authentication.k8s.io
      create localsubjectaccessreviews,subjectaccessreviews @authorization.k8s.io
      get,list,watch services @core
      create,get,list,watch nodes @core
      patch,update nodes/status @core
      patch,update nodes @core
      create,patch,update events @core,events.k8s.io
      get,list,watch pods @core
      create,delete pods @core
      patch,update pods/status @core
      create pods/eviction @core
      get,list,watch configmaps,secrets @core
      get persistentvolumeclaims,persistentvolumes @core
      get endpoints @core
      create,get,list,watch certificatesigningrequests @certificates.k8s.io
      create,delete,get,patch,update leases @coordination.k8s.io
      get volumeattachments @storage.k8s.io
      create serviceaccounts/token @core
      get,patch,update persistentvolumeclaims/status @core
      get,list,watch csidrivers @storage.k8s.io
      create,delete,get,patch,update csinodes @storage.k8s.io
      get,list,watch runtimeclasses @node.k8s.io
      get resourceclaims @resource.k8s.io
      deletecollection resourceslices @resource.k8s.io
      get serviceaccounts @core
    role system:node-bootstrapper
      create,get,list,watch certificatesigningrequests @certificates.k8s.io
    role system:node-problem-detector
      get nodes @core
      patch nodes/status @core
      create,patch,update events @core,events.k8s.io
    role system:node-proxier
      list,watch endpoints,services @core
      get,list,watch nodes @core
      create,patch,update events @core,events.k8s.io
      list,watch servicecidrs @networking.k8s.io
      list,watch endpointslices @discovery.k8s.io
    role system:persistent-volume-provisioner
      create,delete,get,list,watch persistentvolumes @core
      get,list,update,watch persistentvolumeclaims @core
      get,list,watch storageclasses @storage.k8s.io
      watch events @core
      create,patch,update events @core,events.k8s.io
    role system:public-info-viewer
      get : /healthz,/livez,/readyz,/version,/version/
    role system:service-account-issuer-discovery
      get : /.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/
    role system:volume-scheduler
      get,list,patch,update,watch persistentvolumes @core
      get,list,watch storageclasses @storage.k8s.io
      get,list,patch,update,watch persistentvolumeclaims @core
    role view +rbac.authorization.k8s.io/aggregate-to-edit <rbac.authorization.k8s.io/aggregate-to-view
    bind cluster-admin ClusterRole:cluster-admin Group:system:masters
    bind system:basic-user ClusterRole:system:basic-user Group:system:authenticated
    bind system:discovery ClusterRole:system:discovery Group:system:authenticated
    bind system:kube-controller-manager ClusterRole:system:kube-controller-manager \
    User:system:kube-controller-manager
    bind system:kube-dns ClusterRole:system:kube-dns ServiceAccount:kube-system/kube-dns
    bind system:kube-scheduler ClusterRole:system:kube-scheduler User:system:kube-scheduler
    bind system:monitoring ClusterRole:system:monitoring Group:system:monitoring
    bind system:node ClusterRole:system:node
    bind system:node-proxier ClusterRole:system:node-proxier User:system:kube-proxy
    bind system:public-info-viewer ClusterRole:system:public-info-viewer Group:system:authenticated \
    Group:system:unauthenticated
    bind system:service-account-issuer-discovery ClusterRole:system:service-account-issuer-discovery \
    Group:system:serviceaccounts
    bind system:volume-scheduler ClusterRole:system:volume-scheduler User:system:kube-scheduler
    """
}
