// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A watch of a cache: a position in its ring of events.
///
/// One task calls `next()` in a loop; the cache keeps nothing for the cursor but a continuation while it waits.
public final class WatchCursor: Sendable {
  private struct Position {
    var next: Int
    /// Events up to this revision are skipped (a watch from a revision that has not come yet).
    var skipUpTo: Revision
    /// The objects to begin with, until they were handed out.
    var initial: [CachedObject]
    var initialRevision: Revision
    var owesInitial: Bool
    var isCancelled: Bool = false
    var waiting: UInt64?
  }

  /// At most so many events are handed out at once, so that one slow reader does not hold a large array.
  private static let batchLimit: Int = 500

  private let cache: WatchCache
  private let request: WatchRequest
  private let interest: WatchInterest
  private let matching: (@Sendable (CachedObject) -> Bool)?
  private let position: Mutex<Position>

  init(
    _ cache: WatchCache, _ request: WatchRequest, _ interest: WatchInterest, next: Int, skipUpTo: Revision,
    initial: [CachedObject]?, revision: Revision, _ matching: (@Sendable (CachedObject) -> Bool)?
  ) {
    self.cache = cache
    self.request = request
    self.interest = interest
    self.matching = matching
    self.position = Mutex(
      Position(
        next: next, skipUpTo: skipUpTo, initial: initial ?? [], initialRevision: revision,
        owesInitial: initial != nil))
  }

  /// The next events, at least one; waits for them. Nil when the watch was cancelled.
  ///
  /// A bookmark is among them after `WatchCache.sendBookmarks()` where the request asks for bookmarks.
  ///
  /// - Throws: `compacted` where the reader was so slow that events are gone.
  public func next() async throws(StoreError) -> [WatchEvent]? {
    if let initial: [WatchEvent] = takeInitial(), !initial.isEmpty { return initial }
    while true {
      if position.withLock({ $0.isCancelled }) || Task.isCancelled { return nil }
      let events: [WatchEvent] = try take()
      if !events.isEmpty { return events }
      let before: Int = position.withLock { $0.next }
      switch await wait(from: before) {
      case .event(let reached): position.withLock { $0.next = max($0.next, reached) }
      case .tick(let reached, let revision):
        position.withLock { $0.next = max($0.next, reached) }
        if request.sendsBookmarks { return [.bookmark(revision, endsInitialEvents: false)] }
      }
    }
  }

  /// Ends the watch: `next()` returns nil.
  public func cancel() {
    let waiting: UInt64? = position.withLock { position in
      position.isCancelled = true
      return position.waiting
    }
    if let waiting { cache.wake { $0.identifier == waiting } }
  }

  private func takeInitial() -> [WatchEvent]? {
    let (owes, objects, revision): (Bool, [CachedObject], Revision) = position.withLock { position in
      let taken: (Bool, [CachedObject], Revision) = (position.owesInitial, position.initial, position.initialRevision)
      position.owesInitial = false
      position.initial = []
      return taken
    }
    guard owes else { return nil }
    var events: [WatchEvent] = objects.filter { matching?($0) ?? true }.map { .added($0) }
    if request.marksInitialEventsEnd { events.append(.bookmark(revision, endsInitialEvents: true)) }
    return events
  }

  /// The events from the position on that match, and moves the position behind them.
  private func take() throws(StoreError) -> [WatchEvent] {
    let (next, skipUpTo): (Int, Revision) = position.withLock { ($0.next, $0.skipUpTo) }
    let taken: (events: [CacheEvent], end: Int, first: Int) = cache.state.withLock { state in
      guard next >= state.firstPosition else { return ([], next, state.firstPosition) }
      let end: Int = min(state.endPosition, next + Self.batchLimit)
      let events: [CacheEvent] = state.events[(next - state.firstPosition)..<(end - state.firstPosition)]
        .filter { interest.holds(for: $0) && $0.revision > skipUpTo }
      return (events, end, state.firstPosition)
    }
    guard next >= taken.first else {
      throw StoreError(.compacted(oldest: 0), "the watcher was too slow: the events it should read next are gone")
    }
    position.withLock { $0.next = max($0.next, taken.end) }
    let events: [WatchEvent] = taken.events.compactMap(visible)
    // A full batch without anything visible must not end in waiting: more may be there.
    if events.isEmpty, taken.end - next == Self.batchLimit { return try take() }
    return events
  }

