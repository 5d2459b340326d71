// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import DequeModule

/// One change of one object, as the ring keeps it.
struct CacheEvent: Sendable {
  /// The state after the change; for a deletion the last state with the revision of the deletion.
  var object: CachedObject
  /// The state before; nil for a new object.
  var previous: CachedObject?
  /// Whether the object is gone.
  var isDeletion: Bool

  var revision: Revision { object.revision }
}

/// A watcher that has seen everything and waits for more.
struct CacheWaiter {
  var identifier: UInt64
  var interest: WatchInterest
  /// Where the watcher reads on: events before that which do not interest it need not be kept for it.
  var position: Int
  var continuation: CheckedContinuation<WakeUp, Never>
}

/// Why a waiting watcher goes on.
enum WakeUp: Sendable {
  /// Something happened at a position, and nothing of interest before.
  case event(position: Int)
  /// Nothing of interest happened before a position; everything up to the revision has been seen.
  case tick(position: Int, revision: Revision)
}

/// What a watcher can be interested in at all; cheap to test for each event.
struct WatchInterest: Sendable {
  /// The beginning of the keys; the whole key for a single object.
  var keyPrefix: String
  /// A field that must have a value before or after the change.
  var field: (index: Int, value: String)?

  func holds(for event: CacheEvent) -> Bool {
    guard event.object.key.utf8.starts(with: keyPrefix.utf8) else { return false }
    guard let field else { return true }
    return event.object.fields[field.index] == field.value || event.previous?.fields[field.index] == field.value
  }
}

/// The objects of a resource in the order of their keys, and the latest changes. Pure: the cache around it locks.
struct CacheState {
  /// All objects by key.
  private(set) var byKey: [String: CachedObject] = [:]
  /// All objects in the order of their keys.
  private(set) var sorted: [CachedObject] = []
  /// The latest events, oldest first.
  private(set) var events: Deque<CacheEvent> = []
  /// The position of the first event of `events`; positions count events since the cache began.
  private(set) var firstPosition: Int = 0
  /// Events after this revision are all in `events`.
  private(set) var completeSince: Revision = 0
  /// Everything up to this revision is applied.
  private(set) var revision: Revision = 0
  /// All objects were read at this revision: what a watch tells of earlier ones is known.
  private var mergedRevision: Revision = 0
  /// The revision of the latest event.
  private(set) var lastEventRevision: Revision = 0
  /// Watchers that wait.
  var waiters: [CacheWaiter] = []
  /// The name of the next waiter.
  var nextWaiter: UInt64 = 0

  let capacity: Int

  init(capacity: Int) { self.capacity = capacity }

  /// The position after the last event.
  var endPosition: Int { firstPosition + events.count }

  /// Begins with a state that was read from the store.
  mutating func load(_ objects: [CachedObject], revision: Revision) {
    sorted = objects
    byKey = [:]
    byKey.reserveCapacity(objects.count)
    for object: CachedObject in objects { byKey[object.key] = object }
    events.removeAll()
    self.revision = revision
    completeSince = revision
    mergedRevision = revision
    lastEventRevision = objects.map(\.revision).max() ?? 0
  }

  /// Applies a write; nil where it is known already.
  mutating func put(_ object: CachedObject) -> CacheEvent? {
    guard object.revision > mergedRevision, object.revision > byKey[object.key]?.revision ?? 0 else { return nil }
    return replace(object)
  }

  private mutating func replace(_ object: CachedObject) -> CacheEvent {
    let previous: CachedObject? = byKey.updateValue(object, forKey: object.key)
    let place: Int = Self.position(of: object.key, in: sorted)
    if previous != nil { sorted[place] = object } else { sorted.insert(object, at: place) }
    let event: CacheEvent = CacheEvent(object: object, previous: previous, isDeletion: false)
    append(event)
    return event
  }

  /// Applies a deletion; nil where there is no such object.
  mutating func delete(_ key: String, revision: Revision) -> CacheEvent? {
    guard revision > mergedRevision, let previous: CachedObject = byKey.removeValue(forKey: key) else {
      advance(to: revision)
      return nil
    }
    sorted.remove(at: Self.position(of: key, in: sorted))
    let event: CacheEvent = CacheEvent(object: previous.atRevision(revision), previous: previous, isDeletion: true)
    append(event)
    return event
  }

  /// Applies the difference to all objects as they were at a revision; says it as events.
  ///
  /// Intermediate states, and the revisions of deletions, are not known.
  mutating func merge(_ objects: [CachedObject], _ range: RangeResult) -> [CacheEvent] {
    guard range.revision > revision else { return [] }
    let present: Set<String> = Set(range.values.map(\.key))
    var events: [CacheEvent] = objects.filter { $0.revision > byKey[$0.key]?.revision ?? 0 }
      .sorted { $0.revision < $1.revision }.map { replace($0) }
    for key: String in sorted.map(\.key) where !present.contains(key) {
      if let event: CacheEvent = delete(key, revision: range.revision) { events.append(event) }
    }
    mergedRevision = range.revision
    advance(to: range.revision)
    return events
  }

  /// Notes that everything up to a revision has been applied.
  mutating func advance(to revision: Revision) { self.revision = max(self.revision, revision) }

  private mutating func append(_ event: CacheEvent) {
    events.append(event)
    advance(to: event.revision)
    lastEventRevision = max(lastEventRevision, event.revision)
    while events.count > capacity {
      completeSince = max(completeSince, events.removeFirst().revision)
      firstPosition += 1
    }
  }

  /// The position of the first event after a revision; nil where events after it are gone.
  func position(after revision: Revision) -> Int? {
    guard revision >= completeSince else { return nil }
    var low: Int = 0
    var high: Int = events.count
    while low < high {
      let middle: Int = (low + high) / 2
      if events[middle].revision > revision { high = middle } else { low = middle + 1 }
    }
    return firstPosition + low
  }

  /// The objects whose keys begin with a prefix.
  func objects(prefix: String) -> ArraySlice<CachedObject> {
    let start: Int = Self.position(of: prefix, in: sorted)
    guard let limit: String = prefix.successorOfPrefix else { return sorted[start...] }
    return sorted[start..<Self.position(of: limit, in: sorted)]
  }

  /// Where a key is, or would be inserted.
  static func position(of key: String, in objects: [CachedObject]) -> Int {
    var low: Int = 0
    var high: Int = objects.count
    while low < high {
      let middle: Int = (low + high) / 2
      if objects[middle].key.isBytewiseLess(than: key) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension String {
  /// The order of etcd's keys.
  func isBytewiseLess(than other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }

  /// The first string after all strings that begin with this one; nil where there is none.
  var successorOfPrefix: String? {
    guard let last: UInt8 = utf8.last, last < 0x7F else { return nil }
    var bytes: [UInt8] = Array(utf8.dropLast())
    bytes.append(last + 1)
    return String(decoding: bytes, as: UTF8.self)
  }
}
