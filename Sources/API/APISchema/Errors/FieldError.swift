// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// What is wrong with one field of an object, in upstream's wording.
///
/// ```swift
/// errors.append(.invalid(path.child("replicas"), -1, "must be greater than or equal to 0"))
/// // spec.replicas: Invalid value: -1: must be greater than or equal to 0
/// ```
public struct FieldError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The kind of error; the raw value is the reason of a `metav1.StatusCause`.
  public enum Kind: String, Sendable {
    case notFound = "FieldValueNotFound"
    case required = "FieldValueRequired"
    case duplicate = "FieldValueDuplicate"
    case invalid = "FieldValueInvalid"
    case notSupported = "FieldValueNotSupported"
    case forbidden = "FieldValueForbidden"
    case tooLong = "FieldValueTooLong"
    case tooMany = "FieldValueTooMany"
    case internalError = "InternalError"
    case typeInvalid = "FieldValueTypeInvalid"

    /// The words with which a message of this kind begins.
    public var title: String {
      switch self {
      case .notFound: "Not found"
      case .required: "Required value"
      case .duplicate: "Duplicate value"
      case .invalid, .typeInvalid: "Invalid value"
      case .notSupported: "Unsupported value"
      case .forbidden: "Forbidden"
      case .tooLong: "Too long"
      case .tooMany: "Too many"
      case .internalError: "Internal error"
      }
    }
  }

  /// What kind of error this is.
  public var kind: Kind
  /// Where the value is; empty when the error is not about one field.
  public var field: String
  /// The offending value; nil leaves it out of the message.
  public var badValue: JSONValue?
  /// What is expected instead; may be empty.
  public var detail: String

  /// An error of any kind.
  public init(_ kind: Kind, _ field: FieldPath, _ badValue: JSONValue?, _ detail: String = "") {
    self.kind = kind
    self.field = field.description
    self.badValue = badValue
    self.detail = detail
  }

  /// The message without the field, as in `causes[].message`.
  public var body: String {
    var text: String = kind.title
    switch kind {
    case .required, .forbidden, .tooLong, .internalError: break
    default:
      if let badValue { text += ": " + Self.print(badValue) }
    }
    return detail.isEmpty ? text : text + ": " + detail
  }

  public var description: String { field.isEmpty ? body : "\(field): \(body)" }

  /// A value as upstream prints it in messages: strings quoted, numbers plain, the rest as JSON.
  static func print(_ value: JSONValue) -> String {
    if case .string(let text) = value { return text.goQuoted }
    return value.textForPages
  }
}

extension JSONValue {
  /// The JSON text as Go's encoder writes it: so that it can stand in a page.
  public var textForPages: String {
    let text: String = self.text
    guard text.utf8.contains(where: { $0 == 0x3C || $0 == 0x3E || $0 == 0x26 }) else { return text }
    return text.reduce(into: "") { output, character in
      switch character {
      case "<": output += "\\u003c"
      case ">": output += "\\u003e"
      case "&": output += "\\u0026"
      default: output.append(character)
      }
    }
  }
}

extension FieldError {
  /// The value does not refer to anything that exists.
  public static func notFound(_ field: FieldPath, _ value: JSONValue) -> FieldError {
    FieldError(.notFound, field, value)
  }

  /// A value is missing.
  public static func required(_ field: FieldPath, _ detail: String = "") -> FieldError {
    FieldError(.required, field, nil, detail)
  }

  /// A value appears twice where it must be unique.
  public static func duplicate(_ field: FieldPath, _ value: JSONValue) -> FieldError {
    FieldError(.duplicate, field, value)
  }

  /// A value is malformed or out of range. `nil` leaves the value out of the message; `.null` prints `null`.
  public static func invalid(_ field: FieldPath, _ value: JSONValue?, _ detail: String) -> FieldError {
    FieldError(.invalid, field, value, detail)
  }

  /// A value has the wrong type.
  public static func typeInvalid(_ field: FieldPath, _ value: JSONValue?, _ detail: String) -> FieldError {
    FieldError(.typeInvalid, field, value, detail)
  }

  /// A value is none of those that are known; they are printed in the given order, as upstream's callers sort them.
  public static func notSupported(_ field: FieldPath, _ value: JSONValue, _ supported: [String]) -> FieldError {
    let known: String = supported.map(\.goQuoted).joined(separator: ", ")
    return FieldError(.notSupported, field, value, supported.isEmpty ? "" : "supported values: " + known)
  }

  /// A value is not permitted here.
  public static func forbidden(_ field: FieldPath, _ detail: String) -> FieldError {
    FieldError(.forbidden, field, nil, detail)
  }

  /// A string or a whole is longer than `maximum` bytes.
  public static func tooLong(_ field: FieldPath, _ maximum: Int) -> FieldError {
    FieldError(.tooLong, field, nil, maximum >= 0 ? "may not be more than \(maximum) bytes" : "value is too long")
  }

  /// A list or map has more than `maximum` entries.
  public static func tooMany(_ field: FieldPath, _ count: Int, _ maximum: Int) -> FieldError {
    let detail: String
    if maximum >= 0 {
      detail = "must have at most \(maximum) \(maximum == 1 ? "item" : "items")"
    } else {
      detail = "has too many items"
    }
    return FieldError(.tooMany, field, count >= 0 ? .int(Int64(count)) : nil, detail)
  }

  /// The check itself failed.
  public static func internalError(_ field: FieldPath, _ detail: String) -> FieldError {
    FieldError(.internalError, field, nil, detail)
  }

  /// The `metav1.StatusCause` of this error.
  public var cause: JSONValue {
    var cause: JSONValue = ["reason": .string(kind.rawValue), "message": .string(body)]
    if !field.isEmpty { cause["field"] = .string(field) }
    return cause
  }
}

extension [FieldError] {
  /// The errors as one message: alone as it is, several in brackets, each text once.
  public var aggregateMessage: String {
    var seen: Set<String> = []
    let texts: [String] = map(\.description).filter { seen.insert($0).inserted }
    return texts.count == 1 ? texts[0] : "[" + texts.joined(separator: ", ") + "]"
  }
}

extension String {
  /// The string quoted as Go's `%q` does.
  public var goQuoted: String {
    var text: String = "\""
    for scalar: Unicode.Scalar in unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{07}": text += "\\a"
      case "\u{08}": text += "\\b"
      case "\u{0C}": text += "\\f"
      case "\u{0B}": text += "\\v"
      default:
        if scalar.value < 0x20 || scalar.value == 0x7F {
          let digits: String = String(scalar.value, radix: 16)
          text += "\\x" + (digits.count < 2 ? "0" : "") + digits
        } else if !scalar.isGoPrintable {
          let digits: String = String(scalar.value, radix: 16)
          let width: Int = scalar.value > 0xFFFF ? 8 : 4
          text += (width == 8 ? "\\U" : "\\u") + String(repeating: "0", count: width - digits.count) + digits
        } else {
          text.unicodeScalars.append(scalar)
        }
      }
    }
    return text + "\""
  }
}

extension Unicode.Scalar {
  /// Whether Go's `strconv.IsPrint` holds.
  fileprivate var isGoPrintable: Bool {
    if value < 0x7F { return value >= 0x20 }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
      .spaceSeparator:
      return false
    default: return true
    }
  }
}
