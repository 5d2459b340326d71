// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A store that forgets everything when it goes: for tests, and as the plainest statement of the semantics.
public final class MemoryStore: Store {
  private struct Version {
    var revision: Revision
    var created: Revision
    /// Nil where the key was deleted.
    var value: [UInt8]?
  }

  private struct Contents {
    var history: [String: [Version]] = [:]
    var revision: Revision = 1
    var compacted: Revision = 0
  }

  // The lock is held while watches are called: that keeps the order of writes, and sinks must not call the store.
  private let contents: Mutex<Contents> = Mutex(Contents())
  private let hub: WatchHub = WatchHub()

  /// An empty store.
  public init() {}

  public var deliversSynchronously: Bool { true }

  /// As `Store.write`.
  public func write(_ writes: [StoreWrite]) async throws(StoreError) -> Revision {
    let result: Result<Revision, StoreError> = contents.withLock { contents in
      for write: StoreWrite in writes {
        let latest: Version? = contents.history[write.key]?.last
        if let refusal: StoreError = write.refusal(present: latest?.value == nil ? nil : latest?.revision) {
          return .failure(refusal)
        }
      }
      let revision: Revision = contents.revision + 1
      var events: [StoreEvent] = []
      for write: StoreWrite in writes where write.isChange {
        let created: Revision? = write.expected == nil ? nil : contents.history[write.key]?.last?.created
        let version: Version = Version(revision: revision, created: created ?? revision, value: write.value)
        contents.history[write.key, default: []].append(version)
        events.append(Self.event(write.key, version))
      }
      guard !events.isEmpty else { return .success(contents.revision) }
      contents.revision = revision
      hub.deliver(events)
      return .success(revision)
    }
    return try result.get()
  }

  private static func event(_ key: String, _ version: Version) -> StoreEvent {
    guard let value: [UInt8] = version.value else { return .delete(key: key, revision: version.revision) }
    return .put(
      StoredValue(key: key, value: value, createRevision: version.created, modRevision: version.revision))
  }

  public func get(
    _ key: String, at revision: Revision
  ) async throws(StoreError) -> (value: StoredValue?, revision: Revision) {
    let result: RangeResult = try await range(RangeRequest(prefix: key, revision: revision))
    return (result.values.first { $0.key == key }, result.revision)
  }

  public func range(_ request: RangeRequest) async throws(StoreError) -> RangeResult {
    let read: Contents = contents.withLock { $0 }
    let revision: Revision = request.revision == 0 ? read.revision : request.revision
    guard revision <= read.revision else {
      throw StoreError(
        .futureRevision(current: read.revision), "Too large resource version: \(revision), current: \(read.revision)")
    }
    guard revision >= read.compacted else {
      throw StoreError(.compacted(oldest: read.compacted), "revision \(revision) has been compacted")
    }
    let keys: [String] = read.history.keys.filter { key in
      key.utf8.starts(with: request.prefix.utf8) && (request.after.map { $0.isBytewiseLess(than: key) } ?? true)
    }.sorted { $0.isBytewiseLess(than: $1) }
    let values: [StoredValue] = keys.compactMap { key in
      guard let version: Version = read.history[key]?.last(where: { $0.revision <= revision }),
        let value: [UInt8] = version.value
      else { return nil }
      return StoredValue(key: key, value: value, createRevision: version.created, modRevision: version.revision)
    }
    let limit: Int = request.limit == 0 ? values.count : min(request.limit, values.count)
    return RangeResult(values: Array(values[..<limit]), revision: read.revision, remaining: values.count - limit)
  }

  public func currentRevision() async throws(StoreError) -> Revision { contents.withLock { $0.revision } }

  public func watch(
    prefix: String, after revision: Revision, _ sink: @escaping @Sendable (StoreNotice) -> Void
  ) async throws(StoreError) -> any StoreWatch {
    let result: Result<any StoreWatch, StoreError> = contents.withLock { contents in
      guard revision >= contents.compacted else {
        return .failure(StoreError(.compacted(oldest: contents.compacted), "revision \(revision) has been compacted"))
      }
      var events: [StoreEvent] = []
      for (key, versions) in contents.history where key.utf8.starts(with: prefix.utf8) {
        events += versions.filter { $0.revision > revision }.map { Self.event(key, $0) }
      }
      events.sort { $0.revision < $1.revision }
      if !events.isEmpty { sink(.events(events)) }
      return .success(hub.add(prefix: prefix, sink))
    }
    return try result.get()
  }

  public func compact(before revision: Revision) async throws(StoreError) {
    contents.withLock { contents in
      guard revision > contents.compacted, revision <= contents.revision else { return }
      contents.compacted = revision
      for (key, versions) in contents.history {
        let kept: Int = versions.lastIndex { $0.revision <= revision } ?? 0
        var rest: [Version] = Array(versions[kept...])
        if let first: Version = rest.first, first.value == nil, first.revision <= revision { rest.removeFirst() }
        contents.history[key] = rest.isEmpty ? nil : rest
      }
    }
  }
}
