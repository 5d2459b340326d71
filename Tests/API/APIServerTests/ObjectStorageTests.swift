// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON
import Logging
import Testing

@testable import APIServer

@Suite struct ObjectStorageTests {
  @Test func `a list whose token is too old is told how to go on`() async throws {
    let store: MemoryStore = MemoryStore()
    let cache: WatchCache = try await WatchCache.open(
      store, WatchCacheConfiguration(prefix: "/registry/podtemplates/", fields: []), logger: Logger(label: "test"))
    let storage: ObjectStorage = ObjectStorage(cache: cache, group: GroupResource("", "podtemplates"))
    var last: Revision = 0
    for name: String in ["a", "b", "c"] {
      let object: JSONValue = ["metadata": ["name": .string(name), "namespace": "n"]]
      last = try await storage.create(namespace: "n", name: name, json: object.bytes).revision
    }
    let first: ListResult = try await storage.list(ListRequest(namespace: "n", limit: 1))
    last = try await storage.create(
      namespace: "n", name: "d", json: (["metadata": ["name": "d", "namespace": "n"]] as JSONValue).bytes).revision
    try await store.compact(before: last)
    do throws(StatusError) {
      _ = try await storage.list(ListRequest(namespace: "n", limit: 1, continueToken: first.continueToken))
      Issue.record("the token is taken")
    } catch {
      #expect(error.code == 410)
      let status: JSONValue = error.status
      #expect(status["reason"] == "Expired")
      let next: String? = status["metadata"]["continue"].string
      #expect(next != nil && next != first.continueToken)
      let rest: ListResult = try await storage.list(ListRequest(namespace: "n", limit: 9, continueToken: next))
      #expect(rest.objects.map(\.name) == ["b", "c", "d"])
    }
  }
}
