// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A field selector: `spec.nodeName=a,status.phase!=Running`.
public struct FieldSelector: Sendable, Hashable, CustomStringConvertible {
  /// One requirement on one field.
  public struct Requirement: Sendable, Hashable {
    /// The field's path, as in `metadata.name`.
    public var field: String
    /// The value it must have, or must not have.
    public var value: String
    /// Whether it must not have the value.
    public var isNegated: Bool

    /// A requirement.
    public init(field: String, value: String, isNegated: Bool = false) {
      self.field = field
      self.value = value
      self.isNegated = isNegated
    }
  }

  /// What must hold.
  public var requirements: [Requirement]

  /// A selector of requirements; without any it matches everything.
  public init(_ requirements: [Requirement] = []) { self.requirements = requirements }

  /// Whether everything matches.
  public var isEmpty: Bool { requirements.isEmpty }

  /// Parses the text of the query parameter `fieldSelector`; `\\`, `\,` and `\=` are escapes.
  public init(parsing text: String) throws(KubeValuesError) {
    requirements = []
    for term: String in Self.split(text) where !term.isEmpty {
      requirements.append(try Self.requirement(term))
    }
  }

  private static func split(_ text: String) -> [String] {
    var terms: [String] = []
    var current: String = ""
    var isEscaped: Bool = false
    for character: Character in text {
      if isEscaped {
        current.append(character)
        isEscaped = false
      } else if character == "," {
        terms.append(current)
        current = ""
      } else {
        isEscaped = character == "\\"
        current.append(character)
      }
    }
    return terms + [current]
  }

  private static func requirement(_ term: String) throws(KubeValuesError) -> Requirement {
    // The first operator in the text counts; what looks like another one behind it is of the value.
    for place: String.Index in term.indices {
      for (separator, isNegated) in [("!=", true), ("==", false), ("=", false)] where term[place...].hasPrefix(separator) {
        let value: String = try unescape(String(term[place...].dropFirst(separator.count)), term)
        return Requirement(field: String(term[..<place]), value: value, isNegated: isNegated)
      }
    }
    throw KubeValuesError(.invalidSelector, "invalid selector: '\(term)'; can't understand '\(term)'")
  }

  private static func unescape(_ text: String, _ term: String) throws(KubeValuesError) -> String {
    var value: String = ""
    var isEscaped: Bool = false
    for character: Character in text {
      if isEscaped {
        guard ["\\", ",", "="].contains(character) else {
          throw KubeValuesError(.invalidSelector, "invalid field selector: invalid escape sequence: '\\\(character)'")
        }
        value.append(character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == "=" || character == "," {
        throw KubeValuesError(.invalidSelector, "invalid field selector: unescaped character in value: '\(character)'")
      } else {
        value.append(character)
      }
    }
    return value
  }

  /// Whether an object's fields match; `field` gives the text of a field by its path.
  public func matches(_ field: (String) -> String) -> Bool {
    requirements.allSatisfy { (field($0.field) == $0.value) != $0.isNegated }
  }

  public var description: String {
    requirements.map { "\($0.field)\($0.isNegated ? "!=" : "=")\(Self.escape($0.value))" }.joined(separator: ",")
  }

  private static func escape(_ value: String) -> String {
    var result: String = ""
    for character: Character in value {
      if ["\\", ",", "="].contains(character) { result.append("\\") }
      result.append(character)
    }
    return result
  }
}
