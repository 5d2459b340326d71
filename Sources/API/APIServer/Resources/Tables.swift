// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import JSON
import KubeValues

/// Server-side tables and partial metadata (meta.k8s.io).
enum Tables {
  /// A table of objects.
  static func table(
    _ objects: [JSONValue], of resource: ServedResource, metadata: JSONValue, version: String, includes: String,
    now: Timestamp, showsColumns: Bool = true
  ) -> JSONValue {
    let context: TableContext = TableContext(now: now.timeInterval)
    let rows: [JSONValue] = objects.map { object in
      let shown: JSONValue =
        switch includes {
        case "None": .null
        case "Object": object
        default: partial(Self.withoutHidden(object), version: version, typed: true)
        }
      var row: JSONValue = ["cells": .array(resource.strategy.cells(object, context))]
      let conditions: [JSONValue] = resource.strategy.rowConditions(object)
      if !conditions.isEmpty { row["conditions"] = .array(conditions) }
      guard case .object(var members) = row else { return row }
      members["object"] = shown
      return .object(members)
    }
    let columns: [JSONValue] = resource.definition.columns.map { column in
      [
        "name": .string(column.name), "type": .string(column.type), "format": .string(column.format),
        "description": .string(column.description), "priority": .int(Int64(column.priority)),
      ]
    }
    return [
      "kind": "Table", "apiVersion": .string("meta.k8s.io/\(version)"), "metadata": metadata,
      "columnDefinitions": showsColumns ? .array(columns) : .null, "rows": .array(rows),
    ]
  }

  /// Upstream keeps a DaemonSet's template generation in a field of its own inside, and a row's object does not show it.
  private static func withoutHidden(_ object: JSONValue) -> JSONValue {
    let name: String = "deprecated.daemonset.template.generation"
    guard object["metadata"]["annotations"][name].string != nil else { return object }
    var shown: JSONValue = object
    shown["metadata"]["annotations"][name] = .null
    if shown["metadata"]["annotations"].object?.isEmpty ?? true { shown["metadata"]["annotations"] = .null }
    return shown
  }

  /// The metadata of an object alone.
  static func partial(_ object: JSONValue, version: String = "v1", typed: Bool = false) -> JSONValue {
    if !typed { return ["metadata": object["metadata"]] }
    return [
      "kind": "PartialObjectMetadata", "apiVersion": .string("meta.k8s.io/\(version)"), "metadata": object["metadata"],
    ]
  }
}
