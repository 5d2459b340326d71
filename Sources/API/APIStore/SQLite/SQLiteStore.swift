// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Dispatch
internal import enum Kernel.Failpoints
public import Logging
import Synchronization

/// A store in one SQLite file: the default of a cluster with one API server.
///
/// All writes run on one queue of their own; those that arrive while a commit is under way are committed together by
/// the next one. A write returns when its commit is on the disk and every watch has been called with it.
public final class SQLiteStore: Store {
  /// How the store behaves.
  public struct Configuration: Sendable {
    /// The database file; its folder must be there.
    public var path: String
    /// How long old revisions can be read, and half the time between compactions at most.
    public var historyDuration: Duration
    /// The largest value, as etcd's request limit.
    public var valueBytesMax: Int
    /// At most so many writes share one commit, so that none waits for long.
    public var batchLimit: Int

    /// A configuration.
    public init(
      path: String, historyDuration: Duration = .seconds(300), valueBytesMax: Int = 3 << 20, batchLimit: Int = 512
    ) {
      self.path = path
      self.historyDuration = historyDuration
      self.valueBytesMax = valueBytesMax
      self.batchLimit = batchLimit
    }
  }

  /// Writes that succeed or fail together, and who waits for them.
  private struct Group {
    var writes: [StoreWrite]
    var continuation: CheckedContinuation<Result<Revision, StoreError>, Never>
  }

  private struct Pending {
    var groups: [Group] = []
    var isScheduled: Bool = false
    var isClosed: Bool = false
  }

  /// What only the writer queue touches.
  private final class WriterSide: @unchecked Sendable {
    // Proof: every use of the log is inside a block on `writerQueue`; a dispatch source may be used anywhere.
    let log: SQLiteLog
    let timer: any DispatchSourceTimer
    init(_ log: SQLiteLog, _ timer: any DispatchSourceTimer) {
      self.log = log
      self.timer = timer
    }
  }

  /// What only the reader queue touches.
  private final class ReaderSide: @unchecked Sendable {
    // Proof: every use is inside a block on `readerQueue`.
    let log: SQLiteLog
    init(_ log: SQLiteLog) { self.log = log }
  }

  private let configuration: Configuration
  private let logger: Logger
  private let writer: WriterSide
  private let reader: ReaderSide
  private let writerQueue: DispatchQueue = DispatchQueue(label: "apus.store.writer", qos: .userInitiated)
  private let readerQueue: DispatchQueue = DispatchQueue(label: "apus.store.reader")
  private let pending: Mutex<Pending> = Mutex(Pending())
  private let revision: Atomic<Revision>
  private let compacted: Atomic<Revision>
  private let hub: WatchHub = WatchHub()
  /// The revisions that were the newest at past ticks of the timer, oldest first.
  private let marks: Mutex<[Revision]> = Mutex([])

  public var deliversSynchronously: Bool { true }

  /// Opens the store; a crash before left it at its last commit.
  public init(_ configuration: Configuration, logger: Logger) throws(StoreError) {
    self.configuration = configuration
    self.logger = logger
    let log: SQLiteLog = try SQLiteLog(path: configuration.path, isReadOnly: false)
    revision = Atomic(try log.newestRevision())
    compacted = Atomic(try log.compactedRevision())
    writer = WriterSide(log, DispatchSource.makeTimerSource(queue: writerQueue))
    reader = ReaderSide(try SQLiteLog(path: configuration.path, isReadOnly: true))
    startCompaction()
  }

  deinit { writer.timer.cancel() }

  /// Refuses further writes and ends the watches; what was acknowledged is on the disk.
  public func close() {
    pending.withLock { $0.isClosed = true }
    writer.timer.cancel()
    writerQueue.sync {}
    hub.close(StoreError(.unavailable, "the store is closed"))
  }

  // MARK: Writing

