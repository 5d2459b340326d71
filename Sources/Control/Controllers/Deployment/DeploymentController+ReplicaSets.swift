// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta

extension DeploymentController {
  /// Annotations that belong to a Deployment alone and are not copied to its ReplicaSets.
  private static let uncopied: Set<String> = [
    "kubectl.kubernetes.io/last-applied-configuration", Rollout.revisionAnnotation,
    "deployment.kubernetes.io/revision-history", Rollout.desiredAnnotation, Rollout.maxAnnotation,
    "deprecated.deployment.rollback.to",
  ]

  /// Gives the new ReplicaSet its revision, and makes it if it is missing and asked for.
  func updateRevision(_ rollout: inout Rollout, creates: Bool) async throws {
    let revision: Int64 = (rollout.old.map { Rollout.revision($0) }.max() ?? 0) + 1
    if let new: ReplicaSet = rollout.new {
      var wanted: ReplicaSet = new
      annotate(&wanted, from: rollout.deployment, revision: max(revision, Rollout.revision(new)))
      wanted.spec.minReadySeconds = rollout.deployment.spec.minReadySeconds
      if wanted.metadata.annotations != new.metadata.annotations
        || wanted.spec.minReadySeconds != new.spec.minReadySeconds
      {
        let updated: ReplicaSet = try await client.update(wanted)
        replicaSets.remember(updated)
        rollout.replace(updated)
      }
      try await record(revision: Rollout.revision(wanted), in: &rollout)
      if rollout.deployment.spec.hasProgressDeadlineSeconds, rollout.deployment.progressing == nil {
        rollout.deployment.setProgressing(
          "True", "FoundNewReplicaSet", "Found new replica set \"\(new.metadata.name)\"")
        rollout.deployment = try await client.updateStatus(rollout.deployment)
      }
      return
    }
    guard creates else { return }
    try await createReplicaSet(&rollout, revision: revision)
  }

  private func annotate(_ set: inout ReplicaSet, from deployment: Deployment, revision: Int64) {
    for (name, value) in deployment.metadata.annotations where !Self.uncopied.contains(name) {
      set.metadata.annotations[name] = value
    }
    let former: String = set.metadata.annotations[Rollout.revisionAnnotation] ?? ""
    guard former != String(revision) else { return }
    set.metadata.annotations[Rollout.revisionAnnotation] = String(revision)
    // A rolled-back revision keeps the list of the numbers it had.
    if let number: Int64 = Int64(former), number > 0 {
      let history: String = set.metadata.annotations["deployment.kubernetes.io/revision-history"] ?? ""
      set.metadata.annotations["deployment.kubernetes.io/revision-history"] =
        history.isEmpty ? former : "\(history),\(former)"
    }
  }

  /// Writes the revision to the Deployment.
  private func record(revision: Int64, in rollout: inout Rollout) async throws {
    guard rollout.deployment.metadata.annotations[Rollout.revisionAnnotation] != String(revision) else { return }
    rollout.deployment.metadata.annotations[Rollout.revisionAnnotation] = String(revision)
    let status: DeploymentStatus = rollout.deployment.status
    rollout.deployment = try await client.update(rollout.deployment)
    rollout.deployment.status = status
    deployments.remember(rollout.deployment)
  }

