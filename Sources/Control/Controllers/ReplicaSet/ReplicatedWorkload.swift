// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// What a ReplicaSet and a ReplicationController have in common.
protocol ReplicatedWorkload: KubeObject {
  var wantedReplicas: Int { get }
  var podSelector: LabelSelector { get }
  var podTemplate: PodTemplateSpec { get }
  var minReadySeconds: Int32 { get }
  /// The status with new figures; a failure is shown as the condition ReplicaFailure.
  func withStatus(_ counts: ReplicaCounts, failure: ReplicaFailure?) -> Self
}

/// The figures of a status.
struct ReplicaCounts: Hashable, Sendable {
  var replicas: Int32 = 0
  var fullyLabeled: Int32 = 0
  var ready: Int32 = 0
  var available: Int32 = 0
  var terminating: Int32 = 0
}

/// Why pods could not be created or deleted.
struct ReplicaFailure: Hashable, Sendable {
  var reason: String
  var message: String
}

extension ReplicaSet: ReplicatedWorkload {
  var wantedReplicas: Int { spec.hasReplicas ? Int(spec.replicas) : 1 }
  var podSelector: LabelSelector { LabelSelector(spec.selector) }
  var podTemplate: PodTemplateSpec { spec.template }
  var minReadySeconds: Int32 { spec.minReadySeconds }

  func withStatus(_ counts: ReplicaCounts, failure: ReplicaFailure?) -> ReplicaSet {
    var copy: ReplicaSet = self
    copy.status.replicas = counts.replicas
    copy.status.fullyLabeledReplicas = counts.fullyLabeled
    copy.status.readyReplicas = counts.ready
    copy.status.availableReplicas = counts.available
    copy.status.terminatingReplicas = counts.terminating
    copy.status.observedGeneration = metadata.generation
    let known: ReplicaSetCondition? = status.conditions.first { $0.type == "ReplicaFailure" }
    copy.status.conditions.removeAll { $0.type == "ReplicaFailure" }
    if let failure {
      var condition: ReplicaSetCondition = known ?? ReplicaSetCondition()
      condition.type = "ReplicaFailure"
      condition.status = "True"
      condition.reason = failure.reason
      condition.message = failure.message
      if known == nil { condition.lastTransitionTime = .now }
      copy.status.conditions.append(condition)
    }
    return copy
  }
}

extension ReplicationController: ReplicatedWorkload {
  var wantedReplicas: Int { spec.hasReplicas ? Int(spec.replicas) : 1 }
  var podSelector: LabelSelector { LabelSelector(labels: spec.selector) }
  var podTemplate: PodTemplateSpec { spec.template }
  var minReadySeconds: Int32 { spec.minReadySeconds }

  func withStatus(_ counts: ReplicaCounts, failure: ReplicaFailure?) -> ReplicationController {
    var copy: ReplicationController = self
    copy.status.replicas = counts.replicas
    copy.status.fullyLabeledReplicas = counts.fullyLabeled
    copy.status.readyReplicas = counts.ready
    copy.status.availableReplicas = counts.available
    copy.status.observedGeneration = metadata.generation
    let known: ReplicationControllerCondition? = status.conditions.first { $0.type == "ReplicaFailure" }
    copy.status.conditions.removeAll { $0.type == "ReplicaFailure" }
    if let failure {
      var condition: ReplicationControllerCondition = known ?? ReplicationControllerCondition()
      condition.type = "ReplicaFailure"
      condition.status = "True"
      condition.reason = failure.reason
      condition.message = failure.message
      if known == nil { condition.lastTransitionTime = .now }
      copy.status.conditions.append(condition)
    }
    return copy
  }
}
