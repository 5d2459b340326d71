// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta
import KubeValues

/// A host port that a pod takes.
struct HostPort: Hashable, Sendable {
  var ip: String
  var proto: String
  var port: Int32

  /// Whether two pods cannot both have these ports.
  func conflicts(with other: HostPort) -> Bool {
    guard port == other.port, proto == other.proto else { return false }
    return ip == other.ip || ip == "0.0.0.0" || other.ip == "0.0.0.0"
  }
}

/// One term of a pod's affinity or anti-affinity, ready to be matched.
struct AffinityTerm: Sendable {
  var namespaces: Set<String>
  /// Selects namespaces by their labels; nil where the term names none.
  var namespaceSelector: LabelSelector?
  var selector: LabelSelector
  var topologyKey: String
  var weight: Int64

  init(_ term: PodAffinityTerm, weight: Int32 = 0, pod: Pod) {
    topologyKey = term.topologyKey
    self.weight = Int64(weight)
    var selector: LabelSelector = LabelSelector(term.hasLabelSelector ? term.labelSelector : nil)
    for key: String in term.matchLabelKeys {
      guard let value: String = pod.metadata.labels[key] else { continue }
      selector.requirements.append(LabelSelector.Requirement(key: key, comparison: .isIn, values: [value]))
    }
    for key: String in term.mismatchLabelKeys {
      guard let value: String = pod.metadata.labels[key] else { continue }
      selector.requirements.append(LabelSelector.Requirement(key: key, comparison: .notIn, values: [value]))
    }
    self.selector = selector
    namespaceSelector = term.hasNamespaceSelector ? LabelSelector(term.namespaceSelector) : nil
    namespaces = Set(term.namespaces)
    if namespaces.isEmpty, namespaceSelector == nil { namespaces = [pod.metadata.namespace] }
  }

  /// Whether a pod is meant by the term; `labels` gives the labels of a namespace.
  func matches(_ pod: PodInfo, namespaceLabels labels: (String) -> [String: String]) -> Bool {
    guard namespaces.contains(pod.key.namespace) || (namespaceSelector?.matches(labels(pod.key.namespace)) ?? false)
    else { return false }
    return selector.matches(pod.labels)
  }
}

/// One topology spread constraint, ready to be matched.
struct SpreadConstraint: Sendable {
  var maxSkew: Int
  var topologyKey: String
  var selector: LabelSelector
  var minDomains: Int
  var honorsAffinity: Bool
  var honorsTaints: Bool
}

/// What the scheduler needs to know of a pod, worked out once.
final class PodInfo: Sendable {
  let pod: Pod
  let key: ObjectKey
  let uid: String
  let labels: [String: String]
  let priority: Int32
  let requests: Resources
  let scoredRequests: Resources
  let hostPorts: [HostPort]
  let nodeSelector: [String: String]
  let requiredNodeAffinity: NodeSelector?
  let preferredNodeAffinity: [PreferredSchedulingTerm]
  let requiredAffinity: [AffinityTerm]
  let preferredAffinity: [AffinityTerm]
  let requiredAntiAffinity: [AffinityTerm]
  let preferredAntiAffinity: [AffinityTerm]
  let hardSpread: [SpreadConstraint]
  let softSpread: [SpreadConstraint]
  let tolerations: [Toleration]
  let controllerUID: String
  let claimNames: [String]
  let isBeingDeleted: Bool

  init(_ pod: Pod) {
    let spec: PodSpec = pod.spec
    self.pod = pod
    key = pod.key
    uid = pod.metadata.uid
    labels = pod.metadata.labels
    priority = spec.priority
    requests = Resources(requestedBy: spec)
    scoredRequests = Resources(requestedBy: spec, nonZero: true)
    hostPorts = Self.hostPorts(spec)
    nodeSelector = spec.nodeSelector
    let affinity: Affinity = spec.affinity
    let nodeAffinity: NodeAffinity = affinity.nodeAffinity
    requiredNodeAffinity =
      nodeAffinity.hasRequiredDuringSchedulingIgnoredDuringExecution
      ? nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution : nil
    preferredNodeAffinity = nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution
    requiredAffinity = affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution.map {
      AffinityTerm($0, pod: pod)
    }
    preferredAffinity = affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution.map {
      AffinityTerm($0.podAffinityTerm, weight: $0.weight, pod: pod)
    }
    requiredAntiAffinity = affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution.map {
      AffinityTerm($0, pod: pod)
    }
    preferredAntiAffinity = affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution.map {
      AffinityTerm($0.podAffinityTerm, weight: $0.weight, pod: pod)
    }
    hardSpread = Self.spread(pod, "DoNotSchedule")
    softSpread = Self.spread(pod, "ScheduleAnyway")
    tolerations = spec.tolerations
    controllerUID = pod.metadata.controllerReference?.uid ?? ""
    claimNames = Self.claimNames(pod)
    isBeingDeleted = pod.metadata.isBeingDeleted
  }

  var nodeName: String { pod.spec.nodeName }
  /// Whether the pod has terms that make nodes better or worse for others; what it forbids them is not among those.
  var hasScoredAffinity: Bool {
    !requiredAffinity.isEmpty || !preferredAffinity.isEmpty || !preferredAntiAffinity.isEmpty
  }
  var hasAffinity: Bool {
    !requiredAffinity.isEmpty || !preferredAffinity.isEmpty || !preferredAntiAffinity.isEmpty
      || !requiredAntiAffinity.isEmpty
  }

  func tolerates(_ taint: Taint) -> Bool { tolerations.contains { $0.tolerates(taint) } }

  private static func hostPorts(_ spec: PodSpec) -> [HostPort] {
    let sidecars: [Container] = spec.initContainers.filter { $0.restartPolicy == "Always" }
    return (spec.containers + sidecars).flatMap { container in
      container.ports.filter { $0.hostPort > 0 }.map { port in
        HostPort(
          ip: port.hostIp.isEmpty ? "0.0.0.0" : port.hostIp, proto: port.protocol.isEmpty ? "TCP" : port.protocol,
          port: port.hostPort)
      }
    }
  }

  private static func spread(_ pod: Pod, _ whenUnsatisfiable: String) -> [SpreadConstraint] {
    pod.spec.topologySpreadConstraints.filter { $0.whenUnsatisfiable == whenUnsatisfiable }.map { constraint in
      var selector: LabelSelector = LabelSelector(constraint.hasLabelSelector ? constraint.labelSelector : nil)
      for key: String in constraint.matchLabelKeys {
        guard let value: String = pod.metadata.labels[key] else { continue }
        selector.requirements.append(LabelSelector.Requirement(key: key, comparison: .isIn, values: [value]))
      }
      return SpreadConstraint(
        maxSkew: Int(constraint.maxSkew), topologyKey: constraint.topologyKey, selector: selector,
        minDomains: constraint.hasMinDomains ? Int(constraint.minDomains) : 1,
        honorsAffinity: constraint.nodeAffinityPolicy != "Ignore", honorsTaints: constraint.nodeTaintsPolicy == "Honor")
    }
  }

  private static func claimNames(_ pod: Pod) -> [String] {
    pod.spec.volumes.compactMap { volume in
      let source: VolumeSource = volume.volumeSource
      if source.hasPersistentVolumeClaim { return source.persistentVolumeClaim.claimName }
      return source.hasEphemeral ? "\(pod.metadata.name)-\(volume.name)" : nil
    }
  }
}
