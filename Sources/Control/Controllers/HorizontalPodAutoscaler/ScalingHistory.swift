// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeGroups
import KubeValues

/// What an autoscaler proposed and did lately: by it a new proposal is smoothed, so that the number of pods neither
/// flaps nor jumps.
struct ScalingHistory: Sendable {
  /// How many replicas there may be, and what stands in the way of a proposal.
  struct Decision: Sendable, Hashable {
    var replicas: Int32
    /// The condition `AbleToScale`.
    var ability: Explanation
    /// The condition `ScalingLimited`, and whether it holds.
    var limit: Explanation
    var isLimited: Bool
  }

  /// A condition's reason and message.
  struct Explanation: Sendable, Hashable {
    var reason: String
    var message: String
  }

  private struct Entry: Sendable {
    var time: Timestamp
    var count: Int32
  }

  /// Proposals, as they were before they were smoothed.
  private var proposals: [Entry] = []
  private var additions: [Entry] = []
  private var removals: [Entry] = []

  /// A history that begins with the replicas that were found, so that a controller that has just started does not
  /// scale down at once.
  init(replicas: Int32, now: Timestamp) {
    proposals = [Entry(time: now, count: replicas)]
  }

  /// Without rules of its own an autoscaler may double the replicas, or have four if that is more.
  private static func fastest(_ current: Int32) -> Int32 { max(Int32(clamping: 2 * Int64(current)), 4) }

  // MARK: Deciding

  /// What becomes of a proposal, which is remembered.
  ///
  /// - Parameters:
  ///   - behavior: the rules of the autoscaler; nil for upstream's fixed ones.
  ///   - window: how long a higher proposal holds against a lower one where the rules do not say.
  mutating func decide(
    _ proposed: Int32, current: Int32, range: ClosedRange<Int32>, behavior: HorizontalPodAutoscalerBehavior?,
    window: Duration, now: Timestamp
  ) -> Decision {
    guard let behavior else {
      return decide(proposed, current: current, range: range, window: window, now: now)
    }
    let downWindow: Duration =
      behavior.scaleDown.hasStabilizationWindowSeconds
      ? .seconds(Int64(behavior.scaleDown.stabilizationWindowSeconds)) : window
    let upWindow: Duration = .seconds(Int64(behavior.scaleUp.stabilizationWindowSeconds))
    let lowest: Int32 = min(proposed, proposals(since: upWindow, now).min() ?? proposed)
    let highest: Int32 = max(proposed, proposals(since: downWindow, now).max() ?? proposed)
    let stable: Int32 = min(max(current, lowest), highest)
    remember(proposed, keeping: max(upWindow, downWindow), now)
    var ability: Explanation = Self.ready
    if stable != proposed {
      ability =
        proposed >= current
        ? Explanation(
          reason: "ScaleUpStabilized",
          message: "recent recommendations were lower than current one, applying the lowest recent recommendation")
        : Self.stabilized
    }
    let (replicas, limit): (Int32, Explanation) = rated(stable, current: current, range: range, behavior, now)
    return Decision(replicas: replicas, ability: ability, limit: limit, isLimited: replicas != stable)
  }

  private mutating func decide(
    _ proposed: Int32, current: Int32, range: ClosedRange<Int32>, window: Duration, now: Timestamp
  ) -> Decision {
    let stable: Int32 = max(proposed, proposals(since: window, now).max() ?? proposed)
    remember(proposed, keeping: window, now)
    let fastest: Int32 = Self.fastest(current)
    var limit: Explanation = Self.within
    var replicas: Int32 = stable
    if stable < range.lowerBound {
      (replicas, limit) = (range.lowerBound, Self.tooFew)
    } else if stable > min(fastest, range.upperBound) {
      (replicas, limit) = range.upperBound > fastest ? (fastest, Self.tooFast) : (range.upperBound, Self.tooMany)
    }
    return Decision(
      replicas: replicas, ability: stable == proposed ? Self.ready : Self.stabilized, limit: limit,
      isLimited: replicas != stable)
  }

