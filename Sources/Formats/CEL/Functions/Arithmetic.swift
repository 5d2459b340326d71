// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Sums, products and conversions of numbers; what does not fit is an error.
enum Arithmetic {
  static func negative(_ value: CELValue) throws(CELError) -> CELValue {
    switch value {
    case .int(let number):
      guard number != .min else { throw .overflow }
      return .int(-number)
    case .double(let number): return .double(-number)
    default: throw .noOverload
    }
  }

  static func binary(_ name: String, _ left: CELValue, _ right: CELValue) throws(CELError) -> CELValue {
    switch (left, right) {
    case (.int(let a), .int(let b)): return .int(try integers(name, a, b))
    case (.uint(let a), .uint(let b)): return .uint(try integers(name, a, b))
    case (.double(let a), .double(let b)):
      switch name {
      case "_+_": return .double(a + b)
      case "_-_": return .double(a - b)
      case "_*_": return .double(a * b)
      case "_/_": return .double(a / b)
      default: throw .noOverload
      }
    case (.timestamp, _), (.duration, _): return try TimeFunctions.binary(name, left, right)
    default: break
    }
    guard name == "_+_" else { throw .noOverload }
    switch (left, right) {
    case (.string(let a), .string(let b)): return .string(a + b)
    case (.bytes(let a), .bytes(let b)): return .bytes(a + b)
    case (.list(let a), .list(let b)): return .list(a + b)
    default: throw .noOverload
    }
  }

  private static func integers<T: FixedWidthInteger>(_ name: String, _ a: T, _ b: T) throws(CELError) -> T {
    let (value, overflows): (T, Bool)
    switch name {
    case "_+_": (value, overflows) = a.addingReportingOverflow(b)
    case "_-_": (value, overflows) = a.subtractingReportingOverflow(b)
    case "_*_": (value, overflows) = a.multipliedReportingOverflow(by: b)
    case "_/_":
      if b == 0 { throw CELError("division by zero") }
      (value, overflows) = a.dividedReportingOverflow(by: b)
    default:
      if b == 0 { throw CELError("modulus by zero") }
      (value, overflows) = a.remainderReportingOverflow(dividingBy: b)
    }
    if overflows { throw T.isSigned ? .overflow : CELError("unsigned integer overflow") }
    return value
  }

  static func int(_ value: CELValue) throws(CELError) -> Int64 {
    switch value {
    case .int(let number): return number
    case .uint(let number):
      guard let fit: Int64 = Int64(exactly: number) else { throw .overflow }
      return fit
    case .double(let number):
      guard let fit: Int64 = Int64(exactly: number.rounded(.towardZero)) else { throw .overflow }
      return fit
    case .string(let text):
      guard let number: Int64 = Int64(text) else { throw unreadable("int") }
      return number
    case .timestamp(let time): return time.seconds
    default: throw .noOverload
    }
  }

  static func uint(_ value: CELValue) throws(CELError) -> UInt64 {
    switch value {
    case .uint(let number): return number
    case .int(let number):
      guard let fit: UInt64 = UInt64(exactly: number) else { throw CELError("unsigned integer overflow") }
      return fit
    case .double(let number):
      guard let fit: UInt64 = UInt64(exactly: number.rounded(.towardZero)) else { throw CELError("unsigned integer overflow") }
      return fit
    case .string(let text):
      guard let number: UInt64 = UInt64(text) else { throw unreadable("uint") }
      return number
    default: throw .noOverload
    }
  }

  static func double(_ value: CELValue) throws(CELError) -> Double {
    if let number: Double = value.number { return number }
    guard case .string(let text) = value else { throw .noOverload }
    guard let number: Double = Double(text) else { throw unreadable("double") }
    return number
  }

  static func unreadable(_ type: String) -> CELError { CELError("type conversion error from 'string' to '\(type)'") }
}
