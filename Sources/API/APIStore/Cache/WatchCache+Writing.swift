// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

extension WatchCache {
  /// The event of a write comes by itself, unless the store's watch is broken just now.
  private static let ownWritePatience: Duration = .milliseconds(500)

  /// The key of an object.
  public func key(namespace: String?, name: String) -> String {
    guard let namespace, !namespace.isEmpty else { return configuration.prefix + name }
    return "\(configuration.prefix)\(namespace)/\(name)"
  }

  /// Makes an object.
  ///
  /// - Parameters:
  ///   - json: the object without a resourceVersion.
  ///   - others: writes to other keys that happen together with this one.
  /// - Throws: `keyExists`.
  public func create(
    namespace: String?, name: String, json: [UInt8], with others: [StoreWrite] = []
  ) async throws(StoreError) -> CachedObject {
    let key: String = key(namespace: namespace, name: name)
    let revision: Revision = try await store.write(others + [.create(key: key, value: try encoded(json, key))])
    return try await written(
      StoredValue(key: key, value: json, createRevision: revision, modRevision: revision))
  }

  /// Replaces an object.
  ///
  /// - Parameters:
  ///   - json: the object without a resourceVersion.
  ///   - old: the state that was read; the write fails with `conflict` where it is not the newest.
  ///   - others: writes to other keys that happen together with this one.
  public func update(
    _ old: CachedObject, json: [UInt8], with others: [StoreWrite] = []
  ) async throws(StoreError) -> CachedObject {
    let value: [UInt8] = try encoded(json, old.key)
    let revision: Revision = try await store.write(
      others + [.update(key: old.key, value: value, expecting: old.revision)])
    return try await written(
      StoredValue(key: old.key, value: json, createRevision: old.createRevision, modRevision: revision))
  }

  /// Removes an object.
  ///
  /// - Parameters:
  ///   - old: the state that was read; the write fails with `conflict` where it is not the newest.
  ///   - others: writes to other keys that happen together with this one.
  /// - Returns: the last state, with the revision of the deletion.
  @discardableResult
  public func delete(_ old: CachedObject, with others: [StoreWrite] = []) async throws(StoreError) -> CachedObject {
    let revision: Revision = try await store.write(others + [.delete(key: old.key, expecting: old.revision)])
    if !store.deliversSynchronously { try await wait(for: revision, patience: Self.ownWritePatience) }
    return old.atRevision(revision)
  }

  private func encoded(_ json: [UInt8], _ key: String) throws(StoreError) -> [UInt8] {
    guard let encode = configuration.encode else { return json }
    do { return try encode(json) } catch {
      throw StoreError(.corrupt, "\(key) cannot be encoded: \(error)")
    }
  }

  /// What the cache has of an own write, or, where others have written since, what was written.
  private func written(_ stored: StoredValue) async throws(StoreError) -> CachedObject {
    if !store.deliversSynchronously { try await wait(for: stored.modRevision, patience: Self.ownWritePatience) }
    let cached: CachedObject? = state.withLock { $0.byKey[stored.key] }
    if let cached, cached.revision == stored.modRevision { return cached }
    return CachedObject(stored, fields: configuration.fields)
  }
}
