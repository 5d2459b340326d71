// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import SwiftProtobuf
import Testing

@testable import Kubelet

@Suite struct PodStatusBuilderTests {
  private func status(
    _ pod: Pod, _ observed: PodObservation, ready: Set<String> = [], waiting: [String: PodStatusBuilder.Waiting] = [:],
    terminated: Bool = false, now: Int64 = 100
  ) -> PodStatus {
    PodStatusBuilder(
      pod: pod, observed: observed, waiting: waiting, ready: ready, started: ready, isTerminated: terminated,
      hostIPs: ["10.1.0.1"], now: Timestamp(seconds: now)
    ).build()
  }
  private func condition(_ status: PodStatus, _ type: String) -> String? {
    status.conditions.first { $0.type == type }?.status
  }

  @Test func `a pod that is being made is pending`() {
    let status: PodStatus = status(makePod(), PodObservation())
    #expect(status.phase == "Pending")
    #expect(status.containerStatuses[0].state.waiting.reason == "ContainerCreating")
    #expect(condition(status, "Initialized") == "True")
    #expect(condition(status, "Ready") == "False")
    #expect(condition(status, "PodScheduled") == "True")
    #expect(condition(status, "PodReadyToStartContainers") == "False")
    #expect(status.conditions.first { $0.type == "Ready" }?.message == "containers with unready status: [main]")
  }

  @Test func `init containers hold the others back`() {
    let status: PodStatus = status(makePod(initial: ["i"]), observation([("i", .containerRunning, 0)]))
    #expect(status.phase == "Pending")
    #expect(status.containerStatuses[0].state.waiting.reason == "PodInitializing")
    #expect(condition(status, "Initialized") == "False")
    #expect(status.conditions.first { $0.type == "Initialized" }?.message == "containers with incomplete status: [i]")
  }

  @Test func `a running pod has its addresses and is ready with its containers`() {
    let status: PodStatus = status(makePod(), observation([("main", .containerRunning, 0)]), ready: ["main0"])
    #expect(status.phase == "Running")
    #expect(status.podIp == "10.0.0.9" && status.podIps.map(\.ip) == ["10.0.0.9"])
    #expect(status.hostIp == "10.1.0.1")
    #expect(status.qosClass == "BestEffort")
    #expect(status.containerStatuses[0].containerID == "containerd://main0")
    #expect(status.containerStatuses[0].started)
    #expect(condition(status, "Ready") == "True")
  }

  @Test func `a crashing container waits and shows how it ended`() {
    let status: PodStatus = status(
      makePod(), observation([("main", .containerExited, 3)]),
      waiting: ["main": .init(reason: "CrashLoopBackOff", message: "back-off")])
    #expect(status.phase == "Running")
    #expect(status.containerStatuses[0].state.waiting.reason == "CrashLoopBackOff")
    #expect(status.containerStatuses[0].lastState.terminated.exitCode == 3)
    #expect(status.containerStatuses[0].lastState.terminated.reason == "Error")
  }

  @Test(
    arguments: [("Never", Int32(0), "Succeeded"), ("Never", 1, "Failed"), ("OnFailure", 0, "Succeeded")])
  func `a pod that has ended says how`(_ policy: String, _ code: Int32, _ phase: String) {
    let status: PodStatus = status(makePod(restart: policy), observation([("main", .containerExited, code)]), terminated: true)
    #expect(status.phase == phase)
    #expect(status.conditions.first { $0.type == "Ready" }?.reason == (phase == "Failed" ? "PodFailed" : "PodCompleted"))
  }

  @Test func `times of conditions stay while their status stays`() throws {
    var pod: Pod = makePod()
    pod.status = status(pod, PodObservation(), now: 100)
    let later: PodStatus = status(pod, observation([("main", .containerRunning, 0)]), ready: ["main0"], now: 200)
    let initialized: PodCondition = try #require(later.conditions.first { $0.type == "Initialized" })
    let ready: PodCondition = try #require(later.conditions.first { $0.type == "Ready" })
    #expect(initialized.lastTransitionTime.seconds == 100)
    #expect(ready.lastTransitionTime.seconds == 200)
  }

  @Test func `readiness gates of others are awaited, and their conditions kept`() {
    var pod: Pod = makePod()
    pod.spec.readinessGates = [.with { $0.conditionType = "example.com/gate" }]
    let observed: PodObservation = observation([("main", .containerRunning, 0)])
    #expect(condition(status(pod, observed, ready: ["main0"]), "Ready") == "False")
    pod.status.conditions = [
      .with {
        $0.type = "example.com/gate"
        $0.status = "True"
      }
    ]
    let ready: PodStatus = status(pod, observed, ready: ["main0"])
    #expect(condition(ready, "Ready") == "True")
    #expect(condition(ready, "example.com/gate") == "True")
  }
}
