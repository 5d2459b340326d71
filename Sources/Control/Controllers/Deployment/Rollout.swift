// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta

/// A Deployment with its ReplicaSets, and the arithmetic of a rollout. Pure.
struct Rollout: Sendable {
  static let hashLabel: String = "pod-template-hash"
  static let revisionAnnotation: String = "deployment.kubernetes.io/revision"
  static let desiredAnnotation: String = "deployment.kubernetes.io/desired-replicas"
  static let maxAnnotation: String = "deployment.kubernetes.io/max-replicas"

  var deployment: Deployment
  /// The ReplicaSet of the present template.
  private(set) var new: ReplicaSet?
  /// All others, oldest first.
  private(set) var old: [ReplicaSet] = []

  init(_ deployment: Deployment, _ sets: [ReplicaSet]) {
    self.deployment = deployment
    let ordered: [ReplicaSet] = sets.sorted { left, right in
      (left.metadata.creationTimestamp.seconds, left.metadata.name) < (
        right.metadata.creationTimestamp.seconds, right.metadata.name
      )
    }
    let template: PodTemplateSpec = deployment.spec.template
    // Of several with the same template the oldest is the one.
    new = ordered.first { Self.isEqual($0.spec.template, template) }
    old = ordered.filter { $0.metadata.uid != new?.metadata.uid }
  }

  /// Whether two templates are the same but for the label with their hash.
  static func isEqual(_ left: PodTemplateSpec, _ right: PodTemplateSpec) -> Bool {
    var (left, right): (PodTemplateSpec, PodTemplateSpec) = (left, right)
    left.metadata.labels[hashLabel] = nil
    right.metadata.labels[hashLabel] = nil
    return left == right
  }

  static func revision(_ set: ReplicaSet) -> Int64 {
    set.metadata.annotations[revisionAnnotation].flatMap { Int64($0) } ?? 0
  }

  var all: [ReplicaSet] { old + (new.map { [$0] } ?? []) }

  /// Takes in the new state of a ReplicaSet, or a new one.
  mutating func replace(_ set: ReplicaSet) {
    if let place: Int = old.firstIndex(where: { $0.metadata.uid == set.metadata.uid }) {
      old[place] = set
    } else {
      new = set
    }
  }

  // MARK: Figures

  var desired: Int { deployment.spec.hasReplicas ? Int(deployment.spec.replicas) : 1 }
  var isRolling: Bool { deployment.spec.strategy.type != "Recreate" }

  private var fencePosts: (surge: Int, unavailable: Int) {
    guard isRolling else { return (0, 0) }
    let update: RollingUpdateDeployment = deployment.spec.strategy.rollingUpdate
    let surge: Int = update.hasMaxSurge ? update.maxSurge.scaled(of: desired, roundsUp: true) ?? 1 : (desired + 3) / 4
    let unavailable: Int =
      update.hasMaxUnavailable ? update.maxUnavailable.scaled(of: desired, roundsUp: false) ?? 0 : desired / 4
    // With neither, nothing could ever move.
    return surge == 0 && unavailable == 0 ? (0, 1) : (surge, unavailable)
  }

  var maxSurge: Int { fencePosts.surge }
  var maxUnavailable: Int { desired == 0 ? 0 : min(fencePosts.unavailable, desired) }
  var minAvailable: Int { isRolling ? desired - maxUnavailable : 0 }
  var maxReplicas: Int { desired + maxSurge }

  var wantedTotal: Int { all.reduce(0) { $0 + $1.wantedReplicas } }
  var actualTotal: Int { all.reduce(0) { $0 + Int($1.status.replicas) } }
  var readyTotal: Int { all.reduce(0) { $0 + Int($1.status.readyReplicas) } }
  var availableTotal: Int { all.reduce(0) { $0 + Int($1.status.availableReplicas) } }
  var terminatingTotal: Int { all.reduce(0) { $0 + Int($1.status.terminatingReplicas) } }
  var updated: Int { new.map { Int($0.status.replicas) } ?? 0 }

