// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIStore
import Foundation
import GRDBSQLite
import Logging
import Synchronization
import Testing

/// Random numbers that a seed brings back.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed: UInt64 = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// The power goes at any moment of a busy store's life: what was acknowledged is there, and nothing is there by half.
@Suite struct PowerLossTests {
  private static let writers: Int = 8
  private static let writesPerWriter: Int = 60
  private static let losses: Int = 150

  /// One write, from its request to its answer.
  private struct Write: Sendable {
    var key: String
    /// Nil for a deletion.
    var value: [UInt8]?
    var revision: Revision = 0
  }

  /// All writes, in the order in which they were asked for.
  private final class Notebook: Sendable {
    let writes: Mutex<[Write]> = Mutex([])

    func add(_ write: Write) -> Int {
      writes.withLock { writes in
        writes.append(write)
        return writes.count - 1
      }
    }
  }

  @Test(.timeLimit(.minutes(2)))
  func `after a loss of power every acknowledged write is there, whole`() async throws {
    let seed: UInt64 =
      ProcessInfo.processInfo.environment["APUS_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000)
    print("PowerLossTests: APUS_SEED=\(seed)")
    try #require(RecordingDisk.isInstalled)
    let folder: String = FileManager.default.temporaryDirectory
      .appending(path: "\(RecordingDisk.marker)-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let writes: [Write] = try await busyLife(of: folder + "/store.db", seed)
    let operations: [RecordingDisk.Operation] = RecordingDisk.operations
    var generator: SeededGenerator = SeededGenerator(seed)
    let moments: Set<Int> = Set((0..<Self.losses).map { _ in Int.random(in: 0...operations.count, using: &generator) })
    var disk: Disk = Disk()
    // By key: the last write that was answered, and one that was asked for and not answered yet.
    var answered: [String: Int] = [:]
    var asked: [String: Int] = [:]
    for (moment, operation) in operations.enumerated() {
      if moments.contains(moment) {
        let name: String = "\(folder)/after-\(moment)"
        try FileManager.default.createDirectory(atPath: name, withIntermediateDirectories: true)
        try disk.leave(in: name, using: &generator)
        for problem: String in await problems(name + "/store.db", writes, answered, asked) {
          Issue.record("\(problem), seed \(seed), moment \(moment)")
        }
        try FileManager.default.removeItem(atPath: name)
      }
      disk.apply(operation)
      guard case .note(let number) = operation else { continue }
      let key: String = writes[number / 2].key
      if number % 2 == 0 {
        asked[key] = number / 2
      } else {
        answered[key] = number / 2
        asked[key] = nil
      }
    }
    #expect(answered.count == Self.writers * 4)
    // The proof that the test can fail: a disk that heeds no sync loses something.
    var careless: Disk = Disk()
    for operation: RecordingDisk.Operation in operations {
      if case .sync = operation { continue }
      careless.apply(operation)
    }
    let place: String = folder + "/careless"
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    try careless.leave(in: place, chance: 0.5, using: &generator)
    #expect(await !problems(place + "/store.db", writes, answered, [:]).isEmpty)
  }

  /// Several writers, each with keys of its own, and now and then a compaction. Notes on the disk's record say when
  /// write n was asked for (2n) and answered (2n + 1).
  private func busyLife(of path: String, _ seed: UInt64) async throws -> [Write] {
    let store: SQLiteStore = try SQLiteStore(
      SQLiteStore.Configuration(path: path), logger: Logger(label: "test"))
    let notebook: Notebook = Notebook()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer: Int in 0..<Self.writers {
        group.addTask {
          var generator: SeededGenerator = SeededGenerator(seed &+ UInt64(writer) &* 7919)
          var revisions: [String: Revision] = [:]
          for round: Int in 0..<Self.writesPerWriter {
            let key: String = "/registry/w\(writer)/\(round % 4)"
            let known: Revision? = revisions[key]
            let isDeletion: Bool = known != nil && round % 11 == 10
            let filler: [UInt8] = [UInt8](
              repeating: UInt8(truncatingIfNeeded: generator.next()),
              count: Int.random(in: 1...24_000, using: &generator))
            let value: [UInt8]? = isDeletion ? nil : Array("\(writer)/\(round) ".utf8) + filler
            let number: Int = notebook.add(Write(key: key, value: value))
            RecordingDisk.note(number * 2)
            let revision: Revision
            if let value, let known {
              revision = try await store.update(key, value, expecting: known)
            } else if let value {
              revision = try await store.create(key, value)
            } else {
              revision = try await store.delete(key, expecting: known ?? 0)
            }
            RecordingDisk.note(number * 2 + 1)
            notebook.writes.withLock { $0[number].revision = revision }
            revisions[key] = isDeletion ? nil : revision
            if writer == 0, round % 20 == 19 { try await store.compact(before: revision - 40) }
          }
        }
      }
      try await group.waitForAll()
    }
    store.close()
    return notebook.writes.withLock { $0 }
  }

  /// What is wrong with a store after a loss of power.
  private func problems(
    _ path: String, _ writes: [Write], _ answered: [String: Int], _ asked: [String: Int]
  ) async -> [String] {
    do {
      return try await findings(path, writes, answered, asked)
    } catch {
      return ["\(error)"]
    }
  }

  private func findings(
    _ path: String, _ writes: [Write], _ answered: [String: Int], _ asked: [String: Int]
  ) async throws -> [String] {
    var problems: [String] = []
    let store: SQLiteStore = try SQLiteStore(SQLiteStore.Configuration(path: path), logger: Logger(label: "test"))
    let found: RangeResult = try await store.range(RangeRequest(prefix: "/registry/"))
    let values: [String: [UInt8]] = Dictionary(uniqueKeysWithValues: found.values.map { ($0.key, $0.value) })
    for key: String in Set(values.keys).union(answered.keys).union(asked.keys) {
      // The state after the last answered write, or after the one that was under way.
      let allowed: [[UInt8]?] = [answered[key].map { writes[$0].value } ?? nil] + (asked[key].map { [writes[$0].value] } ?? [])
      let size: String = values[key].map { "\($0.count) bytes" } ?? "nothing"
      if !allowed.contains(values[key]) { problems.append("\(key) has \(size)") }
    }
    let newest: Revision = answered.values.map { writes[$0].revision }.max() ?? 0
    if found.revision < newest { problems.append("the revision is \(found.revision), not \(newest)") }
    // It goes on from there.
    if try await store.create("/after", bytes("x")) <= newest { problems.append("a new write gets an old revision") }
    store.close()
    let integrity: String = Self.integrity(path)
    if integrity != "ok" { problems.append(integrity) }
    return problems
  }

  private static func integrity(_ path: String) -> String {
    var handle: OpaquePointer?
    defer { sqlite3_close_v2(handle) }
    guard sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK else { return "cannot be opened" }
    var statement: OpaquePointer?
    defer { sqlite3_finalize(statement) }
    guard sqlite3_prepare_v2(handle, "PRAGMA integrity_check", -1, &statement, nil) == SQLITE_OK,
      sqlite3_step(statement) == SQLITE_ROW, let text = sqlite3_column_text(statement, 0)
    else { return "cannot be checked" }
    return String(cString: text)
  }
}
