// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

extension GoTypes {
  /// The types of the core group; `GoTypes` says how to read a line.
  static let core: String = #"""
    core.PodTemplateSpec ObjectMeta:+m Spec:@PodSpec
    core.PodSpec Volumes:[]@Volume InitContainers:[]@Container Containers:[]@Container \#
    EphemeralContainers:[]@EphemeralContainer RestartPolicy:s TerminationGracePeriodSeconds:*i \#
    ActiveDeadlineSeconds:*i DNSPolicy:s:dnsPolicy NodeSelector:{}s ServiceAccountName:s \#
    AutomountServiceAccountToken:*b NodeName:s SecurityContext:*@PodSecurityContext \#
    ImagePullSecrets:[]@LocalObjectReference Hostname:s Subdomain:s SetHostnameAsFQDN:*b Affinity:*@Affinity \#
    SchedulerName:s Tolerations:[]@Toleration HostAliases:[]@HostAlias PriorityClassName:s Priority:*i \#
    PreemptionPolicy:*s DNSConfig:*@PodDNSConfig:dnsConfig ReadinessGates:[]@PodReadinessGate RuntimeClassName:*s \#
    Overhead:{}q EnableServiceLinks:*b TopologySpreadConstraints:[]@TopologySpreadConstraint OS:*@PodOS:os \#
    SchedulingGates:[]@PodSchedulingGate ResourceClaims:[]@PodResourceClaim Resources:*@ResourceRequirements \#
    HostnameOverride:*s SchedulingGroup:*@PodSchedulingGroup
    core.Volume Name:s +core.VolumeSource
    core.VolumeSource HostPath:*@HostPathVolumeSource EmptyDir:*@EmptyDirVolumeSource \#
    GCEPersistentDisk:*@GCEPersistentDiskVolumeSource:gcePersistentDisk \#
    AWSElasticBlockStore:*@AWSElasticBlockStoreVolumeSource:awsElasticBlockStore GitRepo:*@GitRepoVolumeSource \#
    Secret:*@SecretVolumeSource NFS:*@NFSVolumeSource:nfs ISCSI:*@ISCSIVolumeSource:iscsi \#
    Glusterfs:*@GlusterfsVolumeSource PersistentVolumeClaim:*@PersistentVolumeClaimVolumeSource \#
    RBD:*@RBDVolumeSource:rbd Quobyte:*@QuobyteVolumeSource FlexVolume:*@FlexVolumeSource \#
    Cinder:*@CinderVolumeSource CephFS:*@CephFSVolumeSource:cephfs Flocker:*@FlockerVolumeSource \#
    DownwardAPI:*@DownwardAPIVolumeSource FC:*@FCVolumeSource:fc AzureFile:*@AzureFileVolumeSource \#
    ConfigMap:*@ConfigMapVolumeSource VsphereVolume:*@VsphereVirtualDiskVolumeSource \#
    AzureDisk:*@AzureDiskVolumeSource PhotonPersistentDisk:*@PhotonPersistentDiskVolumeSource \#
    Projected:*@ProjectedVolumeSource PortworxVolume:*@PortworxVolumeSource ScaleIO:*@ScaleIOVolumeSource \#
    StorageOS:*@StorageOSVolumeSource:storageos CSI:*@CSIVolumeSource:csi Ephemeral:*@EphemeralVolumeSource \#
    Image:*@ImageVolumeSource
    core.HostPathVolumeSource Path:s Type:*s
    core.EmptyDirVolumeSource Medium:s SizeLimit:*q
    core.GCEPersistentDiskVolumeSource PDName:s:pdName FSType:s:fsType Partition:i ReadOnly:b
    core.AWSElasticBlockStoreVolumeSource VolumeID:s FSType:s:fsType Partition:i ReadOnly:b
    core.GitRepoVolumeSource Repository:s Revision:s Directory:s
    core.SecretVolumeSource SecretName:s Items:[]@KeyToPath DefaultMode:*i Optional:*b
    core.KeyToPath Key:s Path:s Mode:*i
    core.NFSVolumeSource Server:s Path:s ReadOnly:b
    core.ISCSIVolumeSource TargetPortal:s IQN:s:iqn Lun:i ISCSIInterface:s:iscsiInterface FSType:s:fsType ReadOnly:b \#
    Portals:[]s DiscoveryCHAPAuth:b:chapAuthDiscovery SessionCHAPAuth:b:chapAuthSession \#
    SecretRef:*@LocalObjectReference InitiatorName:*s
    core.LocalObjectReference Name:s
    core.GlusterfsVolumeSource EndpointsName:s:endpoints Path:s ReadOnly:b
    core.PersistentVolumeClaimVolumeSource ClaimName:s ReadOnly:b
    core.RBDVolumeSource CephMonitors:[]s:monitors RBDImage:s:image FSType:s:fsType RBDPool:s:pool RadosUser:s:user \#
    Keyring:s SecretRef:*@LocalObjectReference ReadOnly:b
    core.QuobyteVolumeSource Registry:s Volume:s ReadOnly:b User:s Group:s Tenant:s
    core.FlexVolumeSource Driver:s FSType:s:fsType SecretRef:*@LocalObjectReference ReadOnly:b Options:{}s
    core.CinderVolumeSource VolumeID:s FSType:s:fsType ReadOnly:b SecretRef:*@LocalObjectReference
    core.CephFSVolumeSource Monitors:[]s Path:s User:s SecretFile:s SecretRef:*@LocalObjectReference ReadOnly:b
    core.FlockerVolumeSource DatasetName:s DatasetUUID:s
    core.DownwardAPIVolumeSource Items:[]@DownwardAPIVolumeFile DefaultMode:*i
    core.DownwardAPIVolumeFile Path:s FieldRef:*@ObjectFieldSelector ResourceFieldRef:*@ResourceFieldSelector \#
    Mode:*i
    core.ObjectFieldSelector APIVersion:s:apiVersion FieldPath:s
    core.ResourceFieldSelector ContainerName:s Resource:s Divisor:q
    core.FCVolumeSource TargetWWNs:[]s Lun:*i FSType:s:fsType ReadOnly:b WWIDs:[]s:wwids
    core.AzureFileVolumeSource SecretName:s ShareName:s ReadOnly:b
    core.ConfigMapVolumeSource +core.LocalObjectReference Items:[]@KeyToPath DefaultMode:*i Optional:*b
    core.VsphereVirtualDiskVolumeSource VolumePath:s FSType:s:fsType StoragePolicyName:s StoragePolicyID:s
    core.AzureDiskVolumeSource DiskName:s DataDiskURI:s:diskURI CachingMode:*s FSType:*s:fsType ReadOnly:*b Kind:*s
    core.PhotonPersistentDiskVolumeSource PdID:s FSType:s:fsType
    core.ProjectedVolumeSource Sources:[]@VolumeProjection DefaultMode:*i
    core.VolumeProjection Secret:*@SecretProjection DownwardAPI:*@DownwardAPIProjection \#
    ConfigMap:*@ConfigMapProjection ServiceAccountToken:*@ServiceAccountTokenProjection \#
    ClusterTrustBundle:*@ClusterTrustBundleProjection PodCertificate:*@PodCertificateProjection
    core.SecretProjection +core.LocalObjectReference Items:[]@KeyToPath Optional:*b
    core.DownwardAPIProjection Items:[]@DownwardAPIVolumeFile
    core.ConfigMapProjection +core.LocalObjectReference Items:[]@KeyToPath Optional:*b
    core.ServiceAccountTokenProjection Audience:s ExpirationSeconds:i Path:s
    core.ClusterTrustBundleProjection Name:*s SignerName:*s LabelSelector:*_ Optional:*b Path:s
    core.PodCertificateProjection SignerName:s KeyType:s MaxExpirationSeconds:*i CredentialBundlePath:s KeyPath:s \#
    CertificateChainPath:s UserAnnotations:{}s
    core.PortworxVolumeSource VolumeID:s FSType:s:fsType ReadOnly:b
    core.ScaleIOVolumeSource Gateway:s System:s SecretRef:*@LocalObjectReference SSLEnabled:b:sslEnabled \#
    ProtectionDomain:s StoragePool:s StorageMode:s VolumeName:s FSType:s:fsType ReadOnly:b
    core.StorageOSVolumeSource VolumeName:s VolumeNamespace:s FSType:s:fsType ReadOnly:b \#
    SecretRef:*@LocalObjectReference
    core.CSIVolumeSource Driver:s ReadOnly:*b FSType:*s:fsType VolumeAttributes:{}s \#
    NodePublishSecretRef:*@LocalObjectReference
    core.EphemeralVolumeSource VolumeClaimTemplate:*@PersistentVolumeClaimTemplate
    core.PersistentVolumeClaimTemplate ObjectMeta:+m Spec:@PersistentVolumeClaimSpec
    core.PersistentVolumeClaimSpec AccessModes:[]s Selector:*_ Resources:@VolumeResourceRequirements VolumeName:s \#
    StorageClassName:*s VolumeMode:*s DataSource:*@TypedLocalObjectReference DataSourceRef:*@TypedObjectReference \#
    VolumeAttributesClassName:*s
    core.VolumeResourceRequirements Limits:{}q Requests:{}q
    core.TypedLocalObjectReference APIGroup:*s:apiGroup Kind:s Name:s
    core.TypedObjectReference APIGroup:*s:apiGroup Kind:s Name:s Namespace:*s
    core.ImageVolumeSource Reference:s PullPolicy:s
    core.Container Name:s Image:s Command:[]s Args:[]s WorkingDir:s Ports:[]@ContainerPort EnvFrom:[]@EnvFromSource \#
    Env:[]@EnvVar Resources:@ResourceRequirements ResizePolicy:[]@ContainerResizePolicy RestartPolicy:*s \#
    RestartPolicyRules:[]@ContainerRestartRule VolumeMounts:[]@VolumeMount VolumeDevices:[]@VolumeDevice \#
    LivenessProbe:*@Probe ReadinessProbe:*@Probe StartupProbe:*@Probe Lifecycle:*@Lifecycle \#
    TerminationMessagePath:s TerminationMessagePolicy:s ImagePullPolicy:s SecurityContext:*@SecurityContext \#
    Stdin:b StdinOnce:b TTY:b:tty
    core.ContainerPort Name:s HostPort:i ContainerPort:i Protocol:s HostIP:s
    core.EnvFromSource Prefix:s ConfigMapRef:*@ConfigMapEnvSource SecretRef:*@SecretEnvSource
    core.ConfigMapEnvSource +core.LocalObjectReference Optional:*b
    core.SecretEnvSource +core.LocalObjectReference Optional:*b
    core.EnvVar Name:s Value:s ValueFrom:*@EnvVarSource
    core.EnvVarSource FieldRef:*@ObjectFieldSelector ResourceFieldRef:*@ResourceFieldSelector \#
    ConfigMapKeyRef:*@ConfigMapKeySelector SecretKeyRef:*@SecretKeySelector FileKeyRef:*@FileKeySelector
    core.ConfigMapKeySelector +core.LocalObjectReference Key:s Optional:*b
    core.SecretKeySelector +core.LocalObjectReference Key:s Optional:*b
    core.FileKeySelector VolumeName:s Path:s Key:s Optional:*b
    core.ResourceRequirements Limits:{}q Requests:{}q Claims:[]@ResourceClaim
    core.ResourceClaim Name:s Request:s
    core.ContainerResizePolicy ResourceName:s RestartPolicy:s
    core.ContainerRestartRule Action:s ExitCodes:*@ContainerRestartRuleOnExitCodes
    core.ContainerRestartRuleOnExitCodes Operator:s Values:[]i
    core.VolumeMount Name:s ReadOnly:b RecursiveReadOnly:*s MountPath:s SubPath:s MountPropagation:*s SubPathExpr:s
    core.VolumeDevice Name:s DevicePath:s
    core.Probe +core.ProbeHandler InitialDelaySeconds:i TimeoutSeconds:i PeriodSeconds:i SuccessThreshold:i \#
    FailureThreshold:i TerminationGracePeriodSeconds:*i
    core.ProbeHandler Exec:*@ExecAction HTTPGet:*@HTTPGetAction:httpGet TCPSocket:*@TCPSocketAction:tcpSocket \#
    GRPC:*@GRPCAction:grpc
    core.ExecAction Command:[]s
    core.HTTPGetAction Path:s Port:n Host:s Scheme:s HTTPHeaders:[]@HTTPHeader:httpHeaders
    core.HTTPHeader Name:s Value:s
    core.TCPSocketAction Port:n Host:s
    core.GRPCAction Port:i Service:*s
    core.Lifecycle PostStart:*@LifecycleHandler PreStop:*@LifecycleHandler StopSignal:*s
    core.LifecycleHandler Exec:*@ExecAction HTTPGet:*@HTTPGetAction:httpGet TCPSocket:*@TCPSocketAction:tcpSocket \#
    Sleep:*@SleepAction
    core.SleepAction Seconds:i
    core.SecurityContext Capabilities:*@Capabilities Privileged:*b SELinuxOptions:*@SELinuxOptions:seLinuxOptions \#
    WindowsOptions:*@WindowsSecurityContextOptions RunAsUser:*i RunAsGroup:*i RunAsNonRoot:*b \#
    ReadOnlyRootFilesystem:*b AllowPrivilegeEscalation:*b ProcMount:*s SeccompProfile:*@SeccompProfile \#
    AppArmorProfile:*@AppArmorProfile
    core.Capabilities Add:[]s Drop:[]s
    core.SELinuxOptions User:s Role:s Type:s Level:s
    core.WindowsSecurityContextOptions GMSACredentialSpecName:*s:gmsaCredentialSpecName \#
    GMSACredentialSpec:*s:gmsaCredentialSpec RunAsUserName:*s HostProcess:*b
    core.SeccompProfile Type:s LocalhostProfile:*s
    core.AppArmorProfile Type:s LocalhostProfile:*s
    core.EphemeralContainer +core.EphemeralContainerCommon TargetContainerName:s
    core.EphemeralContainerCommon Name:s Image:s Command:[]s Args:[]s WorkingDir:s Ports:[]@ContainerPort \#
    EnvFrom:[]@EnvFromSource Env:[]@EnvVar Resources:@ResourceRequirements ResizePolicy:[]@ContainerResizePolicy \#
    RestartPolicy:*s RestartPolicyRules:[]@ContainerRestartRule VolumeMounts:[]@VolumeMount \#
    VolumeDevices:[]@VolumeDevice LivenessProbe:*@Probe ReadinessProbe:*@Probe StartupProbe:*@Probe \#
    Lifecycle:*@Lifecycle TerminationMessagePath:s TerminationMessagePolicy:s ImagePullPolicy:s \#
    SecurityContext:*@SecurityContext Stdin:b StdinOnce:b TTY:b:tty
    core.PodSecurityContext HostNetwork:b HostPID:b HostIPC:b ShareProcessNamespace:*b HostUsers:*b \#
    SELinuxOptions:*@SELinuxOptions:seLinuxOptions WindowsOptions:*@WindowsSecurityContextOptions RunAsUser:*i \#
    RunAsGroup:*i RunAsNonRoot:*b SupplementalGroups:[]i SupplementalGroupsPolicy:*s FSGroup:*i:fsGroup \#
    FSGroupChangePolicy:*s:fsGroupChangePolicy Sysctls:[]@Sysctl SeccompProfile:*@SeccompProfile \#
    AppArmorProfile:*@AppArmorProfile SELinuxChangePolicy:*s:seLinuxChangePolicy
    core.Sysctl Name:s Value:s
    core.Affinity NodeAffinity:*@NodeAffinity PodAffinity:*@PodAffinity PodAntiAffinity:*@PodAntiAffinity
    core.NodeAffinity RequiredDuringSchedulingIgnoredDuringExecution:*@NodeSelector \#
    PreferredDuringSchedulingIgnoredDuringExecution:[]@PreferredSchedulingTerm
    core.NodeSelector NodeSelectorTerms:[]@NodeSelectorTerm
    core.NodeSelectorTerm MatchExpressions:[]@NodeSelectorRequirement MatchFields:[]@NodeSelectorRequirement
    core.NodeSelectorRequirement Key:s Operator:s Values:[]s
    core.PreferredSchedulingTerm Weight:i Preference:@NodeSelectorTerm
    core.PodAffinity RequiredDuringSchedulingIgnoredDuringExecution:[]@PodAffinityTerm \#
    PreferredDuringSchedulingIgnoredDuringExecution:[]@WeightedPodAffinityTerm
    core.PodAffinityTerm LabelSelector:*_ Namespaces:[]s TopologyKey:s NamespaceSelector:*_ MatchLabelKeys:[]s \#
    MismatchLabelKeys:[]s
    core.WeightedPodAffinityTerm Weight:i PodAffinityTerm:@PodAffinityTerm
    core.PodAntiAffinity RequiredDuringSchedulingIgnoredDuringExecution:[]@PodAffinityTerm \#
    PreferredDuringSchedulingIgnoredDuringExecution:[]@WeightedPodAffinityTerm
    core.Toleration Key:s Operator:s Value:s Effect:s TolerationSeconds:*i
    core.HostAlias IP:s:ip Hostnames:[]s
    core.PodDNSConfig Nameservers:[]s Searches:[]s Options:[]@PodDNSConfigOption
    core.PodDNSConfigOption Name:s Value:*s
    core.PodReadinessGate ConditionType:s
    core.TopologySpreadConstraint MaxSkew:i TopologyKey:s WhenUnsatisfiable:s LabelSelector:*_ MinDomains:*i \#
    NodeAffinityPolicy:*s NodeTaintsPolicy:*s MatchLabelKeys:[]s
    core.PodOS Name:s
    core.PodSchedulingGate Name:s
    core.PodResourceClaim Name:s ResourceClaimName:*s ResourceClaimTemplateName:*s
    core.PodSchedulingGroup PodGroupName:*s
    core.PersistentVolumeSpec Capacity:{}q +core.PersistentVolumeSource AccessModes:[]s ClaimRef:*@ObjectReference \#
    PersistentVolumeReclaimPolicy:s StorageClassName:s MountOptions:[]s VolumeMode:*s \#
    NodeAffinity:*@VolumeNodeAffinity VolumeAttributesClassName:*s
    core.PersistentVolumeSource GCEPersistentDisk:*@GCEPersistentDiskVolumeSource:gcePersistentDisk \#
    AWSElasticBlockStore:*@AWSElasticBlockStoreVolumeSource:awsElasticBlockStore HostPath:*@HostPathVolumeSource \#
    Glusterfs:*@GlusterfsPersistentVolumeSource NFS:*@NFSVolumeSource:nfs RBD:*@RBDPersistentVolumeSource:rbd \#
    Quobyte:*@QuobyteVolumeSource ISCSI:*@ISCSIPersistentVolumeSource:iscsi \#
    FlexVolume:*@FlexPersistentVolumeSource Cinder:*@CinderPersistentVolumeSource \#
    CephFS:*@CephFSPersistentVolumeSource:cephfs FC:*@FCVolumeSource:fc Flocker:*@FlockerVolumeSource \#
    AzureFile:*@AzureFilePersistentVolumeSource VsphereVolume:*@VsphereVirtualDiskVolumeSource \#
    AzureDisk:*@AzureDiskVolumeSource PhotonPersistentDisk:*@PhotonPersistentDiskVolumeSource \#
    PortworxVolume:*@PortworxVolumeSource ScaleIO:*@ScaleIOPersistentVolumeSource Local:*@LocalVolumeSource \#
    StorageOS:*@StorageOSPersistentVolumeSource:storageos CSI:*@CSIPersistentVolumeSource:csi
    core.GlusterfsPersistentVolumeSource EndpointsName:s:endpoints Path:s ReadOnly:b EndpointsNamespace:*s
    core.RBDPersistentVolumeSource CephMonitors:[]s:monitors RBDImage:s:image FSType:s:fsType RBDPool:s:pool \#
    RadosUser:s:user Keyring:s SecretRef:*@SecretReference ReadOnly:b
    core.SecretReference Name:s Namespace:s
    core.ISCSIPersistentVolumeSource TargetPortal:s IQN:s:iqn Lun:i ISCSIInterface:s:iscsiInterface FSType:s:fsType \#
    ReadOnly:b Portals:[]s DiscoveryCHAPAuth:b:chapAuthDiscovery SessionCHAPAuth:b:chapAuthSession \#
    SecretRef:*@SecretReference InitiatorName:*s
    core.FlexPersistentVolumeSource Driver:s FSType:s:fsType SecretRef:*@SecretReference ReadOnly:b Options:{}s
    core.CinderPersistentVolumeSource VolumeID:s FSType:s:fsType ReadOnly:b SecretRef:*@SecretReference
    core.CephFSPersistentVolumeSource Monitors:[]s Path:s User:s SecretFile:s SecretRef:*@SecretReference ReadOnly:b
    core.AzureFilePersistentVolumeSource SecretName:s ShareName:s ReadOnly:b SecretNamespace:*s
    core.ScaleIOPersistentVolumeSource Gateway:s System:s SecretRef:*@SecretReference SSLEnabled:b:sslEnabled \#
    ProtectionDomain:s StoragePool:s StorageMode:s VolumeName:s FSType:s:fsType ReadOnly:b
    core.LocalVolumeSource Path:s FSType:*s:fsType
    core.StorageOSPersistentVolumeSource VolumeName:s VolumeNamespace:s FSType:s:fsType ReadOnly:b \#
    SecretRef:*@ObjectReference
    core.ObjectReference Kind:s Namespace:s Name:s UID:s:uid APIVersion:s:apiVersion ResourceVersion:s FieldPath:s
    core.CSIPersistentVolumeSource Driver:s VolumeHandle:s ReadOnly:b FSType:s:fsType VolumeAttributes:{}s \#
    ControllerPublishSecretRef:*@SecretReference NodeStageSecretRef:*@SecretReference \#
    NodePublishSecretRef:*@SecretReference ControllerExpandSecretRef:*@SecretReference \#
    NodeExpandSecretRef:*@SecretReference
    core.VolumeNodeAffinity Required:*@NodeSelector
    core.ServiceSpec Type:s Ports:[]@ServicePort Selector:{}s ClusterIP:s ClusterIPs:[]s IPFamilies:[]s:ipFamilies \#
    IPFamilyPolicy:*s:ipFamilyPolicy ExternalName:s ExternalIPs:[]s LoadBalancerIP:s SessionAffinity:s \#
    SessionAffinityConfig:*@SessionAffinityConfig LoadBalancerSourceRanges:[]s ExternalTrafficPolicy:s \#
    HealthCheckNodePort:i PublishNotReadyAddresses:b AllocateLoadBalancerNodePorts:*b LoadBalancerClass:*s \#
    InternalTrafficPolicy:*s TrafficDistribution:*s
    core.ServicePort Name:s Protocol:s AppProtocol:*s Port:i TargetPort:n NodePort:i
    core.SessionAffinityConfig ClientIP:*@ClientIPConfig
    core.ClientIPConfig TimeoutSeconds:*i
    core.EndpointSubset Addresses:[]@EndpointAddress NotReadyAddresses:[]@EndpointAddress Ports:[]@EndpointPort
    core.EndpointAddress IP:s:ip Hostname:s NodeName:*s TargetRef:*@ObjectReference
    core.EndpointPort Name:s Port:i Protocol:s AppProtocol:*s
    core.NodeSpec PodCIDRs:[]s ProviderID:s Unschedulable:b Taints:[]@Taint ConfigSource:*@NodeConfigSource \#
    DoNotUseExternalID:s:externalID
    core.Taint Key:s Value:s Effect:s TimeAdded:*t
    core.NodeConfigSource ConfigMap:*@ConfigMapNodeConfigSource
    core.ConfigMapNodeConfigSource Namespace:s Name:s UID:s:uid ResourceVersion:s KubeletConfigKey:s
    core.ResourceQuotaSpec Hard:{}q Scopes:[]s ScopeSelector:*@ScopeSelector
    core.ScopeSelector MatchExpressions:[]@ScopedResourceSelectorRequirement
    core.ScopedResourceSelectorRequirement ScopeName:s Operator:s Values:[]s
    core.LimitRangeSpec Limits:[]@LimitRangeItem
    core.LimitRangeItem Type:s Max:{}q Min:{}q Default:{}q DefaultRequest:{}q MaxLimitRequestRatio:{}q
    core.PodIP IP:s:ip
    core.HostIP IP:s:ip
    core.PodCondition Type:s ObservedGeneration:i Status:s LastProbeTime:t LastTransitionTime:t Reason:s Message:s
    core.ContainerStatus Name:s State:@ContainerState LastTerminationState:@ContainerState:lastState Ready:b \#
    RestartCount:i Image:s ImageID:s ContainerID:s Started:*b AllocatedResources:{}q \#
    Resources:*@ResourceRequirements VolumeMounts:[]@VolumeMountStatus User:*@ContainerUser \#
    AllocatedResourcesStatus:[]@ResourceStatus StopSignal:*s
    core.ContainerState Waiting:*@ContainerStateWaiting Running:*@ContainerStateRunning \#
    Terminated:*@ContainerStateTerminated
    core.ContainerStateWaiting Reason:s Message:s
    core.ContainerStateRunning StartedAt:t
    core.ContainerStateTerminated ExitCode:i Signal:i Reason:s Message:s StartedAt:t FinishedAt:t ContainerID:s
    core.VolumeMountStatus Name:s MountPath:s ReadOnly:b RecursiveReadOnly:*s VolumeStatus:*@VolumeStatus
    core.VolumeStatus Image:*@ImageVolumeStatus
    core.ImageVolumeStatus ImageRef:s
    core.ContainerUser Linux:*@LinuxContainerUser
    core.LinuxContainerUser UID:i:uid GID:i:gid SupplementalGroups:[]i
    core.ResourceStatus Name:s Resources:[]@ResourceHealth
    core.ResourceHealth ResourceID:s Health:s Message:*s
    core.ReplicationControllerSpec Replicas:*i MinReadySeconds:i Selector:{}s Template:*@PodTemplateSpec
    core.TopologySelectorTerm MatchLabelExpressions:[]@TopologySelectorLabelRequirement
    core.TopologySelectorLabelRequirement Key:s Values:[]s
    core.NamespaceSpec Finalizers:[]s
    core.NodeSystemInfo MachineID:s SystemUUID:s BootID:s KernelVersion:s OSImage:s:osImage \#
    ContainerRuntimeVersion:s KubeletVersion:s KubeProxyVersion:s OperatingSystem:s Architecture:s \#
    Swap:*@NodeSwapStatus
    core.NodeSwapStatus Capacity:*i
    core.PodResourceClaimStatus Name:s ResourceClaimName:*s
    core.PersistentVolumeClaim TypeMeta:+t ObjectMeta:+m Spec:@PersistentVolumeClaimSpec \#
    Status:@PersistentVolumeClaimStatus
    core.PersistentVolumeClaimStatus Phase:s AccessModes:[]s Capacity:{}q \#
    Conditions:[]@PersistentVolumeClaimCondition AllocatedResources:{}q AllocatedResourceStatuses:{}s \#
    CurrentVolumeAttributesClassName:*s ModifyVolumeStatus:*@ModifyVolumeStatus
    core.PersistentVolumeClaimCondition Type:s Status:s LastProbeTime:t LastTransitionTime:t Reason:s Message:s
    core.ModifyVolumeStatus TargetVolumeAttributesClassName:s Status:s
    """#
}