  /// As `Store.write`.
  public func write(_ writes: [StoreWrite]) async throws(StoreError) -> Revision {
    guard writes.allSatisfy({ $0.value?.count ?? 0 <= configuration.valueBytesMax }) else {
      throw StoreError(.tooLarge, "etcdserver: request is too large")
    }
    let result: Result<Revision, StoreError> = await withCheckedContinuation { continuation in
      let group: Group = Group(writes: writes, continuation: continuation)
      let (schedule, isClosed): (Bool, Bool) = pending.withLock { pending in
        guard !pending.isClosed else { return (false, true) }
        pending.groups.append(group)
        defer { pending.isScheduled = true }
        return (!pending.isScheduled, false)
      }
      if isClosed { continuation.resume(returning: .failure(StoreError(.unavailable, "the store is closed"))) }
      if schedule { writerQueue.async { self.commitPending() } }
    }
    return try result.get()
  }

  /// Commits everything that has arrived; runs on the writer queue.
  private func commitPending() {
    while true {
      let batch: [Group] = pending.withLock { pending in
        let count: Int = min(pending.groups.count, configuration.batchLimit)
        let batch: [Group] = Array(pending.groups[..<count])
        pending.groups.removeFirst(count)
        if batch.isEmpty { pending.isScheduled = false }
        return batch
      }
      if batch.isEmpty { return }
      let results: [Result<Revision, StoreError>] = commit(batch)
      for (group, result) in zip(batch, results) { group.continuation.resume(returning: result) }
    }
  }

  /// Applies writes in one transaction; where that cannot be committed, all of them have failed.
  private func commit(_ batch: [Group]) -> [Result<Revision, StoreError>] {
    let log: SQLiteLog = writer.log
    var events: [StoreEvent] = []
    do throws(StoreError) {
      try log.begin()
      var results: [Result<Revision, StoreError>] = []
      var newest: Revision = revision.load(ordering: .relaxed)
      for group: Group in batch {
        switch try Self.decide(group.writes, log, after: newest) {
        case .failure(let refusal): results.append(.failure(refusal))
        case .success(let rows):
          for row: SQLiteLog.Row in rows {
            try log.append(row)
            events.append(row.event)
          }
          newest += Revision(rows.count)
          results.append(.success(newest))
        }
      }
      if !events.isEmpty { Failpoints.reach("Store.appended") }
      try log.commit()
      if !events.isEmpty { Failpoints.reach("Store.committed") }
      hub.deliver(events)
      revision.store(newest, ordering: .releasing)
      return results
    } catch {
      logger.error("a commit of \(batch.count) writes failed: \(error)")
      // After some errors SQLite has rolled back by itself, and a second time is an error of no interest.
      try? log.rollback()
      return Array(repeating: .failure(error), count: batch.count)
    }
  }

  /// The rows of writes that happen together, or why they are refused.
  private static func decide(
    _ writes: [StoreWrite], _ log: SQLiteLog, after newest: Revision
  ) throws(StoreError) -> Result<[SQLiteLog.Row], StoreError> {
    var rows: [SQLiteLog.Row] = []
    for write: StoreWrite in writes {
      let head: (revision: Revision, created: Revision, isDeleted: Bool)? = try log.head(write.key)
      let present: (revision: Revision, created: Revision, isDeleted: Bool)? = head.flatMap { $0.isDeleted ? nil : $0 }
      if let refusal: StoreError = write.refusal(present: present?.revision) { return .failure(refusal) }
      guard write.isChange else { continue }
      let revision: Revision = newest + Revision(rows.count) + 1
      rows.append(
        SQLiteLog.Row(revision: revision, key: write.key, created: present?.created ?? revision, value: write.value))
    }
    return .success(rows)
  }

  // MARK: Reading

