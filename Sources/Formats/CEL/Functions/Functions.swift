// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The functions, found by name and by what they are called with.
enum Functions {
  /// Calls a function; of a method the first argument is the target.
  static func call(_ name: String, _ arguments: [CELValue], isMember: Bool) throws(CELError) -> CELValue {
    if isMember, case .object(let object)? = arguments.first {
      if let value: CELValue = try object.call(name, Array(arguments.dropFirst())) { return value }
      throw .noOverload
    }
    if let value: CELValue = try operators(name, arguments) { return value }
    if let value: CELValue = try conversions(name, arguments) { return value }
    if let value: CELValue = try optionals(name, arguments) { return value }
    if let value: CELValue = try StringFunctions.call(name, arguments) { return value }
    if let value: CELValue = try ListFunctions.call(name, arguments) { return value }
    if let value: CELValue = try TimeFunctions.call(name, arguments) { return value }
    if let value: CELValue = try Libraries.call(name, arguments) { return value }
    throw .noOverload
  }

  private static func operators(_ name: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    switch (name, arguments.count) {
    case ("!_", 1):
      guard let truth: Bool = arguments[0].bool else { throw .noOverload }
      return .bool(!truth)
    case ("-_", 1): return try Arithmetic.negative(arguments[0])
    case ("_==_", 2): return .bool(arguments[0] == arguments[1])
    case ("_!=_", 2): return .bool(arguments[0] != arguments[1])
    case ("_<_", 2): return .bool(try compare(arguments) < 0)
    case ("_<=_", 2): return .bool(try compare(arguments) <= 0)
    case ("_>_", 2): return .bool(try compare(arguments) > 0)
    case ("_>=_", 2): return .bool(try compare(arguments) >= 0)
    case ("_+_", 2), ("_-_", 2), ("_*_", 2), ("_/_", 2), ("_%_", 2):
      return try Arithmetic.binary(name, arguments[0], arguments[1])
    case ("@in", 2):
      switch arguments[1] {
      case .list(let items): return .bool(items.contains(arguments[0]))
      case .map(let map): return .bool(map[arguments[0]] != nil)
      default: throw .noOverload
      }
    case ("_[_]", 2): return try index(arguments[0], arguments[1], isOptional: false)
    case ("_[?_]", 2): return try index(arguments[0], arguments[1], isOptional: true)
    default: return nil
    }
  }

  private static func compare(_ arguments: [CELValue]) throws(CELError) -> Int {
    guard let order: Int = order(arguments[0], arguments[1]) else { throw .noOverload }
    return order
  }

  /// -1, 0 or 1; nil where the values have no order.
  static func order(_ left: CELValue, _ right: CELValue) -> Int? {
    func order<T: Comparable>(_ a: T, _ b: T) -> Int { a < b ? -1 : a == b ? 0 : 1 }
    switch (left, right) {
    case (.bool(let a), .bool(let b)): return order(a ? 1 : 0, b ? 1 : 0)
    case (.string(let a), .string(let b)):
      return a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : a.utf8.elementsEqual(b.utf8) ? 0 : 1
    case (.bytes(let a), .bytes(let b)): return a.lexicographicallyPrecedes(b) ? -1 : a == b ? 0 : 1
    case (.timestamp(let a), .timestamp(let b)): return order(a, b)
    case (.duration(let a), .duration(let b)): return order(a, b)
    default: return CELValue.compareNumbers(left, right)
    }
  }

  private static func index(_ object: CELValue, _ key: CELValue, isOptional: Bool) throws(CELError) -> CELValue {
    let found: CELValue?
    switch object {
    case .list(let items):
      guard let number: Double = key.number, let place: Int = Int(exactly: number) else { throw .noOverload }
      found = items.indices.contains(place) ? items[place] : nil
      if found == nil, !isOptional { throw CELError("index out of bounds: \(place)") }
    case .map(let map):
      found = map[key]
      if found == nil, !isOptional { throw CELError("no such key: \(StringFunctions.text(key))") }
    case .optional(let inner):
      guard let inner else { return object }
      return try index(inner, key, isOptional: true)
    case .object(let value):
      guard let name: String = key.string else { throw .noOverload }
      found = try value.field(name)
      if found == nil, !isOptional { throw CELError("no such key: \(name)") }
    default: throw .noOverload
    }
    if isOptional { return .optional(found) }
    return found ?? .null
  }

  private static func optionals(_ name: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    switch (name, arguments.count) {
    case ("optional.of", 1): return .optional(arguments[0])
    case ("optional.none", 0): return .optional(nil)
    case ("optional.ofNonZeroValue", 1): return isZero(arguments[0]) ? .optional(nil) : .optional(arguments[0])
    default: break
    }
    guard case .optional(let inner)? = arguments.first else { return nil }
    switch (name, arguments.count) {
    case ("hasValue", 1): return .bool(inner != nil)
    case ("value", 1):
      guard let inner else { throw CELError("optional.none() dereference") }
      return inner
    case ("or", 2): return inner.map { .optional($0) } ?? arguments[1]
    case ("orValue", 2): return inner ?? arguments[1]
    default: return nil
    }
  }

  private static func isZero(_ value: CELValue) -> Bool {
    switch value {
    case .null: true
    case .bool(let truth): !truth
    case .int, .uint, .double: value.number == 0
    case .string(let text): text.isEmpty
    case .bytes(let bytes): bytes.isEmpty
    case .list(let items): items.isEmpty
    case .map(let map): map.count == 0
    case .duration(let nanoseconds): nanoseconds == 0
    default: false
    }
  }

  private static func conversions(_ name: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    guard arguments.count == 1 else { return nil }
    let value: CELValue = arguments[0]
    switch name {
    case "dyn": return value
    case "type": return .type(value.typeName)
    case "int": return .int(try Arithmetic.int(value))
    case "uint": return .uint(try Arithmetic.uint(value))
    case "double": return .double(try Arithmetic.double(value))
    case "bool":
      switch value {
      case .bool: return value
      case .string("true"), .string("1"), .string("t"), .string("T"), .string("TRUE"), .string("True"): return .bool(true)
      case .string("false"), .string("0"), .string("f"), .string("F"), .string("FALSE"), .string("False"): return .bool(false)
      case .string: throw Arithmetic.unreadable("bool")
      default: throw .noOverload
      }
    case "bytes":
      switch value {
      case .bytes: return value
      case .string(let text): return .bytes(Array(text.utf8))
      default: throw .noOverload
      }
    case "string": return .string(try StringFunctions.string(value))
    case "size":
      switch value {
      case .string(let text): return .int(Int64(text.unicodeScalars.count))
      case .bytes(let bytes): return .int(Int64(bytes.count))
      case .list(let items): return .int(Int64(items.count))
      case .map(let map): return .int(Int64(map.count))
      default: throw .noOverload
      }
    default: return nil
    }
  }
}