  /// What this watch sees of a change.
  private func visible(_ event: CacheEvent) -> WatchEvent? {
    guard let matching else {
      if event.isDeletion { return .deleted(event.object) }
      return event.previous == nil ? .added(event.object) : .modified(event.object)
    }
    let matched: Bool = event.previous.map(matching) ?? false
    if event.isDeletion { return matched ? .deleted(event.object) : nil }
    switch (matched, matching(event.object)) {
    case (false, true): return .added(event.object)
    case (true, true): return .modified(event.object)
    case (true, false): return event.previous.map { .deleted($0.atRevision(event.revision)) }
    case (false, false): return nil
    }
  }

  /// Waits until an event may interest this watch; says why it ended.
  private func wait(from next: Int) async -> WakeUp {
    let identifier: UInt64 = cache.state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    position.withLock { $0.waiting = identifier }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<WakeUp, Never>) in
        let isCancelled: Bool = position.withLock { $0.isCancelled } || Task.isCancelled
        let resumeNow: Bool = cache.state.withLock { state in
          guard !isCancelled, state.endPosition == next else { return true }
          state.waiters.append(
            CacheWaiter(identifier: identifier, interest: interest, position: next, continuation: continuation))
          return false
        }
        if resumeNow { continuation.resume(returning: .event(position: next)) }
        // A cancellation between the look above and the registration has found no waiter to wake.
        if !resumeNow, position.withLock({ $0.isCancelled }) || Task.isCancelled {
          cache.wake { $0.identifier == identifier }
        }
      }
    } onCancel: {
      cache.wake { $0.identifier == identifier }
    }
  }
}

extension WatchCache {
  /// Starts a watch.
  ///
  /// - Parameters:
  ///   - field: a field (by its place in the configuration) that must have a value; spares the watcher the look
  ///     at every other event.
  ///   - matching: what the watcher sees; nil for everything.
  /// - Throws: `compacted` where events after the revision are gone; `futureRevision` for initial events that are
  ///   not fresh enough in time.
  public func watch(
    _ request: WatchRequest, field: (index: Int, value: String)? = nil,
    matching: (@Sendable (CachedObject) -> Bool)? = nil
  ) async throws(StoreError) -> WatchCursor {
    let prefix: String =
      request.name.map { key(namespace: request.namespace, name: $0) } ?? listPrefix(request.namespace)
    var interest: WatchInterest = WatchInterest(keyPrefix: prefix, field: field)
    var matching: (@Sendable (CachedObject) -> Bool)? = matching
    if let name: String = request.name {
      if request.namespace == nil { interest.keyPrefix = configuration.prefix }
      let others: (@Sendable (CachedObject) -> Bool)? = matching
      matching = { $0.name == name && (others?($0) ?? true) }
    }
    switch request.start {
    case .after(let revision):
      let next: Int? = state.withLock { $0.position(after: revision) }
      guard let next else {
        let oldest: Revision = state.withLock { $0.completeSince }
        throw StoreError(.compacted(oldest: oldest), "too old resource version: \(revision) (\(oldest))")
      }
      return WatchCursor(
        self, request, interest, next: next, skipUpTo: revision, initial: nil, revision: revision, matching)
    case .now:
      let next: Int = state.withLock { $0.endPosition }
      return WatchCursor(self, request, interest, next: next, skipUpTo: 0, initial: nil, revision: 0, matching)
    case .initialEvents(let freshness):
      try await waitForInitial(freshness)
      return state.withLock { state in
        let objects: [CachedObject] = Array(state.objects(prefix: interest.keyPrefix))
        return WatchCursor(
          self, request, interest, next: state.endPosition, skipUpTo: 0, initial: objects, revision: state.revision,
          matching)
      }
    }
  }

  private func waitForInitial(_ freshness: Freshness) async throws(StoreError) {
    switch freshness {
    case .any: break
    case .newest: try await wait(for: try await store.currentRevision(), patience: .zero)
    case .notOlderThan(let revision), .exact(let revision): try await wait(for: revision)
    }
  }

  /// Lets every waiting watch that asked for bookmarks hand one out; called now and then.
  public func sendBookmarks() async {
    // A bookmark says nothing but "up to here": when the store does not answer, an older one is as true.
    if let current: Revision = try? await store.currentRevision(), store.deliversSynchronously {
      state.withLock { $0.advance(to: current) }
    }
    let (woken, wakeUp): ([CacheWaiter], WakeUp) = state.withLock { state in
      let woken: [CacheWaiter] = state.waiters
      state.waiters = []
      return (woken, .tick(position: state.endPosition, revision: state.revision))
    }
    for waiter: CacheWaiter in woken { waiter.continuation.resume(returning: wakeUp) }
  }
}
