// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The number of a write: one sequence for the whole store. Zero means "none" or "any".
public typealias Revision = Int64

/// A key with its value at some revision.
public struct StoredValue: Sendable, Hashable {
  /// The key, such as `/registry/pods/default/web`.
  public var key: String
  /// The value's bytes; what they mean is the caller's affair.
  public var value: [UInt8]
  /// The revision of the write that made the key.
  public var createRevision: Revision
  /// The revision of the write that gave it this value.
  public var modRevision: Revision

  /// A value.
  public init(key: String, value: [UInt8], createRevision: Revision, modRevision: Revision) {
    self.key = key
    self.value = value
    self.createRevision = createRevision
    self.modRevision = modRevision
  }
}

/// One write, as watchers see it.
public enum StoreEvent: Sendable, Hashable {
  /// A key got a value; it is new where createRevision equals modRevision.
  case put(StoredValue)
  /// A key went away.
  case delete(key: String, revision: Revision)

  /// The key that was written.
  public var key: String {
    switch self {
    case .put(let stored): stored.key
    case .delete(let key, _): key
    }
  }

  /// The revision of the write.
  public var revision: Revision {
    switch self {
    case .put(let stored): stored.modRevision
    case .delete(_, let revision): revision
    }
  }
}

/// Which keys to read, and as of when.
public struct RangeRequest: Sendable, Hashable {
  /// All keys that begin with this.
  public var prefix: String
  /// Only keys after this one; nil from the first.
  public var after: String?
  /// At most so many values; zero means all.
  public var limit: Int
  /// The state after this revision; zero means the newest.
  public var revision: Revision

  /// A request.
  public init(prefix: String, after: String? = nil, limit: Int = 0, revision: Revision = 0) {
    self.prefix = prefix
    self.after = after
    self.limit = limit
    self.revision = revision
  }
}

/// What a range held.
public struct RangeResult: Sendable {
  /// The values in the order of their keys (bytewise).
  public var values: [StoredValue]
  /// The revision of the store that was read.
  public var revision: Revision
  /// How many keys with the prefix follow the last value (and were cut off by the limit).
  public var remaining: Int

  /// A result.
  public init(values: [StoredValue], revision: Revision, remaining: Int) {
    self.values = values
    self.revision = revision
    self.remaining = remaining
  }
}

/// What a watch delivers.
public enum StoreNotice: Sendable {
  /// Writes in the order of their revisions; all writes of one revision are in one notice.
  case events([StoreEvent])
  /// Everything up to this revision has been delivered.
  case progress(Revision)
  /// The watch is over: the store was closed, or the revision it stands at was compacted.
  case failed(StoreError)
}

/// A key-value store with the semantics of etcd: one sequence of revisions, compare-and-swap writes, reads of
/// past revisions, watches from a revision.
///
/// A write returns when it is durable. Before that, every watch of the same store object has been called with
/// its event where `deliversSynchronously` holds, so that a writer that reads from a cache sees its own write.
///
/// ```swift
/// let first = try await store.create("/registry/pods/default/web", bytes)
/// let next = try await store.update("/registry/pods/default/web", newBytes, expecting: first)
/// try await store.delete("/registry/pods/default/web", expecting: next)
/// ```
public protocol Store: Sendable {
  /// Whether watches have been called with an event before the write that caused it returns. True only for a
  /// store that no other process writes to.
  var deliversSynchronously: Bool { get }

  /// Does several writes together, or none of them; each key may be named once.
  ///
  /// - Returns: the revision of the last of them, after which all have happened. They may share one.
  /// - Throws: `keyExists`, `conflict` or `keyNotFound`, with the key, for the first that cannot be done.
  func write(_ writes: [StoreWrite]) async throws(StoreError) -> Revision

  /// The value of a key after a revision (zero: the newest), and the store's revision.
  ///
  /// - Throws: `compacted` where the revision is too old, `futureRevision` where it has not come yet.
  func get(_ key: String, at revision: Revision) async throws(StoreError) -> (value: StoredValue?, revision: Revision)

  /// The values of all keys with a prefix.
  ///
  /// - Throws: as `get`.
  func range(_ request: RangeRequest) async throws(StoreError) -> RangeResult

  /// The revision of the newest write.
  func currentRevision() async throws(StoreError) -> Revision

  /// Calls the sink with every write to keys with a prefix after a revision, in order, until it is cancelled.
  ///
  /// The sink must be quick and must not call the store: it runs where the writes happen.
  func watch(
    prefix: String, after revision: Revision, _ sink: @escaping @Sendable (StoreNotice) -> Void
  ) async throws(StoreError) -> any StoreWatch

  /// Forgets values that were overwritten or deleted at or before a revision.
  func compact(before revision: Revision) async throws(StoreError)
}

/// A watch that is under way.
public protocol StoreWatch: Sendable {
  /// Ends the watch; the sink may still be running for a moment.
  func cancel()
}

extension Store {
  /// Makes a key.
  ///
  /// - Throws: `keyExists` where there is one.
  public func create(_ key: String, _ value: [UInt8]) async throws(StoreError) -> Revision {
    try await write([.create(key: key, value: value)])
  }

  /// Gives a key a new value.
  ///
  /// - Throws: `conflict` where its present revision is not the expected one; `keyNotFound` where there is none.
  public func update(
    _ key: String, _ value: [UInt8], expecting revision: Revision
  ) async throws(StoreError) -> Revision {
    try await write([.update(key: key, value: value, expecting: revision)])
  }

  /// Removes a key.
  ///
  /// - Throws: as `update`.
  @discardableResult
  public func delete(_ key: String, expecting revision: Revision) async throws(StoreError) -> Revision {
    try await write([.delete(key: key, expecting: revision)])
  }

  /// The newest value of a key.
  public func get(_ key: String) async throws(StoreError) -> StoredValue? { try await get(key, at: 0).value }
}