  /// Limits a proposal by the rules' rates and the range.
  private func rated(
    _ proposed: Int32, current: Int32, range: ClosedRange<Int32>, _ behavior: HorizontalPodAutoscalerBehavior,
    _ now: Timestamp
  ) -> (Int32, Explanation) {
    if proposed > current {
      let rate: Int32 = max(current, furthest(current, behavior.scaleUp, now, isUp: true))
      let most: Int32 = min(rate, range.upperBound)
      if proposed > most { return (most, range.upperBound > rate ? Self.tooFast : Self.tooMany) }
    } else if proposed < current {
      let rate: Int32 = min(current, furthest(current, behavior.scaleDown, now, isUp: false))
      let least: Int32 = max(rate, range.lowerBound)
      if proposed < least { return (least, range.lowerBound < rate ? Self.tooFastDown : Self.tooFew) }
    }
    return (proposed, Self.within)
  }

  /// How far the policies of one direction let the replicas go from what they were when each policy's period began.
  private func furthest(_ current: Int32, _ rules: HPAScalingRules, _ now: Timestamp, isUp: Bool) -> Int32 {
    guard rules.selectPolicy != "Disabled" else { return current }
    let limits: [Int32] = rules.policies.map { policy in
      let period: Duration = .seconds(Int64(policy.periodSeconds))
      let start: Int64 = Int64(current) - Self.sum(additions, since: period, now) + Self.sum(removals, since: period, now)
      let step: Int64 = Int64(policy.value)
      guard policy.type == "Percent" else { return Int32(clamping: isUp ? start + step : start - step) }
      let share: Double = Double(step) / 100
      // Rounded so that a small number grows by one at least.
      return Int32(clamping: isUp ? Int64((Double(start) * (1 + share)).rounded(.up)) : Int64(Double(start) * (1 - share)))
    }
    // The policy that changes most decides, unless the rules say the one that changes least.
    let wantsLargest: Bool = (rules.selectPolicy == "Min") != isUp
    return (wantsLargest ? limits.max() : limits.min()) ?? current
  }

  // MARK: Remembering

  /// Remembers a change of the replicas, for the rates of the rules.
  mutating func changed(from old: Int32, to new: Int32, behavior: HorizontalPodAutoscalerBehavior?, now: Timestamp) {
    guard let behavior else { return }
    if new > old {
      Self.add(Entry(time: now, count: new - old), to: &additions, keeping: Self.longest(behavior.scaleUp))
    } else {
      Self.add(Entry(time: now, count: old - new), to: &removals, keeping: Self.longest(behavior.scaleDown))
    }
  }

  private mutating func remember(_ proposed: Int32, keeping window: Duration, _ now: Timestamp) {
    Self.add(Entry(time: now, count: proposed), to: &proposals, keeping: window)
  }

  private static func add(_ entry: Entry, to entries: inout [Entry], keeping window: Duration) {
    entries.removeAll { entry.time - $0.time > window }
    entries.append(entry)
  }

  private static func longest(_ rules: HPAScalingRules) -> Duration {
    .seconds(Int64(rules.policies.map(\.periodSeconds).max() ?? 0))
  }

  private func proposals(since window: Duration, _ now: Timestamp) -> [Int32] {
    proposals.filter { now - $0.time < window }.map(\.count)
  }

  private static func sum(_ entries: [Entry], since window: Duration, _ now: Timestamp) -> Int64 {
    entries.filter { now - $0.time < window }.reduce(0) { $0 + Int64($1.count) }
  }

  // MARK: Words

  private static let ready: Explanation = Explanation(
    reason: "ReadyForNewScale", message: "recommended size matches current size")
  private static let stabilized: Explanation = Explanation(
    reason: "ScaleDownStabilized",
    message: "recent recommendations were higher than current one, applying the highest recent recommendation")
  private static let within: Explanation = Explanation(
    reason: "DesiredWithinRange", message: "the desired count is within the acceptable range")
  private static let tooFast: Explanation = Explanation(
    reason: "ScaleUpLimit", message: "the desired replica count is increasing faster than the maximum scale rate")
  private static let tooFastDown: Explanation = Explanation(
    reason: "ScaleDownLimit", message: "the desired replica count is decreasing faster than the maximum scale rate")
  private static let tooMany: Explanation = Explanation(
    reason: "TooManyReplicas", message: "the desired replica count is more than the maximum replica count")
  private static let tooFew: Explanation = Explanation(
    reason: "TooFewReplicas", message: "the desired replica count is less than the minimum replica count")
}
