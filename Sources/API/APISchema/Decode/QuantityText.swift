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
    return try quantity(text).description
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
