// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A JSON value (RFC 8259).
///
/// Integers that fit 64 bits are exact; every other number is a double. Objects keep the order in which
/// their members were written.
///
/// ```swift
/// var pod: JSONValue = ["metadata": ["name": "web"]]
/// pod["metadata"]["labels"]["app"] = "web"     // makes the objects on the way
/// pod["spec"]["containers"][0]["name"].string  // nil: nothing there
/// ```
public enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

extension JSONValue {
  /// The string, where this is one.
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  /// The truth value, where this is one.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// The integer, where this is one, or a double without a fraction.
  public var int: Int64? {
    switch self {
    case .int(let value): value
    case .double(let value): Int64(exactly: value)
    default: nil
    }
  }
  /// The number as a double, where this is a number.
  public var double: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }
  /// The items, where this is an array.
  public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  /// The members, where this is an object.
  public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
  /// Whether this is null.
  public var isNull: Bool { if case .null = self { true } else { false } }

  /// The items of an array, and none of anything else.
  public var items: [JSONValue] { array ?? [] }

  /// A member of an object; null where there is none or this is no object.
  ///
  /// Setting makes an object of a null; setting null removes the member. Setting a member of a value
  /// that is neither an object nor null replaces that value.
  public subscript(key: String) -> JSONValue {
    get { if case .object(let members) = self { members[key] ?? .null } else { .null } }
    _modify {
      // Takes the members out of the enum, so that they are changed in place and not copied.
      var members: JSONObject
      if case .object(let current) = self { members = current } else { members = JSONObject() }
      self = .null
      var value: JSONValue = members.removeValueKeepingPlace(key) ?? .null
      yield &value
      // A bare nil would be JSON's null, which is a literal of the value's type.
      members[key] = value.isNull ? Optional<JSONValue>.none : value
      self = .object(members)
    }
  }

  /// An item of an array; null where there is none or this is no array. Setting past the end is ignored.
  public subscript(index: Int) -> JSONValue {
    get {
      if case .array(let items) = self, items.indices.contains(index) { items[index] } else { .null }
    }
    _modify {
      guard case .array(var items) = self, items.indices.contains(index) else {
        var nothing: JSONValue = .null
        yield &nothing
        return
      }
      self = .null
      yield &items[index]
      self = .array(items)
    }
  }

  /// The value at the end of a path of member names; null where a step is missing.
  public func at(_ path: String...) -> JSONValue {
    var value: JSONValue = self
    for key: String in path { value = value[key] }
    return value
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .int(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(nilLiteral: ()) { self = .null }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    var members: JSONObject = JSONObject()
    for (key, value) in elements { members[key] = value }
    self = .object(members)
  }

  /// A string, or null.
  public init(_ value: String?) { self = value.map(JSONValue.string) ?? .null }
  /// A number.
  public init(_ value: some BinaryInteger) { self = .int(Int64(clamping: value)) }
  /// An array of strings.
  public init(_ values: [String]) { self = .array(values.map(JSONValue.string)) }
  /// An object of strings, in the order of its keys.
  public init(_ values: [String: String]) {
    var members: JSONObject = JSONObject()
    for key: String in values.keys.sorted() { members[key] = .string(values[key] ?? "") }
    self = .object(members)
  }
}
