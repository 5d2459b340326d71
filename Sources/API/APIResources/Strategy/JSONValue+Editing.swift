// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

extension JSONValue {
  /// Sets a member that is missing.
  mutating func setDefault(_ key: String, _ value: @autoclosure () -> JSONValue) {
    if self[key].isNull { self[key] = value() }
  }

  /// Sets a string member that is missing or empty.
  mutating func setDefaultText(_ key: String, _ value: String) {
    if self[key].plain.isEmpty { self[key] = .string(value) }
  }

  /// Changes each item of an array member; nothing where there is none.
  mutating func editItems(_ key: String, _ body: (inout JSONValue) -> Void) {
    guard case .array(var items) = self[key], !items.isEmpty else { return }
    for place: Int in items.indices { body(&items[place]) }
    self[key] = .array(items)
  }

  /// Changes a member that is there.
  mutating func edit(_ key: String, _ body: (inout JSONValue) -> Void) {
    var value: JSONValue = self[key]
    guard !value.isNull else { return }
    body(&value)
    self[key] = value
  }

  /// Changes a member, which is an empty object where it is missing: for structs, which Go always has.
  mutating func fill(_ key: String, _ body: (inout JSONValue) -> Void) {
    var value: JSONValue = self[key]
    if value.isNull { value = .object(JSONObject()) }
    body(&value)
    self[key] = value
  }

  /// Whether something is here.
  var isThere: Bool { !isNull }
  /// The string, empty where there is none.
  var plain: String { string ?? "" }
  /// Whether this is missing, or an empty string, array or object.
  var isVoid: Bool {
    switch self {
    case .null: true
    case .string(let text): text.isEmpty
    case .array(let items): items.isEmpty
    case .object(let members): members.isEmpty
    default: false
    }
  }
  /// The names of an object's members, sorted.
  var sortedKeys: [String] { (object?.keys ?? []).sorted() }
  /// An object of strings.
  var stringMap: [String: String] {
    var map: [String: String] = [:]
    for (key, value) in object ?? JSONObject() { map[key] = value.plain }
    return map
  }
  /// The strings of an array.
  var strings: [String] { items.compactMap(\.string) }

  /// Adds an item to an array, which is made where there is none.
  mutating func append(_ item: JSONValue) { self = .array(items + [item]) }
}
