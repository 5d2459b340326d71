// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Logging
import Synchronization

/// The objects of one resource in memory, as encoded JSON, with the latest changes; readers and watchers are
/// served from here, writers go through here to the store.
///
/// A watcher is a cursor into the ring of events: ten thousand watchers are ten thousand cursors. Above a store
/// that delivers synchronously a writer sees its own write in the next read; above another store a write
/// returns when the cache has seen it.
///
/// ```swift
/// let cache = try await WatchCache.open(store, WatchCacheConfiguration(prefix: "/registry/pods/"), logger: logger)
/// let pod = try await cache.create(namespace: "default", name: "web", json: bytes)
/// let list = try await cache.list(ListRequest(namespace: "default"))
/// ```
public final class WatchCache: Sendable {
  /// What the cache was told about its resource.
  public let configuration: WatchCacheConfiguration
  let store: any Store
  let state: Mutex<CacheState>
  private let logger: Logger
  private let watch: Mutex<(any StoreWatch)?> = Mutex(nil)

  /// Reads all objects of the resource and follows their changes from there on.
  public static func open(
    _ store: any Store, _ configuration: WatchCacheConfiguration, logger: Logger
  ) async throws(StoreError) -> WatchCache {
    let cache: WatchCache = WatchCache(store, configuration, logger: logger)
    try await cache.follow()
    return cache
  }

  private init(_ store: any Store, _ configuration: WatchCacheConfiguration, logger: Logger) {
    self.store = store
    self.configuration = configuration
    self.logger = logger
    self.state = Mutex(CacheState(capacity: configuration.eventCapacity))
  }

  deinit { watch.withLock { $0?.cancel() } }

  /// Ends the following of changes.
  public func close() {
    watch.withLock { $0?.cancel() }
    wake { _ in true }
  }

  // MARK: Following the store

  private func follow() async throws(StoreError) {
    let range: RangeResult = try await store.range(RangeRequest(prefix: configuration.prefix))
    let objects: [CachedObject] = range.values.compactMap(object)
    state.withLock { $0.load(objects, revision: range.revision) }
    let watch: any StoreWatch = try await store.watch(prefix: configuration.prefix, after: range.revision) {
      [weak self] notice in self?.apply(notice)
    }
    self.watch.withLock { $0 = watch }
  }

  /// Called by the store, where its writes happen.
  private func apply(_ notice: StoreNotice) {
    switch notice {
    case .progress(let revision): state.withLock { $0.advance(to: revision) }
    case .events(let writes):
      let objects: [CachedObject?] = writes.map { write in
        if case .put(let stored) = write { object(stored) } else { nil }
      }
      var woken: [(CheckedContinuation<WakeUp, Never>, Int)] = []
      state.withLock { state in
        for (write, object) in zip(writes, objects) {
          let event: CacheEvent?
          if let object {
            event = state.put(object)
          } else {
            event = state.delete(write.key, revision: write.revision)
          }
          if let event { Self.collectWaiters(for: event, in: &state, into: &woken) }
        }
      }
      for (continuation, position) in woken { continuation.resume(returning: .event(position: position)) }
    case .failed(let error):
      logger.warning("the watch of \(configuration.prefix) ended, reading everything anew: \(error)")
      // A store's callback is no task; there is exactly one such follower at a time.
      Task { await self.followAgain() }
    }
  }

  /// Takes the waiters that an event may interest out of the state; for the others nothing happened.
  private static func collectWaiters(
    for event: CacheEvent, in state: inout CacheState, into woken: inout [(CheckedContinuation<WakeUp, Never>, Int)]
  ) {
    let position: Int = state.endPosition - 1
    var place: Int = 0
    while place < state.waiters.count {
      if state.waiters[place].interest.holds(for: event) {
        woken.append((state.waiters[place].continuation, position))
        state.waiters.swapAt(place, state.waiters.count - 1)
        state.waiters.removeLast()
      } else {
        place += 1
      }
    }
  }