  private func createReplicaSet(_ rollout: inout Rollout, revision: Int64) async throws {
    let deployment: Deployment = rollout.deployment
    let hash: String = try TemplateHash.hash(deployment.spec.template, collisions: deployment.status.collisionCount)
    var set: ReplicaSet = ReplicaSet()
    set.metadata.namespace = deployment.metadata.namespace
    set.metadata.name = "\(deployment.metadata.name)-\(hash)"
    set.metadata.ownerReferences = [MetaOwnerReference(controller: deployment)]
    set.metadata.labels = deployment.spec.template.metadata.labels
    set.metadata.labels[Rollout.hashLabel] = hash
    set.spec.template = deployment.spec.template
    set.spec.template.metadata.labels[Rollout.hashLabel] = hash
    set.spec.selector = deployment.spec.selector
    set.spec.selector.matchLabels[Rollout.hashLabel] = hash
    set.spec.minReadySeconds = deployment.spec.minReadySeconds
    set.spec.replicas = Int32(rollout.newReplicas)
    annotate(&set, from: deployment, revision: revision)
    set.metadata.annotations[Rollout.desiredAnnotation] = String(rollout.desired)
    set.metadata.annotations[Rollout.maxAnnotation] = String(rollout.maxReplicas)
    let made: ReplicaSet
    do throws(KubeClientError) {
      made = try await client.create(set)
    } catch {
      if error.isAlreadyExists { return try await resolveCollision(&rollout, set, revision) }
      guard !error.isNamespaceTerminating else { return }
      rollout.deployment.setProgressing(
        "False", "ReplicaSetCreateError", "Failed to create new replica set \"\(set.metadata.name)\": \(error.message)")
      try await client.updateStatus(rollout.deployment)
      throw error
    }
    rollout.replace(made)
    if made.wantedReplicas > 0 {
      recorder.record(
        deployment, .normal, reason: "ScalingReplicaSet",
        message: "Scaled up replica set \(made.metadata.name) from 0 to \(made.wantedReplicas)")
    }
    try await record(revision: revision, in: &rollout)
    if deployment.spec.hasProgressDeadlineSeconds {
      rollout.deployment.setProgressing(
        "True", "NewReplicaSetCreated", "Created new replica set \"\(made.metadata.name)\"")
    }
  }

  /// A ReplicaSet of this name is there: it is ours and the cache was behind, or the hashes collide.
  private func resolveCollision(_ rollout: inout Rollout, _ set: ReplicaSet, _ revision: Int64) async throws {
    let existing: ReplicaSet = try await client.get(ReplicaSet.self, set.key)
    if existing.metadata.isControlled(by: rollout.deployment.metadata.uid),
      Rollout.isEqual(existing.spec.template, rollout.deployment.spec.template)
    {
      rollout.replace(existing)
      return try await record(revision: revision, in: &rollout)
    }
    rollout.deployment.status.collisionCount += 1
    rollout.deployment = try await client.updateStatus(rollout.deployment)
    throw KubeClientError(.status, "the name \(set.metadata.name) is taken; another one will be tried")
  }

  // MARK: Scaling

  /// Scales a ReplicaSet and notes the Deployment's figures on it.
  func scale(_ set: ReplicaSet, to replicas: Int, _ rollout: Rollout) async throws -> ReplicaSet {
    var wanted: ReplicaSet = set
    wanted.spec.replicas = Int32(replicas)
    wanted.metadata.annotations[Rollout.desiredAnnotation] = String(rollout.desired)
    wanted.metadata.annotations[Rollout.maxAnnotation] = String(rollout.maxReplicas)
    guard wanted.spec != set.spec || wanted.metadata.annotations != set.metadata.annotations else { return set }
    let updated: ReplicaSet = try await client.update(wanted)
    replicaSets.remember(updated)
    if replicas != set.wantedReplicas {
      let direction: String = replicas > set.wantedReplicas ? "up" : "down"
      recorder.record(
        rollout.deployment, .normal, reason: "ScalingReplicaSet",
        message: "Scaled \(direction) replica set \(set.metadata.name) from \(set.wantedReplicas) to \(replicas)")
    }
    return updated
  }

  /// Brings the ReplicaSets to a new number of replicas without going on with the rollout.
  func scale(_ rollout: inout Rollout) async throws {
    let active: [ReplicaSet] = rollout.all.filter { $0.wantedReplicas > 0 }
    if active.count <= 1 {
      guard let only: ReplicaSet = active.first ?? rollout.new ?? rollout.old.last else { return }
      guard only.wantedReplicas != rollout.desired || !active.isEmpty else { return }
      rollout.replace(try await scale(only, to: rollout.desired, rollout))
      return
    }
    if rollout.isComplete {
      for set: ReplicaSet in rollout.old where set.wantedReplicas > 0 {
        rollout.replace(try await scale(set, to: 0, rollout))
      }
      return
    }
    guard rollout.isRolling else { return }
    for (set, replicas) in rollout.proportions() { rollout.replace(try await scale(set, to: replicas, rollout)) }
  }
}
