// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import Testing

@testable import Controllers

@Suite struct RolloutTests {
  private func set(_ name: String, image: String, replicas: Int32, available: Int32, created: Int64) -> ReplicaSet {
    var set: ReplicaSet = ReplicaSet()
    set.metadata.name = name
    set.metadata.uid = name
    set.metadata.creationTimestamp.seconds = created
    set.spec.replicas = replicas
    set.spec.template = template(image)
    set.spec.template.metadata.labels[Rollout.hashLabel] = name
    set.status.replicas = replicas
    set.status.availableReplicas = available
    return set
  }

  private func template(_ image: String) -> PodTemplateSpec {
    var template: PodTemplateSpec = PodTemplateSpec()
    template.metadata.labels = ["app": "web"]
    var container: Container = Container()
    container.image = image
    template.spec.containers = [container]
    return template
  }

  private func deployment(
    _ replicas: Int32, surge: IntOrString = IntOrString("25%"), unavailable: IntOrString = IntOrString("25%")
  ) -> Deployment {
    var deployment: Deployment = Deployment()
    deployment.spec.replicas = replicas
    deployment.spec.template = template("new")
    deployment.spec.strategy.type = "RollingUpdate"
    deployment.spec.strategy.rollingUpdate.maxSurge = surge
    deployment.spec.strategy.rollingUpdate.maxUnavailable = unavailable
    return deployment
  }

  @Test func `the ReplicaSet of the present template is found`() {
    let rollout: Rollout = Rollout(
      deployment(4),
      [
        set("b", image: "new", replicas: 1, available: 1, created: 2),
        set("a", image: "old", replicas: 4, available: 4, created: 1),
      ])
    #expect(rollout.new?.metadata.name == "b")
    #expect(rollout.old.map(\.metadata.name) == ["a"])
  }

  @Test func `a rollout stays between its bounds`() {
    // 4 replicas, 25 %: 5 at most, 3 available at least.
    var rollout: Rollout = Rollout(deployment(4), [set("a", image: "old", replicas: 4, available: 4, created: 1)])
    #expect(rollout.newReplicas == 1)
    rollout = Rollout(
      deployment(4),
      [
        set("a", image: "old", replicas: 4, available: 4, created: 1),
        set("b", image: "new", replicas: 1, available: 0, created: 2),
      ])
    #expect(rollout.newReplicas == 1)
    #expect(rollout.oldScaleDown().map(\.replicas) == [3])
    rollout = Rollout(
      deployment(4),
      [
        set("a", image: "old", replicas: 3, available: 3, created: 1),
        set("b", image: "new", replicas: 2, available: 2, created: 2),
      ])
    #expect(rollout.oldScaleDown().map(\.replicas) == [1])
  }

  @Test func `what is not available goes first`() {
    let rollout: Rollout = Rollout(
      deployment(4),
      [
        set("a", image: "old", replicas: 4, available: 2, created: 1),
        set("b", image: "new", replicas: 1, available: 1, created: 2),
      ])
    #expect(rollout.oldScaleDown().map(\.replicas) == [2])
  }

  @Test func `a change of size in the middle of a rollout is shared out`() {
    var old: ReplicaSet = set("a", image: "old", replicas: 8, available: 8, created: 1)
    var new: ReplicaSet = set("b", image: "new", replicas: 4, available: 0, created: 2)
    old.metadata.annotations[Rollout.maxAnnotation] = "12"
    new.metadata.annotations[Rollout.maxAnnotation] = "12"
    let rollout: Rollout = Rollout(deployment(20, surge: IntOrString(4)), [old, new])
    let shares: [String: Int] = Dictionary(
      uniqueKeysWithValues: rollout.proportions().map { ($0.set.metadata.name, $0.replicas) })
    #expect(shares == ["a": 16, "b": 8])
  }

  @Test func `without surge and unavailability one pod may be missing`() {
    let rollout: Rollout = Rollout(deployment(3, surge: IntOrString("0%"), unavailable: IntOrString("0%")), [])
    #expect(rollout.maxSurge == 0)
    #expect(rollout.maxUnavailable == 1)
  }

  @Test func `indexes are written in ranges`() {
    #expect(JobRun.text([0, 1, 2, 4, 6, 7]) == "0-2,4,6,7")
    #expect(JobRun.indexes("0-2,4,6,7") == [0, 1, 2, 4, 6, 7])
    #expect(JobRun.text([]) == "")
  }

  @Test func `nodes get parts of the cluster's range`() throws {
    let range: AddressRange = try #require(AddressRange("10.244.0.0/16", nodeBits: nil))
    #expect(Array(range.subnets().prefix(3)) == ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"])
    let six: AddressRange = try #require(AddressRange("fd00:10:244::/56", nodeBits: nil))
    #expect(Array(six.subnets().prefix(2)) == ["fd00:10:244::/64", "fd00:10:244:1::/64"])
    #expect(AddressRange("10.0.0.0", nodeBits: nil) == nil)
  }
}
