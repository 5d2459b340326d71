// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A label selector: requirements that all must hold (`app=web,tier in (a, b),!canary`).
public struct LabelSelector: Sendable, Hashable {
  /// How a requirement compares.
  public enum Operator: String, Sendable, Hashable {
    case equals = "="
    case notEquals = "!="
    case isIn = "in"
    case notIn = "notin"
    case exists = "exists"
    case doesNotExist = "!"
    case greaterThan = "gt"
    case lessThan = "lt"
  }

  /// One requirement on one label.
  public struct Requirement: Sendable, Hashable {
    /// The label's key.
    public var key: String
    /// How it compares.
    public var comparison: Operator
    /// What it compares with.
    public var values: [String]

    /// A requirement.
    public init(key: String, comparison: Operator, values: [String] = []) {
      self.key = key
      self.comparison = comparison
      self.values = values
    }

    /// Whether labels meet the requirement.
    public func matches(_ labels: [String: String]) -> Bool {
      let value: String? = labels[key]
      switch comparison {
      case .equals, .isIn: return value.map(values.contains) ?? false
      case .notEquals, .notIn: return !(value.map(values.contains) ?? false)
      case .exists: return value != nil
      case .doesNotExist: return value == nil
      case .greaterThan, .lessThan:
        guard let value, let left: Int64 = Int64(value), let first: String = values.first,
          let right: Int64 = Int64(first)
        else { return false }
        return comparison == .greaterThan ? left > right : left < right
      }
    }
  }

  /// What must hold.
  public var requirements: [Requirement]
  /// Whether the selector matches no object at all, not even one without labels.
  public var matchesNothing: Bool

  /// A selector of requirements; without any it matches everything.
  public init(_ requirements: [Requirement] = [], matchesNothing: Bool = false) {
    self.requirements = requirements
    self.matchesNothing = matchesNothing
  }

  /// A selector of labels that must have these values.
  public init(labels: [String: String]) {
    self.init(
      labels.sorted { $0.key < $1.key }.map { Requirement(key: $0.key, comparison: .equals, values: [$0.value]) })
  }

  /// Matches everything.
  public static let everything: LabelSelector = LabelSelector()
  /// Matches nothing.
  public static let nothing: LabelSelector = LabelSelector([], matchesNothing: true)

  /// Whether the selector matches everything.
  public var isEmpty: Bool { requirements.isEmpty && !matchesNothing }

  /// Whether labels match.
  public func matches(_ labels: [String: String]) -> Bool {
    !matchesNothing && requirements.allSatisfy { $0.matches(labels) }
  }
}

extension LabelSelector: CustomStringConvertible {
  /// The text of the selector, as the query parameter `labelSelector` has it.
  public var description: String {
    requirements.map { requirement in
      let list: String = requirement.values.joined(separator: ",")
      switch requirement.comparison {
      case .equals: return "\(requirement.key)=\(list)"
      case .notEquals: return "\(requirement.key)!=\(list)"
      case .isIn: return "\(requirement.key) in (\(list))"
      case .notIn: return "\(requirement.key) notin (\(list))"
      case .exists: return requirement.key
      case .doesNotExist: return "!\(requirement.key)"
      case .greaterThan: return "\(requirement.key)>\(list)"
      case .lessThan: return "\(requirement.key)<\(list)"
      }
    }.joined(separator: ",")
  }
}

// MARK: - Parsing

extension LabelSelector {
  /// Parses the text of the query parameter `labelSelector`.
  public init(parsing text: String) throws(KubeValuesError) {
    var parser: LabelSelectorParser = LabelSelectorParser(text)
    self.init(try parser.requirements())
  }
}

/// Upstream's grammar of label selectors, over characters.
private struct LabelSelectorParser {
  let characters: [Character]
  var place: Int = 0

  init(_ text: String) { characters = Array(text) }

  /// A token: a word, or one of `, ( ) ! = == != < >`; empty at the end.
  mutating func next() -> String {
    while place < characters.count, characters[place].isWhitespace { place += 1 }
    guard place < characters.count else { return "" }
    let special: Set<Character> = [",", "(", ")", "!", "=", "<", ">"]
    let first: Character = characters[place]
    if special.contains(first) {
      place += 1
      if first == "=" || first == "!", place < characters.count, characters[place] == "=" {
        place += 1
        return String(first) + "="
      }
      return String(first)
    }
    let start: Int = place
    while place < characters.count, !special.contains(characters[place]), !characters[place].isWhitespace { place += 1 }
    return String(characters[start..<place])
  }