  /// Whether only pods of the new template are there, all of them available.
  var isComplete: Bool {
    guard let new else { return false }
    return Int(new.status.replicas) == desired && Int(new.status.availableReplicas) == desired && actualTotal == desired
      && availableTotal == desired
  }

  // MARK: Rolling

  /// How many replicas the new ReplicaSet is to have now.
  var newReplicas: Int {
    guard let new else { return isRolling ? min(desired, max(0, maxReplicas - wantedTotal)) : desired }
    guard isRolling else { return desired }
    if new.wantedReplicas > desired { return desired }
    let room: Int = maxReplicas - wantedTotal
    guard room > 0 else { return new.wantedReplicas }
    return new.wantedReplicas + min(room, desired - new.wantedReplicas)
  }

  /// Which old ReplicaSets are to be scaled down now, and to how many.
  ///
  /// Pods that are not available go first, because they cost no availability; then as many others as may be missed.
  func oldScaleDown() -> [(set: ReplicaSet, replicas: Int)] {
    let oldTotal: Int = old.reduce(0) { $0 + $1.wantedReplicas }
    guard oldTotal > 0, let new else { return [] }
    let newUnavailable: Int = new.wantedReplicas - Int(new.status.availableReplicas)
    let budget: Int = wantedTotal - minAvailable - newUnavailable
    guard budget > 0 else { return [] }
    var replicas: [Int] = old.map(\.wantedReplicas)
    var spent: Int = 0
    for (place, set) in old.enumerated() where replicas[place] > 0 && spent < budget {
      let unhealthy: Int = max(0, replicas[place] - Int(set.status.availableReplicas))
      let count: Int = min(unhealthy, budget - spent)
      replicas[place] -= count
      spent += count
    }
    var surplus: Int = availableTotal - minAvailable
    for place: Int in old.indices where surplus > 0 && replicas[place] > 0 {
      let count: Int = min(replicas[place], surplus)
      replicas[place] -= count
      surplus -= count
    }
    return zip(old, replicas).filter { $0.wantedReplicas != $1 }.map { (set: $0, replicas: $1) }
  }

  /// The replicas of every ReplicaSet after a change of `spec.replicas` in the middle of a rollout: in proportion.
  func proportions() -> [(set: ReplicaSet, replicas: Int)] {
    let active: [ReplicaSet] = all.filter { $0.wantedReplicas > 0 }
    let total: Int = active.reduce(0) { $0 + $1.wantedReplicas }
    var difference: Int = (desired > 0 ? maxReplicas : 0) - total
    guard difference != 0 else { return active.map { ($0, $0.wantedReplicas) } }
    // Growth begins with the largest and newest, shrinking with the largest and oldest.
    let ordered: [ReplicaSet] = active.sorted { left, right in
      if left.wantedReplicas != right.wantedReplicas { return left.wantedReplicas > right.wantedReplicas }
      let times: (Int64, Int64) = (left.metadata.creationTimestamp.seconds, right.metadata.creationTimestamp.seconds)
      return difference > 0 ? times.0 > times.1 : times.0 < times.1
    }
    var result: [(set: ReplicaSet, replicas: Int)] = []
    let whole: Int = difference
    for set: ReplicaSet in ordered {
      let formerMax: Int = set.metadata.annotations[Self.maxAnnotation].flatMap { Int($0) } ?? total
      let ideal: Double = Double(set.wantedReplicas * (total + whole)) / Double(max(formerMax, 1))
      var share: Int = Int(ideal.rounded()) - set.wantedReplicas
      share = whole > 0 ? min(max(share, 0), difference) : max(min(share, 0), difference)
      result.append((set, set.wantedReplicas + share))
      difference -= share
    }
    // What rounding leaves goes to the first.
    if difference != 0, !result.isEmpty { result[0].replicas = max(0, result[0].replicas + difference) }
    return result
  }
}
