// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// Keeps `metadata.managedFields`: who owns which field of an object, through creates, updates, patches
/// and server-side apply.
///
/// Upstream's chain of managers (k8s.io/apimachinery/pkg/util/managedfields) in one place.
public struct FieldManager: Sendable {
  /// The kind that the request speaks.
  public let kind: KindSchema
  /// The subresource that the request writes; empty for the object itself.
  public let subresource: String
  /// Fields that this endpoint does not write, as paths of names (`["status"]`); nobody comes to own them here.
  public let resetFields: [[String]]

  /// What nobody owns: identity and what the server writes.
  static let stripped: FieldSet = FieldSet(names: [
    ["apiVersion"], ["kind"], ["metadata"], ["metadata", "name"], ["metadata", "namespace"],
    ["metadata", "creationTimestamp"], ["metadata", "selfLink"], ["metadata", "uid"], ["metadata", "clusterName"],
    ["metadata", "generation"], ["metadata", "managedFields"], ["metadata", "resourceVersion"],
  ])

  /// A field manager of an endpoint.
  public init(kind: KindSchema, subresource: String = "", resetFields: [[String]] = []) {
    self.kind = kind
    self.subresource = subresource
    self.resetFields = resetFields
  }

  var type: MergeType { MergeType(kind.schema) }

  /// The object with `managedFields` brought up to date after a create, update or patch.
  ///
  /// - Parameters:
  ///   - live: the stored object; null for a create.
  ///   - object: the new object, defaults applied.
  ///   - manager: the fieldManager parameter, or the user agent up to its first `/`.
  ///   - time: RFC 3339, now.
  public func updated(live: JSONValue, object: JSONValue, manager: String, time: String) -> JSONValue {
    var managed: ManagedFields = decoded(live: live, object: object)
    var new: JSONValue = kind.normalized(object)
    new["metadata"]["managedFields"] = .null
    let isCreate: Bool = live["metadata"]["uid"].string?.isEmpty ?? true
    if !managed.managers.isEmpty || isCreate {
      var old: JSONValue = live.isNull ? emptyObject : kind.normalized(live)
      old["metadata"]["managedFields"] = .null
      update(&managed, old: old, new: new, manager: manager, time: time)
      managed.cap()
    }
    // A new object keeps its empty lists and maps until it has been checked: messages tell them from none.
    return withEntries(isCreate ? object : new, managed)
  }

  /// The managed fields that an update starts with: the request's, or where it has none or bad ones, the object's.
  private func decoded(live: JSONValue, object: JSONValue) -> ManagedFields {
    let stored: JSONValue = live["metadata"]["managedFields"]
    let given: JSONValue = object["metadata"]["managedFields"]
    if subresource.isEmpty {
      if ManagedFields.isReset(given) { return ManagedFields() }
      if let managed: ManagedFields = ManagedFields(given), !managed.managers.isEmpty { return managed }
    }
    return ManagedFields(stored) ?? ManagedFields()
  }

  /// What the kind's objects are before anything is set.
  var emptyObject: JSONValue { kind.normalized(.object(JSONObject())) }

  func withEntries(_ object: JSONValue, _ managed: ManagedFields) -> JSONValue {
    var object: JSONValue = object
    object["metadata"]["managedFields"] = managed.managers.isEmpty ? .null : managed.entries
    return object
  }

  private func update(_ managed: inout ManagedFields, old: JSONValue, new: JSONValue, manager: String, time: String) {
    let key: ManagedFields.Manager = ManagedFields.Manager(
      name: manager.isEmpty ? "unknown" : manager, operation: "Update", apiVersion: kind.kind.apiVersion,
      subresource: subresource)
    let ignored: FieldSet = FieldSet(names: resetFields)
    var comparison: Comparison = Comparison(old, new, type)
    comparison.exclude(ignored)
    Self.disown(&managed, except: nil, comparison)
    let taken: FieldSet = comparison.modified.union(comparison.added).difference(Self.stripped)
    guard !taken.isEmpty else { return }
    var fields: FieldSet = taken
    if let previous: ManagedFields.Owned = managed.managers[key] { fields.formUnion(previous.fields) }
    managed.managers[key] = ManagedFields.Owned(fields: fields, apiVersion: kind.kind.apiVersion, time: time)
  }

  /// Takes what has changed or gone from its owners.
  static func disown(_ managed: inout ManagedFields, except: ManagedFields.Manager?, _ comparison: Comparison) {
    let changed: FieldSet = comparison.modified.union(comparison.added).union(comparison.removed)
    if changed.isEmpty { return }
    for (manager, owned) in managed.managers where manager != except {
      let left: FieldSet = owned.fields.difference(changed)
      if left.isEmpty { managed.managers[manager] = nil } else { managed.managers[manager]?.fields = left }
    }
  }

  /// The object with the entries of the stored one where nothing but their times would change, so that a write
  /// that changes nothing is none.
  public func keepingTimes(live: JSONValue, object: JSONValue) -> JSONValue {
    let before: JSONValue = live["metadata"]["managedFields"]
    let after: JSONValue = object["metadata"]["managedFields"]
    guard before != after, before.items.count == after.items.count else { return object }
    func withoutTime(_ entry: JSONValue) -> JSONValue {
      var entry: JSONValue = entry
      entry["time"] = .null
      return entry
    }
    guard Set(before.items.map(withoutTime)) == Set(after.items.map(withoutTime)) else { return object }
    var kept: JSONValue = object
    kept["metadata"]["managedFields"] = before
    var stored: JSONValue = live
    // The caller may not have carried these over yet.
    for name: String in ["resourceVersion", "selfLink"] {
      kept["metadata"][name] = .null
      stored["metadata"][name] = .null
    }
    guard kind.normalized(kept) == kind.normalized(stored) else { return object }
    var result: JSONValue = object
    result["metadata"]["managedFields"] = before
    return result
  }
}
