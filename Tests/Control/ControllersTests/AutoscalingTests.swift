// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues
import Testing

@testable import Controllers

@Suite struct AutoscalingTests {
  private static let now: Timestamp = Timestamp(seconds: 1_000_000)

  /// A pod that requests half a processor and became ready long ago, or is in another state.
  private func pod(_ name: String, phase: String = "Running", isReady: Bool = true, age: Int64 = 3600) -> Pod {
    var pod: Pod = Pod()
    pod.metadata.name = name
    pod.status.phase = phase
    pod.status.startTime.seconds = Self.now.seconds - age
    var ready: PodCondition = PodCondition()
    ready.type = "Ready"
    ready.status = isReady ? "True" : "False"
    ready.lastTransitionTime.seconds = Self.now.seconds - age + 10
    pod.status.conditions = [ready]
    var container: Container = Container()
    container.name = "main"
    container.resources.requests["cpu"] = Quantity(ResourceQuantity(milli: 500))
    pod.spec.containers = [container]
    return pod
  }

  private func proposal(_ pods: [Pod], current: Int32? = nil) -> ReplicaProposal {
    ReplicaProposal(
      pods: pods, current: current ?? Int32(pods.count), tolerance: ScalingTolerance(down: 0.1, up: 0.1), now: Self.now)
  }

  private func readings(_ values: [String: Int64]) -> [String: PodReading] {
    values.mapValues { PodReading(value: $0, time: Self.now, window: .seconds(60)) }
  }

  // MARK: Proposals

  @Test(arguments: [(200, 40, 2), (500, 100, 4), (270, 54, 2), (260, 52, 2), (0, 0, 0)] as [(Int64, Int32, Int32)])
  func `usage in relation to its target decides`(usage: Int64, percent: Int32, replicas: Int32) throws {
    // 50 % of 500 m each.
    let result: (replicas: Int32, percent: Int32, average: Int64) = try proposal([pod("a"), pod("b")]).byUtilization(
      50, of: "cpu", container: "", readings(["a": usage, "b": usage]))
    #expect(result.replicas == replicas)
    #expect(result.percent == percent)
    #expect(result.average == usage)
  }

  @Test func `pods without a reading speak against the change`() throws {
    let pods: [Pod] = [pod("a"), pod("b"), pod("c")]
    // Two at 100 %, the third counts as 0: 66 % instead of 100 %.
    #expect(try proposal(pods).byUtilization(50, of: "cpu", container: "", readings(["a": 500, "b": 500])).replicas == 4)
    // Two at 10 %, the third counts as 100 %: 40 % instead of 10 %.
    #expect(try proposal(pods).byUtilization(50, of: "cpu", container: "", readings(["a": 50, "b": 50])).replicas == 3)
    #expect(try proposal(pods).byUtilization(100, of: "cpu", container: "", readings(["a": 50, "b": 50])).replicas == 2)
  }

