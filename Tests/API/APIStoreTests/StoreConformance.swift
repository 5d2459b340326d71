// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIStore
import Foundation
import Logging
import Synchronization
import Testing

/// The implementations that must behave alike; each call makes an empty store.
enum StoreMaker: String, CaseIterable, Sendable {
  case memory
  case sqlite
  case etcd

  func make() async throws -> any Store {
    switch self {
    case .etcd: return try await EtcdProcess.shared.store()
    case .memory: return MemoryStore()
    case .sqlite:
      return try SQLiteStore(SQLiteStore.Configuration(path: try StoreFolder.file()), logger: Logger(label: "test"))
    }
  }
}

/// Where the stores of this process are; it goes with the process.
enum StoreFolder {
  private static let path: String = {
    atexit { try? FileManager.default.removeItem(atPath: StoreFolder.path) }
    return FileManager.default.temporaryDirectory.appending(path: "apus-stores-\(UUID().uuidString)").path
  }()

  /// The path of a store that is not there yet.
  static func file() throws -> String {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return "\(path)/\(UUID().uuidString).db"
  }
}

/// Keeps what a watch delivers.
final class Recorder: Sendable {
  let events: Mutex<[StoreEvent]> = Mutex([])

  var sink: @Sendable (StoreNotice) -> Void {
    { notice in if case .events(let events) = notice { self.events.withLock { $0 += events } } }
  }

  var seen: [String] {
    events.withLock { $0 }.map { event in
      switch event {
      case .put(let stored): "\(stored.createRevision == stored.modRevision ? "+" : "~")\(stored.key)"
      case .delete(let key, _): "-\(key)"
      }
    }
  }
}

