// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

extension WatchCache {
  /// One object.
  ///
  /// - Throws: `futureRevision` where it is not as fresh as asked for in time.
  public func get(
    namespace: String?, name: String, freshness: Freshness = .newest
  ) async throws(StoreError) -> CachedObject? {
    let key: String = key(namespace: namespace, name: name)
    switch freshness {
    case .any: break
    case .newest:
      // Other processes may have written: only the store knows the newest.
      if !store.deliversSynchronously { return try await newest(key) }
    case .notOlderThan(let revision), .exact(let revision): try await wait(for: revision)
    }
    return state.withLock { $0.byKey[key] }
  }

  /// What the cache has of an object, without waiting for anything.
  public func known(namespace: String? = nil, name: String) -> CachedObject? {
    let key: String = key(namespace: namespace, name: name)
    return state.withLock { $0.byKey[key] }
  }

  /// All objects that the cache has, without waiting for anything.
  public var knownObjects: [CachedObject] { state.withLock { Array($0.byKey.values) } }

  /// Takes in everything that has been written until now.
  public func refresh() async throws(StoreError) {
    if !store.deliversSynchronously { try await wait(for: try await store.currentRevision(), patience: .zero) }
  }

  private func newest(_ key: String) async throws(StoreError) -> CachedObject? {
    guard let stored: StoredValue = try await store.get(key) else { return nil }
    return reuse(stored)
  }

  /// The cached object of a stored value where the cache has this revision; one of its own otherwise.
  private func reuse(_ stored: StoredValue) -> CachedObject? {
    let cached: CachedObject? = state.withLock { $0.byKey[stored.key] }
    return cached?.revision == stored.modRevision ? cached : object(stored)
  }

  /// Objects in the order of their keys.
  ///
  /// - Parameter matching: keeps an object; nil keeps all (and lets the answer say how many remain).
  /// - Throws: `compacted`, `futureRevision`, `invalidContinue`.
  public func list(
    _ request: ListRequest, matching: (@Sendable (CachedObject) -> Bool)? = nil
  ) async throws(StoreError) -> ListResult {
    let prefix: String = listPrefix(request.namespace)
    if let text: String = request.continueToken, !text.isEmpty {
      let token: ContinueToken = try ContinueToken(text)
      return try await page(request, prefix, token, matching)
    }
    switch request.freshness {
    case .exact(let revision):
      return try await stored(request, prefix, after: nil, revision: revision, matching)
    case .notOlderThan(let revision):
      // With a limit upstream matches exactly, so that the pages of a list fit together; the caller decides.
      try await wait(for: revision)
      return cached(request, prefix, revision: revision, matching)
    case .any: return cached(request, prefix, revision: 0, matching)
    case .newest:
      let current: Revision = try await store.currentRevision()
      if !store.deliversSynchronously { try await wait(for: current, patience: .zero) }
      return cached(request, prefix, revision: current, matching)
    }
  }

  func listPrefix(_ namespace: String?) -> String {
    guard let namespace, !namespace.isEmpty else { return configuration.prefix }
    return "\(configuration.prefix)\(namespace)/"
  }

  /// A list from memory.
  private func cached(
    _ request: ListRequest, _ prefix: String, revision: Revision, after: String? = nil,
    _ matching: (@Sendable (CachedObject) -> Bool)?
  ) -> ListResult {
    let (objects, known): (ArraySlice<CachedObject>, Revision) = state.withLock { state in
      state.advance(to: revision)
      return (state.objects(prefix: prefix), state.revision)
    }
    var slice: ArraySlice<CachedObject> = objects
    if let after {
      let start: Int = slice.firstIndex { (prefix + after).isBytewiseLess(than: $0.key) } ?? slice.endIndex
      slice = slice[start...]
    }
    if let name: String = request.name { slice = slice.filter { $0.name == name }[...] }
    return Self.cut(Array(slice), request.limit, known, prefix, matching)
  }

  /// The first objects of a list, up to the limit.
  private static func cut(
    _ objects: [CachedObject], _ limit: Int, _ revision: Revision, _ prefix: String,
    _ matching: (@Sendable (CachedObject) -> Bool)?
  ) -> ListResult {
    guard limit > 0 else {
      let kept: [CachedObject] = matching.map { objects.filter($0) } ?? objects
      return ListResult(objects: kept, revision: revision, continueToken: nil, remaining: nil)
    }
    var kept: [CachedObject] = []
    for (place, object) in objects.enumerated() where matching?(object) ?? true {
      if kept.count == limit, let last: CachedObject = kept.last {
        let token: ContinueToken = ContinueToken(revision: revision, after: String(last.key.dropFirst(prefix.count)))
        let remaining: Int? = matching == nil ? objects.count - place : nil
        return ListResult(objects: kept, revision: revision, continueToken: token.text, remaining: remaining)
      }
      kept.append(object)
    }
    return ListResult(objects: kept, revision: revision, continueToken: nil, remaining: nil)
  }

  /// A list of a past revision, from the store.
  private func stored(
    _ request: ListRequest, _ prefix: String, after: String?, revision: Revision,
    _ matching: (@Sendable (CachedObject) -> Bool)?
  ) async throws(StoreError) -> ListResult {
    let unchanged: Bool = state.withLock { $0.lastEventRevision <= revision && $0.revision >= revision }
    if unchanged {
      var result: ListResult = cached(request, prefix, revision: 0, after: after, matching)
      result.revision = revision
      if result.continueToken != nil, let last: CachedObject = result.objects.last {
        result.continueToken =
          ContinueToken(revision: revision, after: String(last.key.dropFirst(prefix.count))).text
      }
      return result
    }
    let range: RangeResult = try await store.range(
      RangeRequest(prefix: prefix, after: after.map { prefix + $0 }, revision: revision))
    let objects: [CachedObject] = range.values.compactMap(reuse)
      .filter { request.name == nil || $0.name == request.name }
    return Self.cut(objects, request.limit, revision, prefix, matching)
  }

  /// The next page of a list.
  private func page(
    _ request: ListRequest, _ prefix: String, _ token: ContinueToken,
    _ matching: (@Sendable (CachedObject) -> Bool)?
  ) async throws(StoreError) -> ListResult {
    guard token.revision > 0 else {
      let current: Revision = try await store.currentRevision()
      if !store.deliversSynchronously { try await wait(for: current, patience: .zero) }
      return cached(request, prefix, revision: current, after: token.after, matching)
    }
    // Whether a token is too old does not depend on what the cache could still answer.
    _ = try await store.get(prefix, at: token.revision)
    return try await stored(request, prefix, after: token.after, revision: token.revision, matching)
  }

  /// A token with which a list whose own token is too old can go on with the newest state, as upstream offers in
  /// the answer 410; nil where the old token cannot be read.
  public static func inconsistentContinueToken(for text: String) -> String? {
    // An unreadable token has been answered with `invalidContinue` before.
    guard let token: ContinueToken = try? ContinueToken(text) else { return nil }
    return ContinueToken(revision: -1, after: token.after).text
  }
}
