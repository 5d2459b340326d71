// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIStore
import JSON
import Logging
import Testing

@Suite struct WatchCacheTests {
  private func cache(_ store: any Store, capacity: Int = 100) async throws -> WatchCache {
    try await WatchCache.open(
      store,
      WatchCacheConfiguration(
        prefix: "/registry/pods/", fields: [CachedField("spec.nodeName")], eventCapacity: capacity,
        freshnessTimeout: .milliseconds(50)),
      logger: Logger(label: "test"))
  }

  private func pod(_ name: String, app: String = "x", node: String = "") -> [UInt8] {
    var pod: JSONValue = ["metadata": ["name": .string(name), "labels": ["app": .string(app)]], "spec": ["a": [1, "]"]]]
    if !node.isEmpty { pod["spec"]["nodeName"] = .string(node) }
    return pod.bytes
  }

  private func names(_ events: [WatchEvent]?) -> [String] {
    (events ?? []).map { event in
      switch event {
      case .added(let object): "+\(object.name)"
      case .modified(let object): "~\(object.name)"
      case .deleted(let object): "-\(object.name)"
      case .bookmark(_, let endsInitialEvents): endsInitialEvents ? "end" : "bookmark"
      }
    }
  }

  @Test func `a writer reads its own write with the revision in its text`() async throws {
    let cache: WatchCache = try await cache(MemoryStore())
    let made: CachedObject = try await cache.create(namespace: "d", name: "a", json: pod("a", node: "n1"))
    #expect(try await cache.get(namespace: "d", name: "a") === made)
    #expect(try JSONValue(parsing: made.json)["metadata"]["resourceVersion"].string == String(made.revision))
    #expect(made.fields == ["n1"])
    #expect(made.labels == ["app": "x"])
    let updated: CachedObject = try await cache.update(made, json: made.json)
    #expect(try JSONValue(parsing: updated.json)["metadata"]["resourceVersion"].string == String(updated.revision))
    #expect(await code { _ = try await cache.update(made, json: made.json) } == .conflict(current: updated.revision))
    let gone: CachedObject = try await cache.delete(updated)
    #expect(gone.revision > updated.revision)
    #expect(try await cache.get(namespace: "d", name: "a") == nil)
  }

  @Test func `pages fit together although the list changes`() async throws {
    let cache: WatchCache = try await cache(MemoryStore())
    var made: [CachedObject] = []
    for name: String in ["a", "b", "c", "d", "e"] {
      made.append(try await cache.create(namespace: "n", name: name, json: pod(name)))
    }
    let first: ListResult = try await cache.list(ListRequest(namespace: "n", limit: 2))
    #expect(first.objects.map(\.name) == ["a", "b"])
    #expect(first.remaining == 3)
    try await cache.delete(made[2])
    _ = try await cache.create(namespace: "n", name: "bb", json: pod("bb"))
    let second: ListResult = try await cache.list(
      ListRequest(namespace: "n", limit: 2, continueToken: first.continueToken))
    #expect(second.objects.map(\.name) == ["c", "d"])
    #expect(second.revision == first.revision)
    let third: ListResult = try await cache.list(
      ListRequest(namespace: "n", limit: 2, continueToken: second.continueToken))
    #expect(third.objects.map(\.name) == ["e"])
    #expect(third.continueToken == nil)
    let exact: ListResult = try await cache.list(ListRequest(namespace: "n", freshness: .exact(made[1].revision)))
    #expect(exact.objects.map(\.name) == ["a", "b"])
    #expect(await code { _ = try await cache.list(ListRequest(freshness: .notOlderThan(9_999))) } != nil)
    #expect(await code { _ = try await cache.list(ListRequest(continueToken: "no!")) } == .invalidContinue)
  }

