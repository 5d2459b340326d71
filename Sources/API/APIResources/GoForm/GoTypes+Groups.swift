// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

extension GoTypes {
  /// The types of the other groups; `GoTypes` says how to read a line.
  static let groups: String = #"""
    apps.DeploymentSpec Replicas:i Selector:*_ Template:@core.PodTemplateSpec Strategy:@DeploymentStrategy \#
    MinReadySeconds:i RevisionHistoryLimit:*i Paused:b RollbackTo:*_ ProgressDeadlineSeconds:*i
    apps.DeploymentStrategy Type:s RollingUpdate:*@RollingUpdateDeployment
    apps.RollingUpdateDeployment MaxUnavailable:n MaxSurge:n
    apps.StatefulSetSpec Replicas:i Selector:*_ Template:@core.PodTemplateSpec \#
    VolumeClaimTemplates:[]@core.PersistentVolumeClaim ServiceName:s PodManagementPolicy:s \#
    UpdateStrategy:@StatefulSetUpdateStrategy RevisionHistoryLimit:*i MinReadySeconds:i \#
    PersistentVolumeClaimRetentionPolicy:*@StatefulSetPersistentVolumeClaimRetentionPolicy \#
    Ordinals:*@StatefulSetOrdinals
    apps.StatefulSetUpdateStrategy Type:s RollingUpdate:*@RollingUpdateStatefulSetStrategy
    apps.RollingUpdateStatefulSetStrategy Partition:i MaxUnavailable:*n
    apps.StatefulSetPersistentVolumeClaimRetentionPolicy WhenDeleted:s WhenScaled:s
    apps.StatefulSetOrdinals Start:i
    apps.DaemonSetSpec Selector:*_ Template:@core.PodTemplateSpec UpdateStrategy:@DaemonSetUpdateStrategy \#
    MinReadySeconds:i TemplateGeneration:i RevisionHistoryLimit:*i
    apps.DaemonSetUpdateStrategy Type:s RollingUpdate:*@RollingUpdateDaemonSet
    apps.RollingUpdateDaemonSet MaxUnavailable:n MaxSurge:n
    apps.ReplicaSetSpec Replicas:i MinReadySeconds:i Selector:*_ Template:@core.PodTemplateSpec
    batch.JobSpec Parallelism:*i Completions:*i PodFailurePolicy:*@PodFailurePolicy SuccessPolicy:*@SuccessPolicy \#
    ActiveDeadlineSeconds:*i BackoffLimit:*i BackoffLimitPerIndex:*i MaxFailedIndexes:*i Selector:*_ \#
    ManualSelector:*b Template:@core.PodTemplateSpec TTLSecondsAfterFinished:*i:ttlSecondsAfterFinished \#
    CompletionMode:*s Suspend:*b PodReplacementPolicy:*s ManagedBy:*s
    batch.PodFailurePolicy Rules:[]@PodFailurePolicyRule
    batch.PodFailurePolicyRule Action:s OnExitCodes:*@PodFailurePolicyOnExitCodesRequirement \#
    OnPodConditions:[]@PodFailurePolicyOnPodConditionsPattern
    batch.PodFailurePolicyOnExitCodesRequirement ContainerName:*s Operator:s Values:[]i
    batch.PodFailurePolicyOnPodConditionsPattern Type:s Status:s
    batch.SuccessPolicy Rules:[]@SuccessPolicyRule
    batch.SuccessPolicyRule SucceededIndexes:*s SucceededCount:*i
    batch.CronJobSpec Schedule:s TimeZone:*s StartingDeadlineSeconds:*i ConcurrencyPolicy:s Suspend:*b \#
    JobTemplate:@JobTemplateSpec SuccessfulJobsHistoryLimit:*i FailedJobsHistoryLimit:*i
    batch.JobTemplateSpec ObjectMeta:+m Spec:@JobSpec
    batch.JobStatus Conditions:[]@JobCondition StartTime:*t CompletionTime:*t Active:i Terminating:*i Ready:*i \#
    Succeeded:i Failed:i CompletedIndexes:s FailedIndexes:*s UncountedTerminatedPods:*@UncountedTerminatedPods
    batch.JobCondition Type:s Status:s LastProbeTime:t LastTransitionTime:t Reason:s Message:s
    batch.UncountedTerminatedPods Succeeded:[]s Failed:[]s
    autoscaling.HorizontalPodAutoscalerSpec ScaleTargetRef:@CrossVersionObjectReference MinReplicas:*i MaxReplicas:i \#
    Metrics:[]@MetricSpec Behavior:*@HorizontalPodAutoscalerBehavior
    autoscaling.CrossVersionObjectReference Kind:s Name:s APIVersion:s:apiVersion
    autoscaling.MetricSpec Type:s Object:*@ObjectMetricSource Pods:*@PodsMetricSource \#
    Resource:*@ResourceMetricSource ContainerResource:*@ContainerResourceMetricSource \#
    External:*@ExternalMetricSource
    autoscaling.ObjectMetricSource DescribedObject:@CrossVersionObjectReference Target:@MetricTarget \#
    Metric:@MetricIdentifier
    autoscaling.MetricTarget Type:s Value:*q AverageValue:*q AverageUtilization:*i
    autoscaling.MetricIdentifier Name:s Selector:*_
    autoscaling.PodsMetricSource Metric:@MetricIdentifier Target:@MetricTarget
    autoscaling.ResourceMetricSource Name:s Target:@MetricTarget
    autoscaling.ContainerResourceMetricSource Name:s Container:s Target:@MetricTarget
    autoscaling.ExternalMetricSource Metric:@MetricIdentifier Target:@MetricTarget
    autoscaling.HorizontalPodAutoscalerBehavior ScaleUp:*@HPAScalingRules ScaleDown:*@HPAScalingRules
    autoscaling.HPAScalingRules StabilizationWindowSeconds:*i SelectPolicy:*s Policies:[]@HPAScalingPolicy \#
    Tolerance:*q
    autoscaling.HPAScalingPolicy Type:s Value:i PeriodSeconds:i
    networking.IngressSpec IngressClassName:*s DefaultBackend:*@IngressBackend TLS:[]@IngressTLS:tls \#
    Rules:[]@IngressRule
    networking.IngressBackend Service:*@IngressServiceBackend Resource:*@core.TypedLocalObjectReference
    networking.IngressServiceBackend Name:s Port:@ServiceBackendPort
    networking.ServiceBackendPort Name:s Number:i
    networking.IngressTLS Hosts:[]s SecretName:s
    networking.IngressRule Host:s +networking.IngressRuleValue
    networking.IngressRuleValue HTTP:*@HTTPIngressRuleValue:http
    networking.HTTPIngressRuleValue Paths:[]@HTTPIngressPath
    networking.HTTPIngressPath Path:s PathType:*s Backend:@IngressBackend
    networking.NetworkPolicySpec PodSelector:_ Ingress:[]@NetworkPolicyIngressRule Egress:[]@NetworkPolicyEgressRule \#
    PolicyTypes:[]s
    networking.NetworkPolicyIngressRule Ports:[]@NetworkPolicyPort From:[]@NetworkPolicyPeer
    networking.NetworkPolicyPort Protocol:*s Port:*n EndPort:*i
    networking.NetworkPolicyPeer PodSelector:*_ NamespaceSelector:*_ IPBlock:*@IPBlock:ipBlock
    networking.IPBlock CIDR:s:cidr Except:[]s
    networking.NetworkPolicyEgressRule Ports:[]@NetworkPolicyPort To:[]@NetworkPolicyPeer
    networking.IngressClassSpec Controller:s Parameters:*@IngressClassParametersReference
    networking.IngressClassParametersReference APIGroup:*s:apiGroup Kind:s Name:s Scope:*s Namespace:*s
    networking.IPAddressSpec ParentRef:*@ParentReference
    networking.ParentReference Group:s Resource:s Namespace:s Name:s
    networking.ServiceCIDRSpec CIDRs:[]s:cidrs
    policy.PodDisruptionBudgetSpec MinAvailable:*n Selector:*_ MaxUnavailable:*n UnhealthyPodEvictionPolicy:*s
    rbac.PolicyRule Verbs:[]s APIGroups:[]s:apiGroups Resources:[]s ResourceNames:[]s NonResourceURLs:[]s
    rbac.RoleRef APIGroup:s:apiGroup Kind:s Name:s
    rbac.Subject Kind:s APIGroup:s:apiGroup Name:s Namespace:s
    storage.CSINodeDriver Name:s NodeID:s TopologyKeys:[]s Allocatable:*@VolumeNodeResources
    storage.VolumeNodeResources Count:*i
    storage.VolumeAttachmentSpec Attacher:s Source:@VolumeAttachmentSource NodeName:s
    storage.VolumeAttachmentSource PersistentVolumeName:*s InlineVolumeSpec:*@core.PersistentVolumeSpec
    storage.CSIDriverSpec AttachRequired:*b FSGroupPolicy:*s:fsGroupPolicy PodInfoOnMount:*b \#
    VolumeLifecycleModes:[]s StorageCapacity:*b TokenRequests:[]@TokenRequest RequiresRepublish:*b \#
    SELinuxMount:*b:seLinuxMount NodeAllocatableUpdatePeriodSeconds:*i ServiceAccountTokenInSecrets:*b \#
    PreventPodSchedulingIfMissing:*b
    storage.TokenRequest Audience:s ExpirationSeconds:*i
    storage.VolumeError Time:t Message:s ErrorCode:*i
    resource.ResourceClaimSpec Devices:@DeviceClaim
    resource.DeviceClaim Requests:[]@DeviceRequest Constraints:[]@DeviceConstraint \#
    Config:[]@DeviceClaimConfiguration
    resource.DeviceRequest Name:s Exactly:*@ExactDeviceRequest FirstAvailable:[]@DeviceSubRequest
    resource.ExactDeviceRequest DeviceClassName:s Selectors:[]@DeviceSelector AllocationMode:s Count:i \#
    AdminAccess:*b Tolerations:[]@DeviceToleration Capacity:*@CapacityRequirements
    resource.DeviceSelector CEL:*@CELDeviceSelector:cel
    resource.CELDeviceSelector Expression:s
    resource.DeviceToleration Key:s Operator:s Value:s Effect:s TolerationSeconds:*i
    resource.CapacityRequirements Requests:{}q
    resource.DeviceSubRequest Name:s DeviceClassName:s Selectors:[]@DeviceSelector AllocationMode:s Count:i \#
    Tolerations:[]@DeviceToleration Capacity:*@CapacityRequirements
    resource.DeviceConstraint Requests:[]s MatchAttribute:*s DistinctAttribute:*s
    resource.DeviceClaimConfiguration Requests:[]s +resource.DeviceConfiguration
    resource.DeviceConfiguration Opaque:*@OpaqueDeviceConfiguration
    resource.OpaqueDeviceConfiguration Driver:s Parameters:_
    resource.ResourceClaimTemplateSpec ObjectMeta:+m Spec:@ResourceClaimSpec
    resource.ResourceSliceSpec Driver:s Pool:@ResourcePool NodeName:*s NodeSelector:*@core.NodeSelector AllNodes:*b \#
    Devices:[]@Device PerDeviceNodeSelection:*b SharedCounters:[]@CounterSet
    resource.ResourcePool Name:s Generation:i ResourceSliceCount:i
    resource.Device Name:s Attributes:{}@DeviceAttribute Capacity:{}@DeviceCapacity \#
    ConsumesCounters:[]@DeviceCounterConsumption NodeName:*s NodeSelector:*@core.NodeSelector AllNodes:*b \#
    Taints:[]@DeviceTaint BindsToNode:*b BindingConditions:[]s BindingFailureConditions:[]s \#
    AllowMultipleAllocations:*b NodeAllocatableResourceMappings:{}@NodeAllocatableResourceMapping
    resource.DeviceAttribute IntValue:*i:int BoolValue:*b:bool StringValue:*s:string VersionValue:*s:version \#
    IntValues:[]i:ints BoolValues:[]b:bools StringValues:[]s:strings VersionValues:[]s:versions
    resource.DeviceCapacity Value:q RequestPolicy:*@CapacityRequestPolicy
    resource.CapacityRequestPolicy Default:*q ValidValues:[]q ValidRange:*@CapacityRequestPolicyRange
    resource.CapacityRequestPolicyRange Min:*q Max:*q Step:*q
    resource.DeviceCounterConsumption CounterSet:s Counters:{}@Counter
    resource.Counter Value:q
    resource.DeviceTaint Key:s Value:s Effect:s TimeAdded:*t
    resource.NodeAllocatableResourceMapping CapacityKey:*s AllocationMultiplier:*q
    resource.CounterSet Name:s Counters:{}@Counter
    resource.DeviceClassSpec Selectors:[]@DeviceSelector Config:[]@DeviceClassConfiguration ExtendedResourceName:*s
    resource.DeviceClassConfiguration +resource.DeviceConfiguration
    resource.ResourceClaimStatus Allocation:*@AllocationResult ReservedFor:[]@ResourceClaimConsumerReference \#
    Devices:[]@AllocatedDeviceStatus
    resource.AllocationResult Devices:@DeviceAllocationResult NodeSelector:*@core.NodeSelector \#
    AllocationTimestamp:*t
    resource.DeviceAllocationResult Results:[]@DeviceRequestAllocationResult Config:[]@DeviceAllocationConfiguration
    resource.DeviceRequestAllocationResult Request:s Driver:s Pool:s Device:s AdminAccess:*b \#
    Tolerations:[]@DeviceToleration BindingConditions:[]s BindingFailureConditions:[]s ShareID:*s \#
    ConsumedCapacity:{}q
    resource.DeviceAllocationConfiguration Source:s Requests:[]s +resource.DeviceConfiguration
    resource.ResourceClaimConsumerReference APIGroup:s:apiGroup Resource:s Name:s UID:s:uid
    resource.AllocatedDeviceStatus Driver:s Pool:s Device:s ShareID:*s Conditions:[]_ Data:*_ \#
    NetworkData:*@NetworkDeviceData
    resource.NetworkDeviceData InterfaceName:s IPs:[]s:ips HardwareAddress:s
    discovery.Endpoint Addresses:[]s Conditions:@EndpointConditions Hostname:*s TargetRef:*@core.ObjectReference \#
    DeprecatedTopology:{}s NodeName:*s Zone:*s Hints:*@EndpointHints
    discovery.EndpointConditions Ready:*b Serving:*b Terminating:*b
    discovery.EndpointHints ForZones:[]@ForZone ForNodes:[]@ForNode
    discovery.ForZone Name:s
    discovery.ForNode Name:s
    discovery.EndpointPort Name:*s Protocol:*s Port:*i AppProtocol:*s
    certificates.CertificateSigningRequestSpec Request:y SignerName:s ExpirationSeconds:*i Usages:[]s Username:s \#
    UID:s:uid Groups:[]s Extra:{}[]s
    certificates.CertificateSigningRequestCondition Type:s Status:s Reason:s Message:s LastUpdateTime:t \#
    LastTransitionTime:t
    admissionregistration.ValidatingWebhook Name:s ClientConfig:@WebhookClientConfig Rules:[]@RuleWithOperations \#
    FailurePolicy:*s MatchPolicy:*s NamespaceSelector:*_ ObjectSelector:*_ SideEffects:*s TimeoutSeconds:*i \#
    AdmissionReviewVersions:[]s MatchConditions:[]@MatchCondition
    admissionregistration.WebhookClientConfig URL:*s:url Service:*@ServiceReference CABundle:y:caBundle
    admissionregistration.ServiceReference Namespace:s Name:s Path:*s Port:i
    admissionregistration.RuleWithOperations Operations:[]s +admissionregistration.Rule
    admissionregistration.Rule APIGroups:[]s:apiGroups APIVersions:[]s:apiVersions Resources:[]s Scope:*s
    admissionregistration.MatchCondition Name:s Expression:s
    admissionregistration.MutatingWebhook Name:s ClientConfig:@WebhookClientConfig Rules:[]@RuleWithOperations \#
    FailurePolicy:*s MatchPolicy:*s NamespaceSelector:*_ ObjectSelector:*_ SideEffects:*s TimeoutSeconds:*i \#
    AdmissionReviewVersions:[]s ReinvocationPolicy:*s MatchConditions:[]@MatchCondition
    admissionregistration.ValidatingAdmissionPolicySpec ParamKind:*@ParamKind MatchConstraints:*@MatchResources \#
    Validations:[]@Validation MatchConditions:[]@MatchCondition FailurePolicy:*s \#
    AuditAnnotations:[]@AuditAnnotation Variables:[]@Variable
    admissionregistration.ParamKind APIVersion:s:apiVersion Kind:s
    admissionregistration.MatchResources NamespaceSelector:*_ ObjectSelector:*_ \#
    ResourceRules:[]@NamedRuleWithOperations ExcludeResourceRules:[]@NamedRuleWithOperations MatchPolicy:*s
    admissionregistration.NamedRuleWithOperations ResourceNames:[]s \#
    RuleWithOperations:+admissionregistration.RuleWithOperations
    admissionregistration.Validation Expression:s Message:s Reason:*_ MessageExpression:s
    admissionregistration.AuditAnnotation Key:s ValueExpression:s
    admissionregistration.Variable Name:s Expression:s
    admissionregistration.MutatingAdmissionPolicySpec ParamKind:*@ParamKind MatchConstraints:*@MatchResources \#
    Variables:[]@Variable Mutations:[]@Mutation FailurePolicy:*s MatchConditions:[]@MatchCondition \#
    ReinvocationPolicy:s
    admissionregistration.Mutation PatchType:s ApplyConfiguration:*@ApplyConfiguration \#
    JSONPatch:*@JSONPatch:jsonPatch
    admissionregistration.ApplyConfiguration Expression:s
    admissionregistration.JSONPatch Expression:s
    admissionregistration.ValidatingAdmissionPolicyBindingSpec PolicyName:s ParamRef:*@ParamRef \#
    MatchResources:*@MatchResources ValidationActions:[]s
    admissionregistration.ParamRef Name:s Namespace:s Selector:*_ ParameterNotFoundAction:*s
    flowcontrol.FlowSchemaSpec PriorityLevelConfiguration:@PriorityLevelConfigurationReference MatchingPrecedence:i \#
    DistinguisherMethod:*@FlowDistinguisherMethod Rules:[]@PolicyRulesWithSubjects
    flowcontrol.PriorityLevelConfigurationReference Name:s
    flowcontrol.FlowDistinguisherMethod Type:s
    flowcontrol.PolicyRulesWithSubjects Subjects:[]@Subject ResourceRules:[]@ResourcePolicyRule \#
    NonResourceRules:[]@NonResourcePolicyRule
    flowcontrol.Subject Kind:s User:*@UserSubject Group:*@GroupSubject ServiceAccount:*@ServiceAccountSubject
    flowcontrol.UserSubject Name:s
    flowcontrol.GroupSubject Name:s
    flowcontrol.ServiceAccountSubject Namespace:s Name:s
    flowcontrol.ResourcePolicyRule Verbs:[]s APIGroups:[]s:apiGroups Resources:[]s ClusterScope:b Namespaces:[]s
    flowcontrol.NonResourcePolicyRule Verbs:[]s NonResourceURLs:[]s
    flowcontrol.PriorityLevelConfigurationSpec Type:s Limited:*@LimitedPriorityLevelConfiguration \#
    Exempt:*@ExemptPriorityLevelConfiguration
    flowcontrol.LimitedPriorityLevelConfiguration NominalConcurrencyShares:i LimitResponse:@LimitResponse \#
    LendablePercent:*i BorrowingLimitPercent:*i
    flowcontrol.LimitResponse Type:s Queuing:*@QueuingConfiguration
    flowcontrol.QueuingConfiguration Queues:i HandSize:i QueueLengthLimit:i
    flowcontrol.ExemptPriorityLevelConfiguration NominalConcurrencyShares:*i LendablePercent:*i
    coordination.LeaseSpec HolderIdentity:*s LeaseDurationSeconds:*i AcquireTime:*t RenewTime:*t LeaseTransitions:*i \#
    Strategy:*s PreferredHolder:*s
    node.Overhead PodFixed:{}q
    node.Scheduling NodeSelector:{}s Tolerations:[]@core.Toleration
    authorization.SubjectAccessReviewSpec ResourceAttributes:*@ResourceAttributes \#
    NonResourceAttributes:*@NonResourceAttributes User:s Groups:[]s Extra:{}[]s UID:s:uid
    authorization.ResourceAttributes Namespace:s Verb:s Group:s Version:s Resource:s Subresource:s Name:s \#
    FieldSelector:*@FieldSelectorAttributes LabelSelector:*@LabelSelectorAttributes
    authorization.FieldSelectorAttributes RawSelector:s Requirements:[]_
    authorization.LabelSelectorAttributes RawSelector:s Requirements:[]_
    authorization.NonResourceAttributes Path:s Verb:s
    authorization.SelfSubjectAccessReviewSpec ResourceAttributes:*@ResourceAttributes \#
    NonResourceAttributes:*@NonResourceAttributes
    authorization.LocalSubjectAccessReview TypeMeta:+t ObjectMeta:+m Spec:@SubjectAccessReviewSpec \#
    Status:@SubjectAccessReviewStatus
    authorization.SubjectAccessReviewStatus Allowed:b Denied:b Reason:s EvaluationError:s
    authentication.TokenReviewSpec Token:s Audiences:[]s
    authentication.TokenRequestSpec Audiences:[]s ExpirationSeconds:i BoundObjectRef:*@BoundObjectReference
    authentication.BoundObjectReference Kind:s APIVersion:s:apiVersion Name:s UID:s:uid
    """#
}
