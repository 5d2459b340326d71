// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues
import Testing

@testable import Controllers

@Suite struct StatefulPlanTests {
  private func set(_ replicas: Int32, policy: String = "OrderedReady") -> StatefulSet {
    var set: StatefulSet = StatefulSet()
    set.metadata.name = "db"
    set.spec.replicas = replicas
    set.spec.podManagementPolicy = policy
    return set
  }

  private func pod(_ ordinal: Int, ready: Bool) -> Pod {
    var pod: Pod = Pod()
    pod.metadata.name = "db-\(ordinal)"
    pod.metadata.labels[RevisionHistory.hashLabel] = "one"
    pod.status.phase = "Running"
    var condition: PodCondition = PodCondition()
    condition.type = "Ready"
    condition.status = ready ? "True" : "False"
    pod.status.conditions = [condition]
    return pod
  }

  private func deleted(_ set: StatefulSet, _ ready: [Bool], update: String = "one") -> [String] {
    var plan: StatefulPlan = StatefulPlan(
      set: set, pods: ready.enumerated().map { pod($0.offset, ready: $0.element) }, current: "one", update: update, now: .now)
    plan.decide()
    #expect(plan.create.isEmpty)
    return plan.delete.map(\.metadata.name)
  }

  @Test func `pods go one by one, the highest first`() {
    #expect(deleted(set(0), [true, true, true]) == ["db-2"])
    #expect(deleted(set(0), [true, false, true]) == ["db-2"])
  }

  @Test func `of pods that are not ready only the first goes`() {
    #expect(deleted(set(0), [false, false, false]).isEmpty)
    #expect(deleted(set(0), [true, false, false]).isEmpty)
    #expect(deleted(set(0), [true, true, false]) == ["db-2"])
    #expect(deleted(set(0), [false]) == ["db-0"])
    #expect(deleted(set(1), [false, true]).isEmpty)
  }

  @Test func `without an order all go at once`() {
    #expect(deleted(set(1, policy: "Parallel"), [false, false, false]) == ["db-2", "db-1"])
  }

  @Test func `a rollout waits for pods that are not ready`() {
    #expect(deleted(set(3), [true, true, true], update: "two") == ["db-2"])
    #expect(deleted(set(3), [true, false, true], update: "two").isEmpty)
    #expect(deleted(set(3, policy: "Parallel"), [true, true, true], update: "two") == ["db-2"])
    #expect(deleted(set(3, policy: "Parallel"), [true, true, false], update: "two").isEmpty)
    var loose: StatefulSet = set(3, policy: "Parallel")
    loose.spec.updateStrategy.rollingUpdate.maxUnavailable = IntOrString(2)
    #expect(deleted(loose, [true, true, true], update: "two") == ["db-2", "db-1"])
    #expect(deleted(loose, [false, true, true], update: "two") == ["db-2"])
    var partial: StatefulSet = set(3)
    partial.spec.updateStrategy.rollingUpdate.partition = 2
    #expect(deleted(partial, [true, true, true], update: "two") == ["db-2"])
  }
}
