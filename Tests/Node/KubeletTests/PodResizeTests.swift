// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Foundation
import JSON
import Kernel
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import SwiftProtobuf
import Testing

@testable import Kubelet

@Suite struct PodResizeTests {
  private static func pod(cpu: String = "100m", memory: String = "50Mi") -> Pod {
    var pod: Pod = makePod()
    pod.spec.containers[0].resources.requests["cpu"] = .with { $0.string = cpu }
    pod.spec.containers[0].resources.limits["memory"] = .with { $0.string = memory }
    return pod
  }

  private static func amounts(_ cpu: String) throws -> ResourceAmounts { ["cpu": try #require(ResourceQuantity(cpu))] }

  @Test func `a pod grows into what others leave`() throws {
    let room: NodeRoom = NodeRoom()
    let (one, two): (PodUID, PodUID) = (PodUID("1"), PodUID("2"))
    let node: ResourceAmounts = try Self.amounts("2")
    room.give(try Self.amounts("500m"), to: one)
    room.give(try Self.amounts("1"), to: two)
    #expect(room.resize(one, to: try Self.amounts("1"), allocatable: node) == .fits)
    #expect(
      room.resize(one, to: try Self.amounts("1500m"), allocatable: node)
        == .later("Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000"))
    #expect(
      room.resize(one, to: try Self.amounts("3"), allocatable: node)
        == .never("Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000"))
    room.release(two)
    #expect(room.resize(one, to: try Self.amounts("1500m"), allocatable: node) == .fits)
    #expect(room.resize(one, to: try Self.amounts("1"), allocatable: [:]) == .fits)
  }

  @Test func `only settings that differ are changed, and a request of memory is none`() {
    let have: CRILinuxContainerResources = .with {
      $0.cpuShares = 102
      $0.memoryLimitInBytes = 1000
    }
    var want: CRILinuxContainerResources = have
    want.cpuQuota = -1
    #expect(Container.differences(have, want).isEmpty)
    want.cpuQuota = 20_000
    #expect(Container.differences(have, want) == ["cpu"])
    want.memoryLimitInBytes = 2000
    #expect(Container.differences(have, want) == ["cpu", "memory"])
    let container: Container = .with {
      $0.resizePolicy = [.with { $0.resourceName = "memory"; $0.restartPolicy = "RestartContainer" }]
    }
    #expect(!container.restarts(onChangeOf: ["cpu"]))
    #expect(container.restarts(onChangeOf: ["cpu", "memory"]))
  }

  @Test func `a container that wants it is started anew`() {
    let observed: PodObservation = observation([("main", .containerRunning, 0)])
    let plan: PodPlan = PodPlan.decide(
      pod: makePod(restart: "OnFailure"), observed: observed, verdicts: .init(resized: ["main0"], started: ["main0"]))
    #expect(plan.stops.map(\.id) == ["main0"])
    #expect(plan.starts == ["main"])
  }

  @Test func `the status tells what a pod was given and what it has`() throws {
    let old: Pod = Self.pod()
    var pod: Pod = Self.pod(cpu: "300m")
    var resizing: Resizing = Resizing(old)
    func status() -> PodStatus {
      PodStatusBuilder(
        pod: pod, observed: observation([("main", .containerRunning, 0)]), resizing: resizing, now: Timestamp(seconds: 1)
      ).build()
    }
    resizing.pending = .init(reason: "Deferred", message: "full")
    var told: PodStatus = status()
    #expect(told.conditions.first { $0.type == "PodResizePending" }?.reason == "Deferred")
    #expect(told.containerStatuses[0].allocatedResources["cpu"]?.string == "100m")
    pod.status = told
    resizing.pending = nil
    resizing.allocation = pod.wanted
    resizing.isInProgress = true
    told = status()
    #expect(told.conditions.filter { $0.type.hasPrefix("PodResize") }.map(\.type) == ["PodResizeInProgress"])
    #expect(told.containerStatuses[0].allocatedResources["cpu"]?.string == "300m")
    #expect(told.containerStatuses[0].resources.requests["cpu"]?.string == "100m")
    // A kubelet that is started anew remembers what it gave.
    pod.status = told
    #expect(pod.remembered["main"]?.requests["cpu"]?.string == "300m")
    #expect(pod.remembered["main"]?.limits["memory"]?.string == "50Mi")
    resizing.actual = resizing.allocation
    resizing.isInProgress = false
    told = status()
    #expect(!told.conditions.contains { $0.type.hasPrefix("PodResize") })
    #expect(told.containerStatuses[0].resources.requests["cpu"]?.string == "300m")
  }

  @Test func `init containers wait as initializing, too`() {
    let status: PodStatus = PodStatusBuilder(
      pod: makePod(initial: ["one", "two"]), observed: observation([]), now: Timestamp(seconds: 1)
    ).build()
    #expect(status.initContainerStatuses.map(\.state.waiting.reason) == ["PodInitializing", "PodInitializing"])
  }

  @Test func `why others end a pod stays told`() {
    let reason: PodCondition = .with { $0.type = "DisruptionTarget"; $0.reason = "EvictionByEvictionAPI" }
    let ready: PodCondition = .with { $0.type = "Ready" }
    let foreign: PodStatus = .with { $0.conditions = [reason] }
    let ours: PodStatus = .with { $0.conditions = [ready] }
    #expect(ClientPodAPI.merged(ours, foreign: foreign).conditions == [ready, reason])
  }

  @Test func `a time that was never set is null`() throws {
    var pod: Pod = makePod()
    pod.status.conditions = [
      .with {
        $0.type = "Ready"
        $0.lastProbeTime = MetaTime()
        $0.lastTransitionTime = MetaTime(Timestamp(seconds: 0))
      }
    ]
    let condition: JSONValue = try ManifestEncoder.document(pod)["status"]["conditions"][0]
    #expect(condition["lastProbeTime"].isNull)
    #expect(condition["lastTransitionTime"].string == "1970-01-01T00:00:00Z")
  }

  @Test func `a path with dots is found while files are renamed elsewhere`() async throws {
    let folder: String = "\(NSTemporaryDirectory())/renames-\(UUID().uuidString)"
    defer { try? Files.removeTree(folder) }
    try Files.makeDirectories("\(folder)/a/b")
    try Files.makeLink("\(folder)/a/up", to: "../a/b/../b")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try Files.write("\(folder)/x", [1])
        while !Task.isCancelled {
          try Files.rename("\(folder)/x", "\(folder)/y")
          try Files.rename("\(folder)/y", "\(folder)/x")
        }
      }
      group.addTask {
        for _ in 0..<20_000 { _ = try Files.path("a/up", inside: folder) }
      }
      try await group.next()
      group.cancelAll()
    }
  }
}
