// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

extension Deployment {
  func condition(_ type: String) -> DeploymentCondition? { status.conditions.first { $0.type == type } }
  var progressing: DeploymentCondition? { condition("Progressing") }

  mutating func setCondition(
    _ type: String, _ status: String, _ reason: String, _ message: String, renews: Bool = false
  ) {
    let known: DeploymentCondition? = condition(type)
    if let known, known.status == status, known.reason == reason, !renews { return }
    var fresh: DeploymentCondition = DeploymentCondition()
    fresh.type = type
    fresh.status = status
    fresh.reason = reason
    fresh.message = message
    fresh.lastUpdateTime = .now
    fresh.lastTransitionTime = known?.status == status ? known?.lastTransitionTime ?? .now : .now
    self.status.conditions.removeAll { $0.type == type }
    self.status.conditions.append(fresh)
  }

  mutating func setProgressing(_ status: String, _ reason: String, _ message: String, renews: Bool = false) {
    setCondition("Progressing", status, reason, message, renews: renews)
  }
}

extension DeploymentController {
  /// Shows in the condition Progressing that the rollout is paused, or goes on.
  func updatePausedCondition(_ deployment: inout Deployment) async throws {
    guard deployment.spec.hasProgressDeadlineSeconds else { return }
    let known: DeploymentCondition? = deployment.progressing
    if known?.reason == "ProgressDeadlineExceeded" { return }
    if deployment.spec.paused, known?.reason != "DeploymentPaused" {
      deployment.setProgressing("Unknown", "DeploymentPaused", "Deployment is paused")
    } else if !deployment.spec.paused, known?.reason == "DeploymentPaused" {
      deployment.setProgressing("Unknown", "DeploymentResumed", "Deployment is resumed")
    } else {
      return
    }
    deployment = try await client.updateStatus(deployment)
  }

  /// The status that the ReplicaSets' figures make, without the condition Progressing.
  private func withFigures(_ deployment: Deployment, _ rollout: Rollout) -> Deployment {
    var result: Deployment = deployment
    let available: Int = rollout.availableTotal
    result.status.observedGeneration = deployment.metadata.generation
    result.status.replicas = Int32(rollout.actualTotal)
    result.status.updatedReplicas = Int32(rollout.updated)
    result.status.readyReplicas = Int32(rollout.readyTotal)
    result.status.availableReplicas = Int32(available)
    result.status.unavailableReplicas = Int32(max(0, rollout.wantedTotal - available))
    result.status.terminatingReplicas = Int32(rollout.terminatingTotal)
    if available >= rollout.desired - rollout.maxUnavailable {
      result.setCondition(
        "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
      result.setCondition(
        "Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    }
    return result
  }

  /// Writes the status without judging the rollout's progress.
  func syncStatus(_ deployment: Deployment, _ rollout: Rollout) async throws {
    try await write(withFigures(deployment, rollout))
  }

  /// Writes the status and judges the rollout's progress.
  func syncRolloutStatus(_ rollout: Rollout) async throws {
    let deployment: Deployment = rollout.deployment
    var result: Deployment = withFigures(deployment, rollout)
    let name: String =
      rollout.new.map { "ReplicaSet \"\($0.metadata.name)\"" } ?? "Deployment \"\(deployment.metadata.name)\""
    let known: DeploymentCondition? = result.progressing
    // A finished rollout is not judged again until the next begins.
    let isDone: Bool =
      result.status.replicas == result.status.updatedReplicas && known?.reason == "NewReplicaSetAvailable"
    if result.spec.hasProgressDeadlineSeconds, !isDone {
      if rollout.isComplete {
        result.setProgressing("True", "NewReplicaSetAvailable", "\(name) has successfully progressed.")
      } else if hasProgressed(from: currentStatus(deployment), to: result.status) {
        result.setProgressing(
          "True", "ReplicaSetUpdated", "\(name) is progressing.",
          renews: known?.reason == "ReplicaSetUpdated" || known?.status == "True")
      } else if let known, hasTimedOut(result, known) {
        result.setProgressing("False", "ProgressDeadlineExceeded", "\(name) has timed out progressing.")
      }
    }
    updateFailure(&result, rollout)
    try await write(result)
    guard result.spec.hasProgressDeadlineSeconds, !rollout.isComplete,
      let progressing: DeploymentCondition = result.progressing,
      progressing.reason != "ProgressDeadlineExceeded", progressing.reason != "NewReplicaSetAvailable"
    else { return }
    let deadline: Timestamp =
      Timestamp(progressing.lastUpdateTime) + .seconds(Int64(result.spec.progressDeadlineSeconds) + 1)
    queue.add(deployment.key, after: deadline - .now)
  }

  /// The status as the server has it; the one at hand may have been changed on the way.
  private func currentStatus(_ deployment: Deployment) -> DeploymentStatus {
    deployments.get(deployment.key)?.status ?? deployment.status
  }

  private func hasProgressed(from old: DeploymentStatus, to new: DeploymentStatus) -> Bool {
    let oldOld: Int32 = old.replicas - old.updatedReplicas
    let newOld: Int32 = new.replicas - new.updatedReplicas
    return new.updatedReplicas > old.updatedReplicas || newOld < oldOld || new.readyReplicas > old.readyReplicas
      || new.availableReplicas > old.availableReplicas
  }

  private func hasTimedOut(_ deployment: Deployment, _ condition: DeploymentCondition) -> Bool {
    guard condition.reason != "NewReplicaSetAvailable" else { return false }
    if condition.reason == "ProgressDeadlineExceeded" { return true }
    return Timestamp(condition.lastUpdateTime) + .seconds(Int64(deployment.spec.progressDeadlineSeconds)) < .now
  }

  private func updateFailure(_ deployment: inout Deployment, _ rollout: Rollout) {
    let failures: [ReplicaSetCondition] = ([rollout.new].compactMap { $0 } + rollout.old).compactMap { set in
      set.status.conditions.first { $0.type == "ReplicaFailure" }
    }
    if let failure: ReplicaSetCondition = failures.first {
      deployment.setCondition("ReplicaFailure", failure.status, failure.reason, failure.message)
    } else {
      deployment.status.conditions.removeAll { $0.type == "ReplicaFailure" }
    }
  }

  private func write(_ deployment: Deployment) async throws {
    guard deployments.get(deployment.key)?.status != deployment.status else { return }
    deployments.remember(try await client.updateStatus(deployment))
  }
}
