// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// One step of a path of server-side apply (structured-merge-diff's `PathElement`).
enum PathElement: Hashable, Sendable {
  /// A field of an object, a key of a map: `f:name`.
  case field(String)
  /// An item of a list of type map, by the values of its keys, sorted by name: `k:{"name":"a"}`.
  case key([KeyField])
  /// An item of a list of type set: `v:"a"`.
  case value(JSONValue)
  /// An item by its place: `i:0`.
  case index(Int)

  /// One key of an item and its value.
  struct KeyField: Hashable, Sendable {
    var name: String
    var value: JSONValue
  }

  /// Reads the text of a step; nil where it is none.
  init?(_ text: String) {
    // Bytes: a name that begins with a combining mark makes one character with the colon.
    let rest: String = String(Substring(text.utf8.dropFirst(2)))
    switch String(Substring(text.utf8.prefix(2))) {
    case "f:": self = .field(rest)
    case "k:":
      guard let members: JSONObject = try? JSONValue(parsing: rest).object else { return nil }
      self = .key(members.map { KeyField(name: $0.key, value: $0.value) }.sorted { $0.name < $1.name })
    case "v:":
      guard let value: JSONValue = try? JSONValue(parsing: rest) else { return nil }
      self = .value(value)
    case "i:":
      guard let index: Int = Int(rest) else { return nil }
      self = .index(index)
    default: return nil
    }
  }

  /// The text in `fieldsV1`.
  var text: String {
    switch self {
    case .field(let name): return "f:" + name
    case .key(let fields):
      var object: JSONObject = JSONObject()
      for field: KeyField in fields { object.appendUnique(field.name, field.value) }
      return "k:" + JSONValue.object(object).text
    case .value(let value): return "v:" + value.text
    case .index(let index): return "i:\(index)"
    }
  }

  /// The text in messages: `.spec`, `[name="a"]`, `[="a"]`.
  var display: String {
    switch self {
    case .field(let name): "." + name
    case .key(let fields): "[" + fields.map { "\($0.name)=\($0.value.text)" }.joined(separator: ",") + "]"
    case .value(let value): "[=\(value.text)]"
    case .index(let index): "[\(index)]"
    }
  }

  private var rank: Int {
    switch self {
    case .field: 0
    case .key: 1
    case .value: 2
    case .index: 3
    }
  }

  /// The order of the steps in `fieldsV1`.
  static func < (left: PathElement, right: PathElement) -> Bool {
    switch (left, right) {
    case (.field(let one), .field(let other)): one < other
    case (.key(let one), .key(let other)): precedes(one, other)
    case (.value(let one), .value(let other)): precedes(one, other)
    case (.index(let one), .index(let other)): one < other
    default: left.rank < right.rank
    }
  }

  private static func precedes(_ left: [KeyField], _ right: [KeyField]) -> Bool {
    for (one, other) in zip(left, right) where one != other {
      return one.name == other.name ? precedes(one.value, other.value) : one.name < other.name
    }
    return left.count < right.count
  }

  private static func precedes(_ left: JSONValue, _ right: JSONValue) -> Bool {
    switch (left, right) {
    case (.int(let one), .int(let other)): return one < other
    case (.string(let one), .string(let other)): return one < other
    default:
      if let one: Double = left.double, let other: Double = right.double { return one < other }
      return left.text < right.text
    }
  }
}