  @Test func `the token of a page is too old once its revision is compacted, changes or not`() async throws {
    let store: MemoryStore = MemoryStore()
    let cache: WatchCache = try await cache(store)
    for name: String in ["a", "b", "c"] { _ = try await cache.create(namespace: "n", name: name, json: pod(name)) }
    let first: ListResult = try await cache.list(ListRequest(namespace: "n", limit: 2))
    let next: ListRequest = ListRequest(namespace: "n", limit: 2, continueToken: first.continueToken)
    #expect(try await cache.list(next).objects.map(\.name) == ["c"])
    let other: WatchCache = try await WatchCache.open(
      store, WatchCacheConfiguration(prefix: "/registry/nodes/", fields: []), logger: Logger(label: "test"))
    let later: CachedObject = try await other.create(namespace: nil, name: "d", json: pod("d"))
    try await store.compact(before: later.revision)
    #expect(await code { _ = try await cache.list(next) } == .compacted(oldest: later.revision))
    let token: String? = WatchCache.inconsistentContinueToken(for: first.continueToken ?? "")
    let rest: ListResult = try await cache.list(ListRequest(namespace: "n", limit: 2, continueToken: token))
    #expect(rest.objects.map(\.name) == ["c"])
    #expect(rest.revision == later.revision)
  }

  @Test func `a watcher sees objects come into sight and go out of it`() async throws {
    let cache: WatchCache = try await cache(MemoryStore())
    let one: CachedObject = try await cache.create(namespace: "n", name: "one", json: pod("one"))
    _ = try await cache.create(namespace: "n", name: "two", json: pod("two", app: "y"))
    let watch: WatchCursor = try await cache.watch(
      WatchRequest(namespace: "n", start: .initialEvents(.newest), marksInitialEventsEnd: true),
      matching: { $0.labels["app"] == "x" })
    #expect(names(try await watch.next()) == ["+one", "end"])
    let hidden: CachedObject = try await cache.update(one, json: pod("one", app: "y"))
    let back: CachedObject = try await cache.update(hidden, json: pod("one", app: "x"))
    let same: CachedObject = try await cache.update(back, json: pod("one", app: "x", node: "n"))
    try await cache.delete(same)
    #expect(names(try await watch.next()) == ["-one", "+one", "~one", "-one"])
    let past: WatchCursor = try await cache.watch(WatchRequest(namespace: "n", start: .after(one.revision)))
    #expect(names(try await past.next()) == ["+two", "~one", "~one", "~one", "-one"])
  }

  @Test func `a waiting watcher is woken, ticks give bookmarks, and cancelling ends it`() async throws {
    let cache: WatchCache = try await cache(MemoryStore())
    let watch: WatchCursor = try await cache.watch(WatchRequest(start: .now, sendsBookmarks: true))
    async let woken: [WatchEvent]? = watch.next()
    try await Task.sleep(for: .milliseconds(20))
    _ = try await cache.create(namespace: "n", name: "a", json: pod("a"))
    #expect(names(try await woken) == ["+a"])
    async let ticked: [WatchEvent]? = watch.next()
    try await Task.sleep(for: .milliseconds(20))
    await cache.sendBookmarks()
    #expect(names(try await ticked) == ["bookmark"])
    async let ended: [WatchEvent]? = watch.next()
    try await Task.sleep(for: .milliseconds(20))
    watch.cancel()
    #expect(try await ended == nil)
  }

  @Test func `an idle watcher of something else does not fall behind, a slow one does`() async throws {
    let cache: WatchCache = try await cache(MemoryStore(), capacity: 10)
    let idle: WatchCursor = try await cache.watch(WatchRequest(namespace: "quiet", start: .now))
    let slow: WatchCursor = try await cache.watch(WatchRequest(start: .now))
    async let found: [WatchEvent]? = idle.next()
    try await Task.sleep(for: .milliseconds(20))
    let first: CachedObject = try await cache.create(namespace: "n", name: "p0", json: pod("p0"))
    for number: Int in 1..<30 {
      _ = try await cache.create(namespace: "n", name: "p\(number)", json: pod("p\(number)"))
    }
    _ = try await cache.create(namespace: "quiet", name: "a", json: pod("a"))
    #expect(names(try await found) == ["+a"])
    #expect(await code { _ = try await slow.next() } != nil)
    #expect(await code { _ = try await cache.watch(WatchRequest(start: .after(first.revision))) } != nil)
  }
}
