// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import KubeMeta
import KubeValues
import SwiftProtobuf
import Testing

@testable import Kubelet

@Suite struct PodAdmissionTests {
  private static func pod(cpu: String = "", hostPort: Int32 = 0, hostIP: String = "", netProtocol: String = "TCP") -> Pod {
    .with { pod in
      pod.metadata.name = "a"
      pod.spec.containers = [
        .with { container in
          if !cpu.isEmpty { container.resources.requests["cpu"] = .with { $0.string = cpu } }
          container.ports = [
            .with {
              $0.containerPort = 80
              $0.hostPort = hostPort
              $0.hostIp = hostIP
              $0.protocol = netProtocol
            }
          ]
        }
      ]
    }
  }

  private static func refusal(_ pod: Pod, among others: [Pod], allocatable: ResourceAmounts = [:]) -> PodAdmission.Refusal? {
    PodAdmission(allocatable: allocatable, others: others).refusal(of: pod)
  }

  @Test func `a host port is given once`() {
    let taken: Pod = Self.pod(hostPort: 8080)
    #expect(Self.refusal(Self.pod(hostPort: 8080), among: [taken])?.reason == "NodePorts")
    #expect(Self.refusal(Self.pod(hostPort: 8080, hostIP: "127.0.0.1"), among: [taken])?.reason == "NodePorts")
    #expect(Self.refusal(Self.pod(hostPort: 8080, netProtocol: "UDP"), among: [taken]) == nil)
    #expect(Self.refusal(Self.pod(hostPort: 8081), among: [taken]) == nil)
    #expect(Self.refusal(Self.pod(), among: [Self.pod()]) == nil)
    let local: Pod = Self.pod(hostPort: 8080, hostIP: "127.0.0.1")
    #expect(Self.refusal(Self.pod(hostPort: 8080, hostIP: "127.0.0.2"), among: [local]) == nil)
  }

  @Test func `resources are given out until they are used up`() throws {
    let allocatable: ResourceAmounts = ["cpu": try #require(ResourceQuantity("2")), "pods": try #require(ResourceQuantity("3"))]
    let half: Pod = Self.pod(cpu: "900m")
    #expect(Self.refusal(half, among: [half], allocatable: allocatable) == nil)
    let refusal: PodAdmission.Refusal = try #require(Self.refusal(half, among: [half, half], allocatable: allocatable))
    #expect(refusal.reason == "OutOfcpu")
    #expect(refusal.message == "Node didn't have enough resource: cpu, requested: 900, used: 1800, capacity: 2000")
    #expect(Self.refusal(Self.pod(), among: [half, half, Self.pod()], allocatable: allocatable)?.reason == "OutOfpods")
  }

  @Test func `what the node needs itself always runs`() {
    var system: Pod = Self.pod(hostPort: 8080)
    system.spec.priority = 2_000_001_000
    #expect(Self.refusal(system, among: [Self.pod(hostPort: 8080)]) == nil)
  }

  @Test func `what was lacking is told of for a while`() {
    let memory: PressureMemory = PressureMemory()
    let start: ContinuousClock.Instant = .now
    func disk(_ lacks: Bool, _ seconds: Int) -> Bool {
      memory.lasting(.init(disk: lacks), for: .seconds(300), now: start + .seconds(seconds)).disk
    }
    #expect(!disk(false, 0))
    #expect(disk(true, 10))
    #expect(disk(false, 200))
    #expect(disk(false, 309))
    #expect(!disk(false, 310))
  }
}