/// Waits until a watch of a store has delivered so many events; at once where it delivers synchronously.
func delivered(_ count: Int, to recorder: Recorder, by store: any Store) async throws {
  let clock: ContinuousClock = ContinuousClock()
  let deadline: ContinuousClock.Instant = clock.now + .seconds(10)
  while !store.deliversSynchronously, recorder.seen.count < count, clock.now < deadline {
    try await Task.sleep(for: .milliseconds(2))
  }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension StoreError.Code {
  /// Whether it says that a revision is too old; not every store knows the oldest one.
  var isCompacted: Bool { if case .compacted = self { true } else { false } }
}

/// The code of the error that a body throws; nil where it throws none.
func code(_ body: () async throws -> Void) async -> StoreError.Code? {
  do {
    try await body()
    return nil
  } catch {
    return (error as? StoreError)?.code
  }
}

@Suite struct StoreConformance {
  @Test(arguments: StoreMaker.allCases)
  func `writes compare and swap`(_ maker: StoreMaker) async throws {
    let store: any Store = try await maker.make()
    let first: Revision = try await store.create("/a/x", bytes("1"))
    #expect(await code { _ = try await store.create("/a/x", bytes("2")) } == .keyExists)
    let second: Revision = try await store.update("/a/x", bytes("2"), expecting: first)
    #expect(second > first)
    #expect(await code { _ = try await store.update("/a/x", bytes("3"), expecting: first) } == .conflict(current: second))
    #expect(await code { _ = try await store.delete("/a/x", expecting: first) } == .conflict(current: second))
    #expect(await code { _ = try await store.update("/a/y", bytes("3"), expecting: first) } == .keyNotFound)
    let stored: StoredValue? = try await store.get("/a/x")
    #expect(stored == StoredValue(key: "/a/x", value: bytes("2"), createRevision: first, modRevision: second))
    let third: Revision = try await store.delete("/a/x", expecting: second)
    #expect(try await store.get("/a/x") == nil)
    let again: Revision = try await store.create("/a/x", bytes("4"))
    #expect(again > third)
    #expect(try await store.get("/a/x")?.createRevision == again)
  }

  @Test(arguments: StoreMaker.allCases)
  func `several writes happen together or not at all`(_ maker: StoreMaker) async throws {
    let store: any Store = try await maker.make()
    let recorder: Recorder = Recorder()
    let watch: any StoreWatch = try await store.watch(prefix: "/t/", after: 0, recorder.sink)
    let claim: StoreWrite = .create(key: "/t/claim", value: bytes("x"))
    let first: Revision = try await store.write([claim, .create(key: "/t/x", value: bytes("x"))])
    let made: StoredValue? = try await store.get("/t/x")
    #expect(made?.modRevision == first)
    let taken: Revision = try #require(try await store.get("/t/claim")).modRevision
    /// What is in the way, and of which kind.
    func refusal(_ writes: [StoreWrite]) async -> StoreError? {
      do throws(StoreError) {
        _ = try await store.write(writes)
        return nil
      } catch { return error }
    }
    let late: StoreError? = await refusal([.create(key: "/t/other", value: []), claim, .create(key: "/t/y", value: [])])
    #expect(late?.code == .keyExists && late?.key == "/t/claim")
    let moved: StoreError? = await refusal([.delete(key: "/t/claim", expecting: taken), .require(key: "/t/x", at: 1)])
    #expect(moved?.code == .conflict(current: first) && moved?.key == "/t/x")
    let lost: StoreError? = await refusal([.require(key: "/t/z", at: first), .delete(key: "/t/x", expecting: first)])
    #expect(lost?.code == .keyNotFound && lost?.key == "/t/z")
    #expect(try await store.currentRevision() == first)
    let second: Revision = try await store.write([
      .require(key: "/t/x", at: first), .delete(key: "/t/claim", expecting: taken), .create(key: "/t/y", value: bytes("y")),
    ])
    #expect(try await store.range(RangeRequest(prefix: "/t/")).values.map(\.key) == ["/t/x", "/t/y"])
    #expect(try await store.range(RangeRequest(prefix: "/t/", revision: first)).values.map(\.key) == ["/t/claim", "/t/x"])
    #expect(second > first)
    try await delivered(4, to: recorder, by: store)
    #expect(recorder.seen.sorted() == ["+/t/claim", "+/t/x", "+/t/y", "-/t/claim"])
    watch.cancel()
  }

  @Test(arguments: StoreMaker.allCases)
  func `ranges are ordered, limited and of any revision`(_ maker: StoreMaker) async throws {
    let store: any Store = try await maker.make()
    var revisions: [Revision] = []
    for name: String in ["b/z", "a-b/q", "a/a.b", "a/a-b", "a/ab", "a/a0"] {
      revisions.append(try await store.create("/r/\(name)", bytes(name)))
    }
    _ = try await store.create("/rest/x", bytes("x"))
    let all: RangeResult = try await store.range(RangeRequest(prefix: "/r/"))
    #expect(all.values.map(\.key) == ["/r/a-b/q", "/r/a/a-b", "/r/a/a.b", "/r/a/a0", "/r/a/ab", "/r/b/z"])
    let page: RangeResult = try await store.range(RangeRequest(prefix: "/r/", after: "/r/a/a-b", limit: 2))
    #expect(page.values.map(\.key) == ["/r/a/a.b", "/r/a/a0"])
    #expect(page.remaining == 2)
    _ = try await store.delete("/r/a/a0", expecting: revisions[5])
    let old: RangeResult = try await store.range(RangeRequest(prefix: "/r/a/", revision: revisions[5]))
    #expect(old.values.map(\.key) == ["/r/a/a-b", "/r/a/a.b", "/r/a/a0", "/r/a/ab"])
    let older: RangeResult = try await store.range(RangeRequest(prefix: "/r/a/", revision: revisions[3]))
    #expect(older.values.map(\.key) == ["/r/a/a-b", "/r/a/a.b"])
    let now: RangeResult = try await store.range(RangeRequest(prefix: "/r/a/"))
    #expect(now.values.map(\.key) == ["/r/a/a-b", "/r/a/a.b", "/r/a/ab"])
    #expect(await code { _ = try await store.range(RangeRequest(prefix: "/", revision: 9_999)) } != nil)
  }

  @Test(arguments: StoreMaker.allCases)
  func `a watch tells history and then what happens`(_ maker: StoreMaker) async throws {
    let store: any Store = try await maker.make()
    let first: Revision = try await store.create("/w/a", bytes("1"))
    let second: Revision = try await store.update("/w/a", bytes("2"), expecting: first)
    _ = try await store.create("/other", bytes("1"))
    let recorder: Recorder = Recorder()
    let watch: any StoreWatch = try await store.watch(prefix: "/w/", after: first, recorder.sink)
    _ = try await store.create("/w/b", bytes("1"))
    _ = try await store.delete("/w/a", expecting: second)
    try await delivered(3, to: recorder, by: store)
    #expect(recorder.seen == ["~/w/a", "+/w/b", "-/w/a"])
    watch.cancel()
    _ = try await store.create("/w/c", bytes("1"))
    #expect(recorder.seen.count == 3)
  }

  @Test(arguments: StoreMaker.allCases)
  func `compaction forgets the past and keeps the present`(_ maker: StoreMaker) async throws {
    let store: any Store = try await maker.make()
    let first: Revision = try await store.create("/c/a", bytes("1"))
    let second: Revision = try await store.update("/c/a", bytes("2"), expecting: first)
    let other: Revision = try await store.create("/c/b", bytes("1"))
    let gone: Revision = try await store.delete("/c/b", expecting: other)
    try await store.compact(before: gone)
    #expect(await code { _ = try await store.get("/c/a", at: first) }?.isCompacted == true)
    #expect(try await store.get("/c/a")?.modRevision == second)
    #expect(try await store.get("/c/b") == nil)
    #expect(try await store.currentRevision() == gone)
    #expect(await code { _ = try await store.watch(prefix: "/c/", after: first) { _ in } }?.isCompacted == true)
    #expect(try await store.create("/c/b", bytes("3")) == gone + 1)
  }

  @Test func `what was acknowledged is there after the store is opened again`() async throws {
    let configuration: SQLiteStore.Configuration = SQLiteStore.Configuration(path: try StoreFolder.file())
    let store: SQLiteStore = try SQLiteStore(configuration, logger: Logger(label: "test"))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number: Int in 0..<300 {
        group.addTask { _ = try await store.create("/p/\(number)", bytes("\(number)")) }
      }
      try await group.waitForAll()
    }
    let newest: Revision = try await store.currentRevision()
    let copy: SQLiteStore = try SQLiteStore(configuration, logger: Logger(label: "test"))
    #expect(try await copy.currentRevision() == newest)
    #expect(try await copy.range(RangeRequest(prefix: "/p/")).values.count == 300)
    store.close()
    #expect(await code { _ = try await store.create("/p/late", []) } == .unavailable)
  }
}
