// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeMeta

/// Who owns whom, over all resources. Pure; guarded by the collector's lock.
struct OwnerGraph: Sendable {
  /// One owner of an object, as the object names it.
  struct Owner: Hashable, Sendable {
    var uid: String
    var apiVersion: String
    var kind: String
    var name: String
    var blocks: Bool
  }

  /// One object.
  struct Object: Sendable {
    var resource: ResourceType
    var key: ObjectKey
    var uid: String
    var owners: [Owner]
    var finalizers: [String]
    var isBeingDeleted: Bool

    /// Whether the object waits for what it owns.
    var isDeletingDependents: Bool { isBeingDeleted && finalizers.contains("foregroundDeletion") }
    /// Whether the object's dependents are to be let go.
    var isOrphaning: Bool { isBeingDeleted && finalizers.contains("orphan") }
  }

  private(set) var objects: [String: Object] = [:]
  private(set) var dependents: [String: Set<String>] = [:]

  /// Takes in an object's state; answers which objects may have to be looked at.
  mutating func set(_ object: Object) -> [String] {
    let former: Object? = objects.updateValue(object, forKey: object.uid)
    for owner: Owner in former?.owners ?? [] where !object.owners.contains(where: { $0.uid == owner.uid }) {
      remove(object.uid, fromDependentsOf: owner.uid)
    }
    for owner: Owner in object.owners { dependents[owner.uid, default: []].insert(object.uid) }
    var affected: [String] = []
    if !object.owners.isEmpty || object.isBeingDeleted { affected.append(object.uid) }
    // An owner that waits may wait for this one no longer.
    for owner: Owner in (former?.owners ?? []) + object.owners where objects[owner.uid]?.isBeingDeleted ?? false {
      affected.append(owner.uid)
    }
    if object.isBeingDeleted, !(former?.isBeingDeleted ?? false) { affected += dependents[object.uid] ?? [] }
    return affected
  }

  /// Takes an object out; answers which objects may have to be looked at.
  mutating func remove(uid: String) -> [String] {
    guard let object: Object = objects.removeValue(forKey: uid) else { return [] }
    var affected: [String] = Array(dependents[uid] ?? [])
    for owner: Owner in object.owners {
      remove(uid, fromDependentsOf: owner.uid)
      if objects[owner.uid]?.isBeingDeleted ?? false { affected.append(owner.uid) }
    }
    return affected
  }

  private mutating func remove(_ uid: String, fromDependentsOf owner: String) {
    dependents[owner]?.remove(uid)
    if dependents[owner]?.isEmpty ?? false { dependents[owner] = nil }
  }

  func dependentObjects(of uid: String) -> [Object] { (dependents[uid] ?? []).compactMap { objects[$0] } }

  /// Forgets all objects of a resource that is gone.
  mutating func removeAll(of resource: ResourceType) -> [String] {
    objects.values.filter { $0.resource == resource }.map(\.uid).flatMap { remove(uid: $0) }
  }
}
