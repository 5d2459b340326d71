// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import KubeMeta
import SwiftProtobuf
import Testing

@testable import KubeClient

@Suite struct InformerStateTests {
  private func pod(_ name: String, uid: String = "u", version: Int, node: String = "") -> Pod {
    var pod: Pod = Pod()
    pod.metadata.namespace = "default"
    pod.metadata.name = name
    pod.metadata.uid = uid
    pod.metadata.resourceVersion = String(version)
    if !node.isEmpty { pod.spec.nodeName = node }
    return pod
  }

  private func describe(_ events: [InformerEvent<Pod>]) -> [String] {
    events.map { event in
      switch event {
      case .added(let pod): "+\(pod.metadata.name)\(pod.metadata.resourceVersion)"
      case .updated(let old, let new):
        "\(old.metadata.name)\(old.metadata.resourceVersion)>\(new.metadata.resourceVersion)"
      case .deleted(let pod): "-\(pod.metadata.name)\(pod.metadata.resourceVersion)"
      }
    }.sorted()
  }

  @Test func `a new list is reported as the differences to the old one`() {
    var state: InformerState<Pod> = InformerState()
    #expect(describe(state.replace(with: [pod("a", version: 1), pod("b", version: 2)])) == ["+a1", "+b2"])
    #expect(describe(state.replace(with: [pod("a", version: 1), pod("c", version: 3)])) == ["+c3", "-b2"])
    #expect(
      describe(state.replace(with: [pod("a", version: 5), pod("c", uid: "other", version: 6)])) == [
        "+c6", "-c3", "a1>5",
      ])
  }

  @Test func `what was remembered is told by the watch and by a new list`() {
    var state: InformerState<Pod> = InformerState()
    _ = state.set(pod("a", version: 1))
    _ = state.set(pod("b", version: 1))
    state.remember(pod("a", version: 2))
    state.remember(pod("a", version: 3))
    state.remember(pod("a", version: 2))
    state.remember(pod("b", version: 4))
    #expect(state.objects.values.map(\.metadata.resourceVersion).sorted() == ["3", "4"])
    #expect(describe([state.set(pod("a", version: 3))]) == ["a1>3"])
    let list: [Pod] = [pod("a", version: 3), pod("b", version: 4)]
    #expect(describe(state.replace(with: list)) == ["b1>4"])
    #expect(describe(state.replace(with: list)).isEmpty)
  }

  @Test func `an index follows its objects`() {
    var state: InformerState<Pod> = InformerState()
    state.addIndex("node") { [$0.spec.nodeName] }
    _ = state.set(pod("a", version: 1, node: "x"))
    _ = state.set(pod("b", version: 2, node: "x"))
    #expect(state.indexed("node", "x").count == 2)
    _ = state.set(pod("a", version: 3, node: "y"))
    #expect(state.indexed("node", "x").map(\.metadata.name) == ["b"])
    #expect(state.indexed("node", "y").map(\.metadata.name) == ["a"])
    _ = state.remove(pod("b", version: 4))
    #expect(state.indexed("node", "x").isEmpty)
    #expect(state.inNamespace("default").count == 1)
  }

  @Test func `an envelope gives back what went in`() throws {
    let bytes: [UInt8] = try ProtobufEnvelope.wrap(pod("a", version: 1), apiVersion: "v1", kind: "Pod")
    #expect(bytes.prefix(4) == [0x6B, 0x38, 0x73, 0x00])
    let (type, raw) = try ProtobufEnvelope.unwrap(bytes[...])
    #expect(type.kind == "Pod")
    #expect(try ProtobufEnvelope.decode(Pod.self, raw) == pod("a", version: 1))
    var list: PodList = PodList()
    list.metadata.resourceVersion = "7"
    list.items = [pod("a", version: 1), pod("b", version: 2)]
    let encoded: [UInt8] = try list.serializedBytes()
    let decoded: (metadata: MetaListMeta, items: [Pod]) = try ProtobufEnvelope.decodeList(Pod.self, encoded[...])
    #expect(decoded.metadata.resourceVersion == "7")
    #expect(decoded.items == list.items)
    #expect(throws: KubeClientError.self) { try ProtobufEnvelope.unwrap(bytes[1...]) }
    #expect(throws: KubeClientError.self) { try ProtobufEnvelope.decodeList(Pod.self, encoded.dropLast(3)) }
  }
}