  mutating func peek() -> String {
    let start: Int = place
    defer { place = start }
    return next()
  }

  func unexpected(_ token: String, _ expected: String) -> KubeValuesError {
    KubeValuesError(.invalidSelector, "found '\(token)', expected: \(expected)")
  }

  /// Whether a token can be a key or a value.
  static func isWord(_ token: String) -> Bool {
    !token.isEmpty && ![",", "(", ")", "!", "=", "==", "!=", "<", ">"].contains(token)
  }

  mutating func requirements() throws(KubeValuesError) -> [LabelSelector.Requirement] {
    var result: [LabelSelector.Requirement] = []
    guard !peek().isEmpty else { return result }
    while true {
      let first: String = peek()
      guard first == "!" || Self.isWord(first) else { throw unexpected(first, "!, identifier, or 'end of string'") }
      do throws(KubeValuesError) { result.append(try requirement()) } catch {
        throw KubeValuesError(.invalidSelector, "unable to parse requirement: \(error)")
      }
      let token: String = next()
      if token.isEmpty { return result }
      guard token == "," else { throw unexpected(token, "',' or 'end of string'") }
      let following: String = peek()
      guard following == "!" || Self.isWord(following) else { throw unexpected(following, "identifier after ','") }
    }
  }

  mutating func requirement() throws(KubeValuesError) -> LabelSelector.Requirement {
    var key: String = next()
    var isNegated: Bool = false
    if key == "!" {
      isNegated = true
      key = next()
    }
    guard Self.isWord(key) else { throw unexpected(key, "identifier") }
    let faults: [String] = KubeName.qualifiedNameErrors(key)
    guard faults.isEmpty else { throw Self.invalid("<nil>", key, faults) }
    if isNegated { return LabelSelector.Requirement(key: key, comparison: .doesNotExist) }
    let token: String = peek()
    switch token {
    case "", ",": return LabelSelector.Requirement(key: key, comparison: .exists)
    case "=", "==", "!=":
      _ = next()
      return LabelSelector.Requirement(
        key: key, comparison: token == "!=" ? .notEquals : .equals, values: try checked([try value()], key))
    case "<", ">":
      _ = next()
      let bound: String = try value()
      guard Int64(bound) != nil else {
        throw Self.invalid("values[0]", bound, ["for 'Gt', 'Lt' operators, the value must be an integer"])
      }
      return LabelSelector.Requirement(key: key, comparison: token == "<" ? .lessThan : .greaterThan, values: [bound])
    case "in", "notin":
      _ = next()
      return LabelSelector.Requirement(
        key: key, comparison: token == "in" ? .isIn : .notIn, values: try checked(try list(), key))
    default:
      throw unexpected(token, "in, notin, =, ==, !=, gt, lt")
    }
  }

  /// The value after an operator; it may be empty.
  mutating func value() throws(KubeValuesError) -> String {
    let token: String = peek()
    if token.isEmpty || token == "," { return "" }
    _ = next()
    guard Self.isWord(token) else { throw unexpected(token, "identifier") }
    return token
  }

  func checked(_ values: [String], _ key: String) throws(KubeValuesError) -> [String] {
    for (place, value) in values.enumerated() {
      let faults: [String] = KubeName.labelValueErrors(value)
      guard faults.isEmpty else { throw Self.invalid("values[\(place)][\(key)]", value, faults) }
    }
    return values
  }

  private static func invalid(_ path: String, _ value: String, _ faults: [String]) -> KubeValuesError {
    KubeValuesError(.invalidSelector, "\(path): Invalid value: \"\(value)\": \(faults.joined(separator: "; "))")
  }

  mutating func list() throws(KubeValuesError) -> [String] {
    var token: String = next()
    guard token == "(" else { throw KubeValuesError(.invalidSelector, "found '\(token)' expected: '('") }
    var values: Set<String> = []
    var expectsValue: Bool = true
    while true {
      token = next()
      switch token {
      case ")":
        if expectsValue { values.insert("") }
        return values.sorted()
      case ",":
        if expectsValue { values.insert("") }
        expectsValue = true
      case "": throw unexpected(token, "',', or ')'")
      default:
        guard expectsValue, Self.isWord(token) else { throw unexpected(token, "',', or ')'") }
        values.insert(token)
        expectsValue = false
      }
    }
  }
}