  @Test func `pods that start do not count`() throws {
    let starting: Pod = pod("b", age: 30)
    let pods: [Pod] = [pod("a"), starting]
    // The window of b's reading began before b was ready.
    #expect(try proposal(pods).byUtilization(50, of: "cpu", container: "", readings(["a": 500, "b": 9000])).replicas == 2)
    let all: [Pod] = [pod("a"), pod("b", phase: "Pending"), pod("c", phase: "Failed")]
    let result: (replicas: Int32, percent: Int32, average: Int64) = try proposal(all).byUtilization(
      50, of: "cpu", container: "", readings(["a": 1000, "b": 1, "c": 1]))
    #expect(result.percent == 200)
    #expect(result.replicas == 4)
    #expect(throws: AutoscalingError.self) {
      try proposal([starting]).byUtilization(50, of: "cpu", container: "", readings(["b": 1]))
    }
  }

  @Test func `what is missing is named`() {
    func message(_ work: () throws -> Void) -> String {
      do {
        try work()
        return ""
      } catch {
        return "\(error)"
      }
    }
    let one: ReplicaProposal = proposal([pod("a")])
    #expect(
      message { _ = try one.byUtilization(50, of: "memory", container: "", readings(["a": 1])) }
        == "missing request for memory in container main of Pod a")
    #expect(
      message { _ = try one.byUtilization(50, of: "cpu", container: "side", readings(["a": 1])) }
        == "container side not found in Pod a")
    #expect(
      message { _ = try proposal([]).byAverage(1, of: nil, readings(["a": 1])) }
        == "no pods returned by selector while calculating replica count")
  }

  @Test func `averages and shared values`() throws {
    let pods: [Pod] = [pod("a"), pod("b", isReady: false)]
    #expect(try proposal(pods).byAverage(10_000, of: nil, readings(["a": 30_000, "b": 10_000])).replicas == 4)
    // Only pods that are ready serve a shared value.
    #expect(try proposal(pods).byValue(30_000, target: 10_000) == 3)
    #expect(try proposal(pods, current: 0).byValue(25_000, target: 10_000) == 3)
    let share: (replicas: Int32, share: Int64) = proposal(pods).byShare(35_000, target: 10_000, among: 2)
    #expect(share.replicas == 4)
    #expect(share.share == 17_500)
  }

  // MARK: History

  private func decide(
    _ history: inout ScalingHistory, _ proposed: Int32, current: Int32, at second: Int64,
    _ behavior: HorizontalPodAutoscalerBehavior? = nil
  ) -> ScalingHistory.Decision {
    history.decide(
      proposed, current: current, range: 2...20, behavior: behavior, window: .seconds(300),
      now: Self.now + .seconds(second))
  }

  @Test func `a lower number waits, a higher one comes in steps`() {
    var history: ScalingHistory = ScalingHistory(replicas: 3, now: Self.now)
    let up: ScalingHistory.Decision = decide(&history, 15, current: 3, at: 1)
    #expect((up.replicas, up.limit.reason, up.isLimited) == (6, "ScaleUpLimit", true))
    #expect(decide(&history, 30, current: 15, at: 2).limit.reason == "TooManyReplicas")
    let down: ScalingHistory.Decision = decide(&history, 1, current: 20, at: 100)
    #expect((down.replicas, down.ability.reason) == (20, "ScaleDownStabilized"))
    let later: ScalingHistory.Decision = decide(&history, 1, current: 20, at: 500)
    #expect((later.replicas, later.ability.reason, later.limit.reason) == (2, "ReadyForNewScale", "TooFewReplicas"))
  }

  private func rules(_ value: Int32, _ type: String, window: Int32, select: String = "Max") -> HPAScalingRules {
    var rules: HPAScalingRules = HPAScalingRules()
    var policy: HPAScalingPolicy = HPAScalingPolicy()
    policy.type = type
    policy.value = value
    policy.periodSeconds = 60
    rules.policies = [policy]
    rules.selectPolicy = select
    rules.stabilizationWindowSeconds = window
    return rules
  }

  @Test func `policies limit what changes in their period`() {
    var behavior: HorizontalPodAutoscalerBehavior = HorizontalPodAutoscalerBehavior()
    behavior.scaleUp = rules(50, "Percent", window: 0)
    behavior.scaleDown = rules(2, "Pods", window: 0)
    var history: ScalingHistory = ScalingHistory(replicas: 4, now: Self.now)
    #expect(decide(&history, 20, current: 4, at: 1, behavior).replicas == 6)
    history.changed(from: 4, to: 6, behavior: behavior, now: Self.now + .seconds(1))
    // The period began with four.
    #expect(decide(&history, 20, current: 6, at: 30, behavior).replicas == 6)
    #expect(decide(&history, 20, current: 6, at: 62, behavior).replicas == 9)
    let down: ScalingHistory.Decision = decide(&history, 2, current: 9, at: 200, behavior)
    #expect((down.replicas, down.limit.reason) == (7, "ScaleDownLimit"))
    behavior.scaleDown.selectPolicy = "Disabled"
    #expect(decide(&history, 2, current: 9, at: 201, behavior).replicas == 9)
  }

  @Test func `a window upwards takes the lowest of late`() {
    var behavior: HorizontalPodAutoscalerBehavior = HorizontalPodAutoscalerBehavior()
    behavior.scaleUp = rules(100, "Pods", window: 60)
    behavior.scaleDown = rules(100, "Percent", window: 60)
    var history: ScalingHistory = ScalingHistory(replicas: 4, now: Self.now)
    let up: ScalingHistory.Decision = decide(&history, 10, current: 4, at: 10, behavior)
    #expect((up.replicas, up.ability.reason) == (4, "ScaleUpStabilized"))
    #expect(decide(&history, 8, current: 4, at: 75, behavior).replicas == 8)
  }

  @Test(arguments: [("15s", 15_000), ("1m0s", 60_000), ("10.5s", 10_500), ("1h2m3s", 3_723_000), ("100ms", 100)] as [(String, Int64)])
  func `windows are read`(text: String, milliseconds: Int64) {
    #expect(MetricsReader.duration(text) == .milliseconds(milliseconds))
    #expect(MetricsReader.duration("15") == nil)
  }
}
