// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeCore
import KubeMeta
import SwiftProtobuf
import Testing

@testable import Kubelet

/// A pod with containers named after their letters: init containers, sidecars, ordinary ones.
func makePod(
  initial: [String] = [], sidecars: [String] = [], ordinary: [String] = ["main"], restart: String = "Always"
) -> Pod {
  var pod: Pod = Pod()
  pod.metadata.name = "web"
  pod.metadata.namespace = "default"
  pod.metadata.uid = "u1"
  pod.spec.restartPolicy = restart
  pod.spec.initContainers = initial.map { name in .with { $0.name = name } }
  pod.spec.initContainers += sidecars.map { name in
    .with {
      $0.name = name
      $0.restartPolicy = "Always"
    }
  }
  pod.spec.containers = ordinary.map { name in .with { $0.name = name } }
  return pod
}

/// What a runtime has: a ready sandbox `s` and containers in given states.
func observation(_ containers: [(name: String, state: CRIContainerState, exit: Int32)], ready: Bool = true) -> PodObservation {
  var observed: PodObservation = PodObservation()
  observed.sandboxes = [
    .with {
      $0.id = "s"
      $0.state = ready ? .sandboxReady : .sandboxNotready
      $0.network.ip = "10.0.0.9"
    }
  ]
  for (place, container) in containers.enumerated() {
    observed.containers.insert(
      ObservedContainer(
        status: .with {
          $0.id = "\(container.name)\(place)"
          $0.metadata.name = container.name
          $0.state = container.state
          $0.exitCode = container.exit
          $0.createdAt = Int64(place)
          $0.startedAt = 1_000_000_000
        }, sandboxID: "s"), at: 0)
  }
  return observed
}

@Suite struct PodPlanTests {
  private func plan(_ pod: Pod, _ observed: PodObservation, _ verdicts: PodPlan.Verdicts = .init()) -> PodPlan {
    PodPlan.decide(pod: pod, observed: observed, verdicts: verdicts)
  }

  @Test func `a new pod gets a sandbox and all its containers`() {
    let plan: PodPlan = plan(makePod(ordinary: ["a", "b"]), PodObservation())
    #expect(plan.sandboxAttempt == 0)
    #expect(plan.starts == ["a", "b"])
    #expect(!plan.replacesSandbox && !plan.isFinished)
  }

  @Test func `init containers start one after another`() {
    let pod: Pod = makePod(initial: ["i", "j"])
    #expect(plan(pod, PodObservation()).starts == ["i"])
    #expect(plan(pod, observation([])).starts == ["i"])
    #expect(plan(pod, observation([("i", .containerRunning, 0)])).starts == [])
    #expect(plan(pod, observation([("i", .containerExited, 0)])).starts == ["j"])
    #expect(plan(pod, observation([("i", .containerExited, 0), ("j", .containerExited, 0)])).starts == ["main"])
  }

  @Test func `a failed init container is repeated, or fails the pod`() {
    #expect(plan(makePod(initial: ["i"]), observation([("i", .containerExited, 1)])).starts == ["i"])
    let never: PodPlan = plan(makePod(initial: ["i"], restart: "Never"), observation([("i", .containerExited, 1)]))
    #expect(never.starts == [] && never.isFinished)
  }

  @Test func `a sidecar that is started lets the others start`() {
    let pod: Pod = makePod(sidecars: ["s"])
    let observed: PodObservation = observation([("s", .containerRunning, 0)])
    #expect(plan(pod, observed).starts == [])
    #expect(plan(pod, observed, .init(started: ["s0"])).starts == ["main"])
  }

  @Test func `a sidecar that ended is started again beside running containers`() {
    let pod: Pod = makePod(sidecars: ["s"])
    let plan: PodPlan = plan(pod, observation([("s", .containerExited, 0), ("main", .containerRunning, 0)]))
    #expect(plan.starts == ["s"])
  }

  @Test(
    arguments: [
      ("Always", Int32(0), true), ("Always", 1, true), ("OnFailure", 0, false), ("OnFailure", 1, true),
      ("Never", 0, false), ("Never", 1, false),
    ]) func `the restart policy decides about ended containers`(_ policy: String, _ code: Int32, _ restarts: Bool) {
    let plan: PodPlan = plan(makePod(restart: policy), observation([("main", .containerExited, code)]))
    #expect(plan.starts == (restarts ? ["main"] : []))
    #expect(plan.isFinished == !restarts)
  }

  @Test func `a pod ends when all ordinary containers have ended, whatever sidecars do`() {
    let pod: Pod = makePod(sidecars: ["s"], restart: "Never")
    let observed: PodObservation = observation([("s", .containerRunning, 0), ("main", .containerExited, 0)])
    #expect(plan(pod, observed, .init(started: ["s0"])).isFinished)
  }

  @Test func `an unhealthy container is stopped and started again`() {
    let plan: PodPlan = plan(
      makePod(), observation([("main", .containerRunning, 0)]), .init(unhealthy: ["main0"], started: ["main0"]))
    #expect(plan.stops.map(\.id) == ["main0"])
    #expect(plan.stops.first?.message == "Container main failed liveness probe, will be restarted")
    #expect(plan.starts == ["main"])
  }

  @Test func `a dead sandbox is replaced, and init containers run again`() {
    let plan: PodPlan = plan(
      makePod(initial: ["i"]),
      observation([("i", .containerExited, 0), ("main", .containerExited, 137)], ready: false))
    #expect(plan.replacesSandbox)
    #expect(plan.sandboxAttempt == 1)
    #expect(plan.starts == ["i"])
  }

  @Test func `a finished pod whose sandbox is gone stays finished`() {
    let plan: PodPlan = plan(
      makePod(restart: "Never"), observation([("main", .containerExited, 0)], ready: false))
    #expect(plan.isFinished && plan.sandboxAttempt == nil)
  }

  @Test func `exit code rules of a container come before the pod's policy`() {
    var pod: Pod = makePod(restart: "Never")
    pod.spec.containers[0].restartPolicy = "Never"
    pod.spec.containers[0].restartPolicyRules = [
      .with {
        $0.action = "Restart"
        $0.exitCodes.operator = "In"
        $0.exitCodes.values = [42]
      }
    ]
    #expect(plan(pod, observation([("main", .containerExited, 42)])).starts == ["main"])
    #expect(plan(pod, observation([("main", .containerExited, 1)])).isFinished)
  }
}
