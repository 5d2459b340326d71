// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension FieldManager {
  /// Who owns the fields of an object that was never applied before.
  private static let beforeFirstApply: String = "before-first-apply"

  /// The object after a server-side apply of `configuration`, `managedFields` up to date. Defaults are the
  /// caller's to fill in.
  ///
  /// - Parameters:
  ///   - live: the stored object; null where it is created.
  ///   - force: take the fields that others own.
  /// - Throws: 409 with a cause a conflict, 400, 422 or 500 where the configuration does not fit the schema.
  public func applied(
    live: JSONValue, configuration: JSONValue, manager: String, force: Bool, time: String
  ) throws(StatusError) -> JSONValue {
    try check(configuration)
    var old: JSONValue = live.isNull ? emptyObject : kind.normalized(live)
    guard var managed: ManagedFields = ManagedFields(old["metadata"]["managedFields"]) else {
      throw Self.failure("failed to decode managed fields")
    }
    old["metadata"]["managedFields"] = .null
    if managed.managers.isEmpty, !live.isNull { adopt(&managed, old, time) }
    let errors: [String] = TypedValue.errors(configuration, type)
    if !errors.isEmpty {
      let metadata: JSONValue = configuration["metadata"]
      let name: String = "\(metadata["namespace"].string ?? "")/\(metadata["name"].string ?? "")"
      throw Self.failure("failed to create typed patch object (\(name); \(kind.kind)): \(TypedValue.errorText(errors))")
    }
    let merged: JSONValue = try merge(old, configuration, manager, force, time, &managed)
    return withEntries(merged, managed)
  }

  private static func failure(_ message: String) -> StatusError { StatusError(code: 500, reason: "", message: message) }

  private func check(_ configuration: JSONValue) throws(StatusError) {
    let version: GroupVersion? = GroupVersion(apiVersion: configuration["apiVersion"].string ?? "")
    let actual: GroupVersionKind = GroupVersionKind(
      version?.group ?? "", version?.version ?? "", configuration["kind"].string ?? "")
    guard actual == kind.kind else { throw .badRequest("invalid object type: \(actual)") }
    guard configuration["metadata"]["managedFields"].isNull else {
      throw .badRequest("metadata.managedFields must be nil")
    }
  }

  /// An object without managed fields: everything belongs to the one who was there before.
  private func adopt(_ managed: inout ManagedFields, _ old: JSONValue, _ time: String) {
    let comparison: Comparison = Comparison(emptyObject, old, type)
    let fields: FieldSet = comparison.added.union(comparison.modified).difference(Self.stripped)
    guard !fields.isEmpty else { return }
    let key: ManagedFields.Manager = ManagedFields.Manager(
      name: Self.beforeFirstApply, operation: "Update", apiVersion: kind.kind.apiVersion, subresource: subresource)
    managed.managers[key] = ManagedFields.Owned(fields: fields, apiVersion: kind.kind.apiVersion, time: time)
  }

  private func merge(
    _ old: JSONValue, _ configuration: JSONValue, _ manager: String, _ force: Bool, _ time: String,
    _ managed: inout ManagedFields
  ) throws(StatusError) -> JSONValue {
    let key: ManagedFields.Manager = ManagedFields.Manager(
      name: manager, operation: "Apply", apiVersion: "", subresource: subresource)
    let last: ManagedFields.Owned? = managed.managers[key]
    let ignored: FieldSet = FieldSet(names: resetFields)
    let fields: FieldSet = TypedValue.fieldSet(configuration, type).recursiveDifference(ignored)
    managed.managers[key] = ManagedFields.Owned(fields: fields, apiVersion: kind.kind.apiVersion, time: time)
    var new: JSONValue = TypedValue.merged(old, configuration, type) ?? old
    if let last, !last.fields.isEmpty { new = pruned(new, managed, last.fields) }
    // Null means absent; the typed form of the result is what is compared and stored.
    new = try typed(new)
    var comparison: Comparison = Comparison(old, new, type)
    comparison.exclude(ignored)
    if !force { try Self.checkConflicts(managed, key, comparison) }
    Self.disown(&managed, except: key, comparison)
    let own: FieldSet = fields.difference(Self.stripped)
    if own.isEmpty {
      managed.managers[key] = nil
    } else {
      let isNoop: Bool = old == new && last?.fields == own
      let time: String = isNoop ? last?.time ?? time : time
      managed.managers[key] = ManagedFields.Owned(fields: own, apiVersion: kind.kind.apiVersion, time: time)
    }
    return new
  }

  private func typed(_ object: JSONValue) throws(StatusError) -> JSONValue {
    do throws(APISchemaError) {
      return kind.normalized(try kind.decode(tree: object).object)
    } catch {
      throw Self.failure("failed to convert merged object to last applied version: \(error.message)")
    }
  }

  /// The merged object without what the manager applied before, applies no longer, and nobody else owns.
  private func pruned(_ merged: JSONValue, _ managed: ManagedFields, _ last: FieldSet) -> JSONValue {
    let lastNamed: FieldSet = last.withNamedFields(type)
    let mergedSet: FieldSet = TypedValue.fieldSet(merged, type).withNamedFields(type)
    var owned: FieldSet = FieldSet()
    for manager: ManagedFields.Owned in managed.managers.values { owned.formUnion(manager.fields) }
    // Without all that was applied before; then what others own comes back; then what was never this manager's.
    let bare: JSONValue = TypedValue.removing(merged, lastNamed, type)
    let bareSet: FieldSet = TypedValue.fieldSet(bare, type).withNamedFields(type)
    let kept: FieldSet = bareSet.union(owned.withNamedFields(type))
    let withOwned: JSONValue = TypedValue.removing(merged, mergedSet.difference(kept), type)
    let withOwnedSet: FieldSet = TypedValue.fieldSet(withOwned, type).withNamedFields(type)
    return TypedValue.removing(merged, mergedSet.difference(withOwnedSet).intersection(lastNamed), type)
  }

  private static func checkConflicts(
    _ managed: ManagedFields, _ applier: ManagedFields.Manager, _ comparison: Comparison
  ) throws(StatusError) {
    let changed: FieldSet = comparison.modified.union(comparison.added)
    var conflicts: [(manager: ManagedFields.Manager, path: String)] = []
    let sorted = managed.managers.sorted { ($0.key.name, $0.key.operation) < ($1.key.name, $1.key.operation) }
    for (manager, owned) in sorted where manager != applier {
      for path: String in owned.fields.intersection(changed).displayPaths() { conflicts.append((manager, path)) }
    }
    guard !conflicts.isEmpty else { return }
    let causes: [JSONValue] = conflicts.map { conflict in
      [
        "reason": "FieldManagerConflict", "message": .string("conflict with \(conflict.manager.display)"),
        "field": .string(conflict.path),
      ]
    }
    if conflicts.count == 1 {
      throw .applyConflict(
        causes, "Apply failed with 1 conflict: conflict with \(conflicts[0].manager.display): \(conflicts[0].path)")
    }
    var lines: [String] = []
    var previous: ManagedFields.Manager?
    for (manager, path) in conflicts {
      if manager != previous { lines.append("conflicts with \(manager.display):") }
      previous = manager
      lines.append("- \(path)")
    }
    throw .applyConflict(causes, "Apply failed with \(conflicts.count) conflicts: \(lines.joined(separator: "\n"))")
  }
}
