// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeValues

/// Quantities as text in their canonical form, with upstream's errors.
enum QuantityText {
  private static let format: String =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

  /// The canonical text of a JSON string or number.
  static func canonical(_ value: JSONValue) throws(APISchemaError) -> String {
    let text: String
    switch value {
    case .string(let string): text = string
    case .null: return "0"
    default: text = value.text
    }
    if let short: String = alreadyCanonical(text) { return short }
    if keepsText(text) { return text }
    return try quantity(text).description
  }

  /// The exponents of the suffixes: of ten, and of two.
  private static let decimal: [String: Int] = [
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
  ]
  private static let binary: [String: Int] = ["Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60]

  /// Whether upstream takes a text for canonical and keeps it: it looks at the number and the scale alone, so that
  /// also `+1`, `1e3` and `12345.678` stay as they are.
  private static func keepsText(_ text: String) -> Bool {
    var rest: Substring = text[...]
    let isNegative: Bool = rest.first == "-"
    if rest.first == "+" || isNegative { rest = rest.dropFirst() }
    let whole: Substring = rest.prefix { $0.isASCII && $0.isNumber }
    rest = rest.dropFirst(whole.count)
    var fraction: Substring = ""
    if rest.first == "." {
      fraction = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
      rest = rest.dropFirst(fraction.count + 1)
    }
    // A point alone, or a number without its first digit, is for the slow way.
    guard !whole.isEmpty else { return false }
    var digits: Substring = whole.drop { $0 == "0" }
    if digits.isEmpty { digits = "0" }
    let shown: String = String(digits + fraction)
    guard let value: Int64 = Int64(shown) else { return false }
    if let exponent: Int = binary[String(rest)] {
      let precision: Int = 15 - digits.count - exponent * 3 / 10 - 1
      guard fraction.isEmpty, precision >= 0 else { return false }
      return !value.multipliedReportingOverflow(by: 1 << Int64(exponent)).overflow && value & 7 != 0
    }
    guard let exponent: Int = decimalExponent(rest), shown.utf8.count <= 18 else { return false }
    let scale: Int = exponent - fraction.count
    return scale >= -9 && scale.isMultiple(of: 3) && !shown.hasSuffix("000") && shown.first != "0"
  }

  private static func decimalExponent(_ suffix: Substring) -> Int? {
    if let exponent: Int = decimal[String(suffix)] { return exponent }
    guard suffix.first == "e" || suffix.first == "E", suffix.count > 1 else { return nil }
    return Int(suffix.dropFirst())
  }

  /// The quantity of a text.
  static func quantity(_ text: String) throws(APISchemaError) -> ResourceQuantity {
    // Upstream cuts surrounding white space only in JSON numbers; a text that is empty or has spaces is refused.
    if let quantity: ResourceQuantity = ResourceQuantity(text) { return quantity }
    if let suffixed = withoutDigits(text) { return suffixed }
    throw APISchemaError(.typeMismatch, matchesFormat(text) ? "unable to parse quantity's suffix" : format)
  }

  /// Small plain integers are most of all quantities.
  private static func alreadyCanonical(_ text: String) -> String? {
    let bytes: String.UTF8View = text.utf8
    guard let first: UInt8 = bytes.first, bytes.count <= 3, first != UInt8(ascii: "0") || bytes.count == 1,
      bytes.allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    return text
  }

  /// A suffix without digits (`e3`, `k`) is zero of it, as upstream reads it.
  private static func withoutDigits(_ text: String) -> ResourceQuantity? {
    guard let first: Character = text.first, !first.isNumber, first != "+", first != "-", first != "." else {
      return nil
    }
    return ResourceQuantity("0" + text)
  }

  /// Whether a text consists of a number and a suffix at all, as upstream's scanner sees it.
  private static func matchesFormat(_ text: String) -> Bool {
    var rest: Substring = text[...]
    if rest.first == "+" || rest.first == "-" { rest = rest.dropFirst() }
    while let digit: Character = rest.first, digit.isASCII, digit.isNumber { rest = rest.dropFirst() }
    if rest.first == "." {
      rest = rest.dropFirst()
      while let digit: Character = rest.first, digit.isASCII, digit.isNumber { rest = rest.dropFirst() }
    }
    while let letter: Character = rest.first, "eEinumkKMGTP".contains(letter) { rest = rest.dropFirst() }
    if rest.first == "+" || rest.first == "-" { rest = rest.dropFirst() }
    while let digit: Character = rest.first, digit.isASCII, digit.isNumber { rest = rest.dropFirst() }
    return rest.isEmpty && !text.isEmpty
  }
}
