// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// What happens to an object of a custom kind when it comes in: unknown fields go, nulls that mean nothing go,
/// defaults come.
enum CustomObject {
  /// Removes what the schema does not know; the paths removed, as messages name them.
  static func prune(_ value: inout JSONValue, _ schema: Schema, _ path: String, _ removed: inout [String]) {
    let preserves: Bool = schema.constraints?.preservesUnknownFields ?? false
    switch value {
    case .object(let members):
      if schema.shape == .any { return }
      var result: JSONObject = JSONObject()
      result.reserveCapacity(members.count)
      for (name, inner) in members {
        let innerPath: String = path.isEmpty ? name : "\(path).\(name)"
        if schema.hasTypeMeta, name == "apiVersion" || name == "kind" || name == "metadata" {
          result.appendUnique(name, inner)
        } else if let field: SchemaField = schema.field(name) {
          var inner: JSONValue = inner
          prune(&inner, field.schema, innerPath, &removed)
          result.appendUnique(name, inner)
        } else if let element: Schema = schema.element, schema.shape != .list {
          var inner: JSONValue = inner
          prune(&inner, element, innerPath, &removed)
          result.appendUnique(name, inner)
        } else if preserves || schema.constraints?.allowsAdditional == true {
          result.appendUnique(name, inner)
        } else {
          removed.append(innerPath)
        }
      }
      value = .object(result)
    case .array(var items):
      guard let element: Schema = schema.element, schema.shape == .list else { return }
      value = .null
      for place: Int in items.indices { prune(&items[place], element, "\(path)[\(place)]", &removed) }
      value = .array(items)
    default: break
    }
  }

  private static func isMeaninglessNull(_ value: JSONValue, _ schema: Schema) -> Bool {
    value.isNull && schema.constraints?.isNullable == false
  }

  /// Removes nulls where null is no value, and fills in defaults.
  static func applyDefaults(_ value: inout JSONValue, _ schema: Schema) {
    switch value {
    case .object(var members):
      if schema.shape == .any || schema.constraints == nil { return }
      value = .null
      for field: SchemaField in schema.fields where field.schema.constraints != nil {
        let current: JSONValue? = members[field.name]
        guard current == nil || isMeaninglessNull(current ?? .null, field.schema) else { continue }
        members[field.name] = field.defaultValue
      }
      for name: String in members.keys {
        guard let inner: Schema = schema.field(name)?.schema ?? schema.element, var member: JSONValue = members[name]
        else { continue }
        if isMeaninglessNull(member, inner) {
          members[name] = inner.constraints?.defaultValue
          continue
        }
        members[name] = .null
        applyDefaults(&member, inner)
        members[name] = member
      }
      value = .object(members)
    case .array(var items):
      guard let element: Schema = schema.element, schema.shape == .list else { return }
      value = .null
      for place: Int in items.indices {
        if isMeaninglessNull(items[place], element), let fallback: JSONValue = element.constraints?.defaultValue {
          items[place] = fallback
        }
        applyDefaults(&items[place], element)
      }
      value = .array(items)
    default: break
    }
  }
}
