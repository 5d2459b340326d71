// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

extension BootstrapPolicy {
  /// The roles within namespaces of the system.
  static let namespacePolicy: String = """
    role kube-public/system:controller:bootstrap-signer
      get,list,watch configmaps @core
      update configmaps @core #cluster-info
      create,patch,update events @core,events.k8s.io
    role kube-system/extension-apiserver-authentication-reader
      get,list,watch configmaps @core #extension-apiserver-authentication
    role kube-system/system::leader-locking-kube-controller-manager
      create,get,list,update,watch leases @coordination.k8s.io
      create,get,list,update,watch leasecandidates @coordination.k8s.io
    role kube-system/system::leader-locking-kube-scheduler
      create,get,list,update,watch leases @coordination.k8s.io
      create,get,list,update,watch leasecandidates @coordination.k8s.io
    role kube-system/system:controller:bootstrap-signer
      get,list,watch secrets @core
    role kube-system/system:controller:cloud-provider
      create,get,list,watch configmaps @core
    role kube-system/system:controller:token-cleaner
      delete,get,list,watch secrets @core
      create,patch,update events @core,events.k8s.io
    bind kube-public/system:controller:bootstrap-signer Role:system:controller:bootstrap-signer \
    ServiceAccount:kube-system/bootstrap-signer
    bind kube-system/system::extension-apiserver-authentication-reader \
    Role:extension-apiserver-authentication-reader User:system:kube-controller-manager User:system:kube-scheduler
    bind kube-system/system::leader-locking-kube-controller-manager \
    Role:system::leader-locking-kube-controller-manager User:system:kube-controller-manager \
    ServiceAccount:kube-system/kube-controller-manager ServiceAccount:kube-system/leader-election-controller
    bind kube-system/system::leader-locking-kube-scheduler Role:system::leader-locking-kube-scheduler \
    User:system:kube-scheduler ServiceAccount:kube-system/kube-scheduler
    bind kube-system/system:controller:bootstrap-signer Role:system:controller:bootstrap-signer \
    ServiceAccount:kube-system/bootstrap-signer
    bind kube-system/system:controller:cloud-provider Role:system:controller:cloud-provider \
    ServiceAccount:kube-system/cloud-provider
    bind kube-system/system:controller:token-cleaner Role:system:controller:token-cleaner \
    ServiceAccount:kube-system/token-cleaner
    """
}