  /// After a lost watch: tells the difference between what is there now and what was known as events.
  private func followAgain() async {
    var delay: Duration = .milliseconds(100)
    while true {
      do throws(StoreError) {
        let range: RangeResult = try await store.range(RangeRequest(prefix: configuration.prefix))
        merge(range)
        let watch: any StoreWatch = try await store.watch(prefix: configuration.prefix, after: range.revision) {
          [weak self] notice in self?.apply(notice)
        }
        self.watch.withLock { $0 = watch }
        return
      } catch {
        // A closed cache or process: waiting is cut short, and there is nobody to tell.
        do { try await Task.sleep(for: delay) } catch { return }
        delay = min(delay * 2, .seconds(5))
      }
    }
  }

  /// Applies everything up to a revision at which all objects were read, as the events that lead there.
  private func merge(_ range: RangeResult) {
    let known: [String: CachedObject] = state.withLock { $0.byKey }
    let objects: [CachedObject] = range.values.compactMap { stored in
      guard let cached: CachedObject = known[stored.key], cached.revision == stored.modRevision else { return object(stored) }
      return cached
    }
    let woken: [(CheckedContinuation<WakeUp, Never>, Int)] = state.withLock { state in
      var woken: [(CheckedContinuation<WakeUp, Never>, Int)] = []
      for event: CacheEvent in state.merge(objects, range) { Self.collectWaiters(for: event, in: &state, into: &woken) }
      return woken
    }
    for (continuation, position) in woken { continuation.resume(returning: .event(position: position)) }
  }

  /// Reads what the store's watch has not told yet.
  func catchUp() async throws(StoreError) {
    merge(try await store.range(RangeRequest(prefix: configuration.prefix)))
  }

  /// The object of a stored value; nil (and a message in the log) where it cannot be read.
  func object(_ stored: StoredValue) -> CachedObject? {
    guard let decode = configuration.decode else { return CachedObject(stored, fields: configuration.fields) }
    do {
      var stored: StoredValue = stored
      stored.value = try decode(stored.value)
      return CachedObject(stored, fields: configuration.fields)
    } catch {
      logger.error("\(stored.key) cannot be read: \(error)")
      return nil
    }
  }

  // MARK: Waiting

  /// Resumes the waiters for which the predicate holds.
  func wake(_ predicate: (CacheWaiter) -> Bool) {
    let woken: [CacheWaiter] = state.withLock { state in
      let woken: [CacheWaiter] = state.waiters.filter(predicate)
      state.waiters.removeAll(where: predicate)
      return woken
    }
    for waiter: CacheWaiter in woken { waiter.continuation.resume(returning: .event(position: waiter.position)) }
  }

  /// The newest revision that a list made now would show, without asking the store.
  public var knownRevision: Revision { state.withLock { $0.revision } }

  /// Waits until the cache has applied everything up to a revision.
  ///
  /// - Parameter patience: how long the store's own watch may take before it is asked; only for stores that do not
  ///   deliver synchronously.
  /// - Throws: `futureRevision` after the configured time.
  func wait(for revision: Revision, patience: Duration = .milliseconds(50)) async throws(StoreError) {
    guard knownRevision < revision else { return }
    let clock: ContinuousClock = ContinuousClock()
    let start: ContinuousClock.Instant = clock.now
    var pause: Duration = .milliseconds(1)
    while true {
      if store.deliversSynchronously {
        // Only the store knows of revisions that other resources have taken.
        let current: Revision = try await store.currentRevision()
        if current >= revision { return state.withLock { $0.advance(to: current) } }
      } else if clock.now - start >= patience {
        try await catchUp()
      }
      let known: Revision = knownRevision
      if known >= revision { return }
      guard clock.now - start < configuration.freshnessTimeout else {
        throw StoreError(
          .futureRevision(current: known), "Too large resource version: \(revision), current: \(known)")
      }
      do { try await Task.sleep(for: pause) } catch {
        throw StoreError(.unavailable, "the request was cancelled")
      }
      pause = min(pause * 2, .milliseconds(20))
    }
  }
}
