// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// How fresh an answer must be: the resourceVersion of a request and how it is to be matched.
public enum Freshness: Sendable, Hashable {
  /// The newest state (no resourceVersion).
  case newest
  /// Whatever the cache has (resourceVersion 0).
  case any
  /// A state not older than a revision.
  case notOlderThan(Revision)
  /// The state after exactly this revision.
  case exact(Revision)
}

/// Which objects to list.
public struct ListRequest: Sendable {
  /// Objects of one namespace; nil for all.
  public var namespace: String?
  /// One object only (a list with a metadata.name selector); nil for all.
  public var name: String?
  /// How fresh the list must be.
  public var freshness: Freshness
  /// At most so many objects; zero means all.
  public var limit: Int
  /// The token of the list that this one goes on with.
  public var continueToken: String?

  /// A request.
  public init(
    namespace: String? = nil, name: String? = nil, freshness: Freshness = .newest, limit: Int = 0,
    continueToken: String? = nil
  ) {
    self.namespace = namespace
    self.name = name
    self.freshness = freshness
    self.limit = limit
    self.continueToken = continueToken
  }
}

/// A list, or a page of one.
public struct ListResult: Sendable {
  /// The objects in the order of their keys.
  public var objects: [CachedObject]
  /// The list's resourceVersion.
  public var revision: Revision
  /// The token for the next page; nil on the last.
  public var continueToken: String?
  /// How many objects follow; nil where that is not known (a selector is in use) or nothing follows.
  public var remaining: Int?
}

/// Which changes to watch, and from where.
public struct WatchRequest: Sendable {
  /// Where a watch begins.
  public enum Start: Sendable, Hashable {
    /// With the objects that are there, as ADDED, then changes; the state must be at least this fresh.
    case initialEvents(Freshness)
    /// With the change after a revision.
    case after(Revision)
    /// With the next change.
    case now
  }

  /// Objects of one namespace; nil for all.
  public var namespace: String?
  /// One object only; nil for all.
  public var name: String?
  /// Where to begin.
  public var start: Start
  /// Whether bookmarks are sent now and then.
  public var sendsBookmarks: Bool
  /// Whether a bookmark marks the end of the initial events (sendInitialEvents).
  public var marksInitialEventsEnd: Bool

  /// A request.
  public init(
    namespace: String? = nil, name: String? = nil, start: Start, sendsBookmarks: Bool = false,
    marksInitialEventsEnd: Bool = false
  ) {
    self.namespace = namespace
    self.name = name
    self.start = start
    self.sendsBookmarks = sendsBookmarks
    self.marksInitialEventsEnd = marksInitialEventsEnd
  }
}

/// What a watcher gets.
public enum WatchEvent: Sendable {
  /// An object came into sight.
  case added(CachedObject)
  /// An object in sight changed.
  case modified(CachedObject)
  /// An object went out of sight; this is its last state that matched, with the revision of the change.
  case deleted(CachedObject)
  /// Nothing that matters happened up to a revision.
  case bookmark(Revision, endsInitialEvents: Bool)
}
