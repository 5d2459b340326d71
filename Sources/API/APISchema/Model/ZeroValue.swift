// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Go's zero values in JSON.
enum ZeroValue {
  /// The JSON form of a zero value, as an item of a list or a required field has it.
  static func of(_ schema: Schema) -> JSONValue {
    switch schema.shape {
    case .object: .object(JSONObject())
    case .string: .string("")
    case .boolean: .bool(false)
    case .int32, .int64, .double, .intOrString: .int(0)
    case .quantity: "0"
    case .duration: "0s"
    case .list, .map, .bytes, .time, .microTime, .rawExtension, .fieldsV1, .any: .null
    case .schemaOrBool: .bool(false)
    case .schemaOrArray, .schemaOrStringArray: .null
    }
  }

  /// Whether a field of a request's object says no more than its absence; empty lists, maps and bytes are there.
  static func isAbsentInRequest(_ value: JSONValue, _ field: SchemaField) -> Bool {
    switch field.schema.shape {
    case .list, .map, .bytes: value.isNull
    default: isAbsent(value, field, keepsEmpty: true)
    }
  }

  /// Whether a field of a message may be left out of an object: it says no more than its absence. Empty lists and
  /// maps that the JSON form always has differ from absent ones (null) until the object is stored.
  static func isAbsent(_ value: JSONValue, _ field: SchemaField, keepsEmpty: Bool) -> Bool {
    if field.isPointer { return value.isNull }
    guard isZero(value, field.schema) else { return false }
    if keepsEmpty, !field.omitsEmpty, field.schema.shape == .list || field.schema.shape == .map { return value.isNull }
    return true
  }

  /// Whether a value of a field that is no pointer says no more than its absence.
  static func isZero(_ value: JSONValue, _ schema: Schema) -> Bool {
    switch value {
    case .null: return true
    case .bool(let value): return !value && schema.shape == .boolean
    case .int(let value): return value == 0 && schema.shape != .any && schema.shape != .rawExtension
    case .double(let value): return value == 0 && schema.shape == .double
    case .string(let value): return value.isEmpty && (schema.shape == .string || schema.shape == .bytes)
    case .array(let items): return items.isEmpty && schema.shape == .list
    case .object(let members): return members.isEmpty && (schema.shape == .map || schema.shape == .object)
    }
  }
}
