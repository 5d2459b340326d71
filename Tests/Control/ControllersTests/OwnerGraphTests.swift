// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import Testing

@testable import Controllers

@Suite struct OwnerGraphTests {
  private let pods: ResourceType = ResourceType(
    group: "", version: "v1", plural: "pods", kind: "Pod", isNamespaced: true)

  private func object(
    _ uid: String, owners: [String] = [], finalizers: [String] = [], going: Bool = false
  ) -> OwnerGraph.Object {
    OwnerGraph.Object(
      resource: pods, key: ObjectKey(namespace: "a", name: uid), uid: uid,
      owners: owners.map { OwnerGraph.Owner(uid: $0, apiVersion: "v1", kind: "Pod", name: $0, blocks: true) },
      finalizers: finalizers, isBeingDeleted: going)
  }

  @Test func `dependents are looked at when their owner goes`() {
    var graph: OwnerGraph = OwnerGraph()
    #expect(graph.set(object("owner")).isEmpty)
    #expect(graph.set(object("child", owners: ["owner"])) == ["child"])
    #expect(graph.remove(uid: "owner") == ["child"])
  }

  @Test func `an owner that waits is looked at when a dependent goes`() {
    var graph: OwnerGraph = OwnerGraph()
    _ = graph.set(object("owner", finalizers: ["foregroundDeletion"], going: true))
    #expect(Set(graph.set(object("child", owners: ["owner"]))) == ["child", "owner"])
    #expect(graph.dependentObjects(of: "owner").map(\.uid) == ["child"])
    #expect(graph.remove(uid: "child") == ["owner"])
    #expect(graph.dependentObjects(of: "owner").isEmpty)
  }
}
