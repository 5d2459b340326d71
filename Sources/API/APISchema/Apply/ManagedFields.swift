// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// `metadata.managedFields` of an object: sets of fields by manager.
struct ManagedFields {
  /// Who manages: what tells two entries apart. Of appliers the version does not.
  struct Manager: Hashable {
    var name: String
    var operation: String
    var apiVersion: String
    var subresource: String

    /// As conflicts name the manager.
    var display: String {
      var text: String = name.goQuoted
      if !subresource.isEmpty { text += " with subresource \(subresource.goQuoted)" }
      return operation == "Update" ? "\(text) using \(apiVersion)" : text
    }
  }

  /// What a manager owns.
  struct Owned {
    var fields: FieldSet
    var apiVersion: String
    var time: String
  }

  var managers: [Manager: Owned] = [:]

  init() {}

  /// Reads the entries; nil where one is malformed.
  init?(_ entries: JSONValue) {
    for entry: JSONValue in entries.items {
      let operation: String = entry["operation"].string ?? ""
      guard operation == "Apply" || operation == "Update", entry["fieldsType"].string == "FieldsV1",
        let version: String = entry["apiVersion"].string, !version.isEmpty,
        let fields: FieldSet = FieldSet(fieldsV1: entry["fieldsV1"])
      else { return nil }
      let manager: Manager = Manager(
        name: entry["manager"].string ?? "", operation: operation, apiVersion: operation == "Apply" ? "" : version,
        subresource: entry["subresource"].string ?? "")
      managers[manager] = Owned(fields: fields, apiVersion: version, time: entry["time"].string ?? "")
    }
  }

  /// The entries, sorted as upstream does: by operation, time, manager, version, subresource.
  var entries: JSONValue {
    let sorted = managers.sorted { one, other in
      let left: [String] = [one.key.operation, one.value.time, one.key.name, one.value.apiVersion, one.key.subresource]
      let right: [String] = [
        other.key.operation, other.value.time, other.key.name, other.value.apiVersion, other.key.subresource,
      ]
      return left.lexicographicallyPrecedes(right)
    }
    return .array(
      sorted.map { manager, owned in
        var entry: JSONObject = JSONObject()
        if !manager.name.isEmpty { entry.appendUnique("manager", .string(manager.name)) }
        entry.appendUnique("operation", .string(manager.operation))
        entry.appendUnique("apiVersion", .string(owned.apiVersion))
        if !owned.time.isEmpty { entry.appendUnique("time", .string(owned.time)) }
        entry.appendUnique("fieldsType", "FieldsV1")
        entry.appendUnique("fieldsV1", owned.fields.fieldsV1)
        if !manager.subresource.isEmpty { entry.appendUnique("subresource", .string(manager.subresource)) }
        return .object(entry)
      })
  }

  /// Whether entries ask for a reset: one entry with nothing in it.
  static func isReset(_ entries: JSONValue) -> Bool {
    guard let items: [JSONValue] = entries.array, items.count <= 1 else { return false }
    return items.isEmpty || (items[0].object?.isEmpty ?? items[0].isNull)
  }

  /// At most this many managers of updates are kept apart.
  private static let updateManagersMax: Int = 10

  /// Merges the oldest managers of updates into one where there are too many.
  mutating func cap() {
    var updaters: [Manager] = managers.keys.filter { $0.operation == "Update" && $0.subresource.isEmpty }
    guard updaters.count > Self.updateManagersMax else { return }
    updaters.sort { one, other in
      (managers[one]?.time ?? "", one.name) < (managers[other]?.time ?? "", other.name)
    }
    for old: Manager in updaters {
      guard managers.keys.filter({ $0.operation == "Update" && $0.subresource.isEmpty }).count > Self.updateManagersMax
      else { return }
      guard let owned: Owned = managers.removeValue(forKey: old) else { continue }
      let bucket: Manager = Manager(
        name: "ancient-changes", operation: "Update", apiVersion: owned.apiVersion, subresource: "")
      if managers[bucket] == nil {
        managers[bucket] = owned
      } else {
        managers[bucket]?.fields.formUnion(owned.fields)
        let latest: String = max(managers[bucket]?.time ?? "", owned.time)
        managers[bucket]?.time = latest
      }
    }
  }
}
