// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A value of the Common Expression Language.
public enum CELValue: Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  case uint(UInt64)
  case double(Double)
  case string(String)
  case bytes([UInt8])
  case list([CELValue])
  case map(CELMap)
  case timestamp(CELTimestamp)
  /// Nanoseconds.
  case duration(Int64)
  case type(String)
  /// A value that may be there.
  indirect case optional(CELValue?)
  /// A value of a library's own type.
  case object(any CELObject)

  /// The name of the value's type.
  public var typeName: String {
    switch self {
    case .null: "null_type"
    case .bool: "bool"
    case .int: "int"
    case .uint: "uint"
    case .double: "double"
    case .string: "string"
    case .bytes: "bytes"
    case .list: "list"
    case .map: "map"
    case .timestamp: "google.protobuf.Timestamp"
    case .duration: "google.protobuf.Duration"
    case .type: "type"
    case .optional: "optional_type"
    case .object(let object): object.typeName
    }
  }

  /// The truth value, where this is one.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// The string, where this is one.
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  /// The integer, where this is one.
  public var int: Int64? { if case .int(let value) = self { value } else { nil } }
  /// The items, where this is a list.
  public var list: [CELValue]? { if case .list(let value) = self { value } else { nil } }
  /// Any number as a double.
  var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .uint(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }
}

/// A value of a library's own type: an address, a quantity, an authorizer.
public protocol CELObject: Sendable {
  /// The type's name.
  var typeName: String { get }
  /// Whether another object is the same value.
  func isEqual(to other: any CELObject) -> Bool
  /// Calls a member function; nil where the type has no such function.
  func call(_ function: String, _ arguments: [CELValue]) throws(CELError) -> CELValue?
  /// A field; nil where there is none.
  func field(_ name: String) throws(CELError) -> CELValue?
}

extension CELObject {
  /// No fields.
  public func field(_ name: String) throws(CELError) -> CELValue? { nil }
}

/// The entries of a map, in the order in which they were added.
public struct CELMap: Sendable {
  private var positions: [CELValue: Int] = [:]
  private(set) var entries: [(key: CELValue, value: CELValue)] = []

  /// A map without entries.
  public init() {}

  /// The number of entries.
  public var count: Int { entries.count }
  /// The keys, in order.
  public var keys: [CELValue] { entries.map(\.key) }

  /// The value of a key; setting replaces or adds.
  public subscript(key: CELValue) -> CELValue? {
    get { positions[key].map { entries[$0].value } }
    set {
      guard let newValue else { return }
      if let place: Int = positions[key] {
        entries[place].value = newValue
      } else {
        positions[key] = entries.count
        entries.append((key, newValue))
      }
    }
  }
}

extension CELMap: CustomStringConvertible {
  /// The entries in order.
  public var description: String { "{" + entries.map { "\($0.key): \($0.value)" }.joined(separator: ", ") + "}" }
}

extension CELValue: Hashable {
  public static func == (left: CELValue, right: CELValue) -> Bool {
    switch (left, right) {
    case (.null, .null): return true
    case (.bool(let a), .bool(let b)): return a == b
    case (.string(let a), .string(let b)): return a.utf8.elementsEqual(b.utf8)
    case (.bytes(let a), .bytes(let b)): return a == b
    case (.list(let a), .list(let b)): return a == b
    case (.map(let a), .map(let b)): return a.count == b.count && a.entries.allSatisfy { b[$0.key] == $0.value }
    case (.timestamp(let a), .timestamp(let b)): return a == b
    case (.duration(let a), .duration(let b)): return a == b
    case (.type(let a), .type(let b)): return a == b
    case (.optional(let a), .optional(let b)): return a == b
    case (.object(let a), .object(let b)): return a.isEqual(to: b)
    default: return compareNumbers(left, right) == 0
    }
  }

  /// -1, 0 or 1; nil where one is no number, or not a number.
  static func compareNumbers(_ left: CELValue, _ right: CELValue) -> Int? {
    func order<T: Comparable>(_ a: T, _ b: T) -> Int { a < b ? -1 : a == b ? 0 : 1 }
    switch (left, right) {
    case (.int(let a), .int(let b)): return order(a, b)
    case (.uint(let a), .uint(let b)): return order(a, b)
    case (.int(let a), .uint(let b)): return a < 0 ? -1 : order(UInt64(a), b)
    case (.uint, .int): return compareNumbers(right, left).map { -$0 }
    default:
      guard let a: Double = left.number, let b: Double = right.number, !a.isNaN, !b.isNaN else { return nil }
      return order(a, b)
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .null: hasher.combine(0)
    case .bool(let value): hasher.combine(value)
    // Equal numbers of different types have the same hash.
    case .int, .uint, .double: hasher.combine(number ?? 0)
    case .string(let value): hasher.combine(value)
    case .bytes(let value): hasher.combine(value)
    case .list(let items): hasher.combine(items)
    case .map(let map): hasher.combine(map.count)
    case .timestamp(let time): hasher.combine(time)
    case .duration(let value): hasher.combine(value)
    case .type(let name): hasher.combine(name)
    case .optional(let value): hasher.combine(value)
    case .object(let object): hasher.combine(object.typeName)
    }
  }
}

/// Why an expression has no value.
public struct CELError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The reason, in cel-go's words.
  public var description: String
  /// The evaluation was stopped because it cost too much.
  public var isOverBudget: Bool

  /// An error.
  public init(_ description: String, isOverBudget: Bool = false) {
    self.description = description
    self.isOverBudget = isOverBudget
  }

  static let overBudget: CELError = CELError("operation cancelled: actual cost limit exceeded", isOverBudget: true)
  static let noOverload: CELError = CELError("no such overload")
  static let overflow: CELError = CELError("integer overflow")
}