  private func read<Value: Sendable>(
    _ body: @escaping @Sendable (SQLiteLog) throws(StoreError) -> Value
  ) async throws(StoreError) -> Value {
    let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
      readerQueue.async {
        do throws(StoreError) {
          continuation.resume(returning: .success(try body(self.reader.log)))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
    }
    return try result.get()
  }

  /// The revision to read at, checked against what is kept.
  private func checked(_ wanted: Revision) throws(StoreError) -> (read: Revision, current: Revision) {
    let current: Revision = revision.load(ordering: .acquiring)
    let oldest: Revision = compacted.load(ordering: .acquiring)
    guard wanted > 0 else { return (current, current) }
    guard wanted <= current else {
      throw StoreError(
        .futureRevision(current: current), "Too large resource version: \(wanted), current: \(current)")
    }
    guard wanted >= oldest else {
      throw StoreError(.compacted(oldest: oldest), "revision \(wanted) has been compacted")
    }
    return (wanted, current)
  }

  public func get(
    _ key: String, at revision: Revision
  ) async throws(StoreError) -> (value: StoredValue?, revision: Revision) {
    let (wanted, current): (Revision, Revision) = try checked(revision)
    let value: StoredValue? = try await read { (log: SQLiteLog) throws(StoreError) in try log.get(key, at: wanted) }
    return (value, current)
  }

  public func range(_ request: RangeRequest) async throws(StoreError) -> RangeResult {
    let (wanted, current): (Revision, Revision) = try checked(request.revision)
    let found: (values: [StoredValue], rest: Int) = try await read { (log: SQLiteLog) throws(StoreError) in
      try log.range(request, at: wanted)
    }
    // A compaction that passed by while we read may have taken rows away.
    if request.revision > 0 { _ = try checked(wanted) }
    return RangeResult(values: found.values, revision: current, remaining: found.rest)
  }

  public func currentRevision() async throws(StoreError) -> Revision { revision.load(ordering: .acquiring) }

  // MARK: Watching

  public func watch(
    prefix: String, after revision: Revision, _ sink: @escaping @Sendable (StoreNotice) -> Void
  ) async throws(StoreError) -> any StoreWatch {
    let result: Result<any StoreWatch, StoreError> = await withCheckedContinuation { continuation in
      // On the writer queue no write can come between history and the first live event.
      writerQueue.async {
        do throws(StoreError) {
          if revision < self.revision.load(ordering: .acquiring) {
            _ = try self.checked(max(revision, 1))
            let events: [StoreEvent] = try self.writer.log.history(prefix: prefix, after: revision)
            if !events.isEmpty { sink(.events(events)) }
          }
          continuation.resume(returning: .success(self.hub.add(prefix: prefix, sink)))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
    }
    return try result.get()
  }

  // MARK: Compaction

  /// Once in half the duration of the history, the revision that was the newest two ticks ago is compacted.
  private func startCompaction() {
    let interval: Double = Double(configuration.historyDuration.components.seconds) / 2
    guard interval > 0 else { return }
    writer.timer.schedule(deadline: .now() + interval, repeating: interval, leeway: .seconds(1))
    writer.timer.setEventHandler { [weak self] in
      guard let self else { return }
      let current: Revision = revision.load(ordering: .acquiring)
      let mark: Revision? = marks.withLock { marks in
        marks.append(current)
        return marks.count > 2 ? marks.removeFirst() : nil
      }
      if let mark { compactChunk(upTo: mark) }
    }
    writer.timer.resume()
  }

  /// One chunk of a compaction, and the next after the writes that wait; runs on the writer queue.
  private func compactChunk(upTo target: Revision, _ done: (@Sendable (StoreError?) -> Void)? = nil) {
    do throws(StoreError) {
      try writer.log.begin()
      let isMoreLeft: Bool = try writer.log.compactSome(upTo: target, limit: 500)
      try writer.log.commit()
      compacted.store(try writer.log.compactedRevision(), ordering: .releasing)
      if isMoreLeft {
        writerQueue.async { self.compactChunk(upTo: target, done) }
      } else {
        done?(nil)
      }
    } catch {
      logger.error("the store could not be compacted: \(error)")
      // As in commit(_:).
      try? writer.log.rollback()
      done?(error)
    }
  }

  public func compact(before revision: Revision) async throws(StoreError) {
    let target: Revision = min(revision, self.revision.load(ordering: .acquiring))
    let failure: StoreError? = await withCheckedContinuation { continuation in
      writerQueue.async { self.compactChunk(upTo: target) { continuation.resume(returning: $0) } }
    }
    if let failure { throw failure }
  }
}
