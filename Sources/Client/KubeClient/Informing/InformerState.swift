// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeMeta

/// An informer's objects and indexes; pure, guarded by the informer's lock.
struct InformerState<Object: KubeMessage>: Sendable {
  /// One index: the keys of the objects under each value.
  struct Index: Sendable {
    var keys: @Sendable (Object) -> [String]
    var entries: [String: Set<ObjectKey>] = [:]

    mutating func insert(_ object: Object) {
      let key: ObjectKey = object.key
      for value: String in keys(object) { entries[value, default: []].insert(key) }
    }

    mutating func remove(_ object: Object) {
      let key: ObjectKey = object.key
      for value: String in keys(object) {
        entries[value]?.remove(key)
        if entries[value]?.isEmpty ?? false { entries[value] = nil }
      }
    }
  }

  var objects: [ObjectKey: Object] = [:]
  var namespaces: [String: Set<ObjectKey>] = [:]
  var indexes: [String: Index] = [:]
  var handlers: [@Sendable (InformerEvent<Object>) -> Void] = []
  var hasSynced: Bool = false
  /// What handlers know of objects whose newer state was remembered and not told yet.
  var untold: [ObjectKey: Object] = [:]

  mutating func addIndex(_ name: String, _ keys: @escaping @Sendable (Object) -> [String]) {
    guard indexes[name] == nil else { return }
    var index: Index = Index(keys: keys)
    for object: Object in objects.values { index.insert(object) }
    indexes[name] = index
  }

  func inNamespace(_ namespace: String) -> [Object] {
    (namespaces[namespace] ?? []).compactMap { objects[$0] }
  }

  func indexed(_ index: String, _ value: String) -> [Object] {
    (indexes[index]?.entries[value] ?? []).compactMap { objects[$0] }
  }

  /// Puts in what its writer knows before the watch tells of it; ignored where it is not newer than what is there.
  mutating func remember(_ object: Object) {
    guard let old: Object = objects[object.key], old.isOlder(than: object) else { return }
    let told: Object = untold[object.key] ?? old
    _ = set(object)
    untold[object.key] = told
  }

  /// Puts an object in, and tells how it differs from what handlers know.
  mutating func set(_ object: Object) -> InformerEvent<Object> {
    let key: ObjectKey = object.key
    let told: Object? = untold.removeValue(forKey: key)
    let old: Object? = objects.updateValue(object, forKey: key)
    for name: String in indexes.keys {
      if let old { indexes[name]?.remove(old) }
      indexes[name]?.insert(object)
    }
    if old == nil, !key.namespace.isEmpty { namespaces[key.namespace, default: []].insert(key) }
    return (told ?? old).map { .updated(old: $0, new: object) } ?? .added(object)
  }

  /// Takes an object out; nil if it was not there.
  mutating func remove(_ object: Object) -> InformerEvent<Object>? {
    let key: ObjectKey = object.key
    untold[key] = nil
    guard let old: Object = objects.removeValue(forKey: key) else { return nil }
    for name: String in indexes.keys { indexes[name]?.remove(old) }
    namespaces[key.namespace]?.remove(key)
    if namespaces[key.namespace]?.isEmpty ?? false { namespaces[key.namespace] = nil }
    return .deleted(object)
  }

  /// Makes the objects those of a list, and tells the differences.
  mutating func replace(with items: [Object]) -> [InformerEvent<Object>] {
    var events: [InformerEvent<Object>] = []
    var gone: Set<ObjectKey> = Set(objects.keys)
    for item: Object in items {
      gone.remove(item.key)
      if let old: Object = objects[item.key] {
        if old.metadata.resourceVersion == item.metadata.resourceVersion, untold[item.key] == nil { continue }
        // An object that was deleted and made again meanwhile is another one.
        if old.metadata.uid != item.metadata.uid, let event: InformerEvent<Object> = remove(old) {
          events.append(event)
        }
      }
      events.append(set(item))
    }
    for key: ObjectKey in gone {
      if let old: Object = objects[key], let event: InformerEvent<Object> = remove(old) { events.append(event) }
    }
    return events
  }
}
