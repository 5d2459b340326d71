// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import CEL
import JSON

/// What rules may cost.
enum RuleCosts {
  /// Of one rule, as estimated.
  static let ruleLimit: UInt64 = 10_000_000
  /// Of all rules of a schema together, as estimated.
  static let schemaLimit: UInt64 = 100_000_000
  /// Of one evaluation.
  static let callLimit: Int = 1_000_000
  /// Of all evaluations for an object.
  static let objectLimit: Int = 10_000_000
  private static let advice: String =
    "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"

  /// How many values there can be of what an array or a map holds.
  static func times(_ count: UInt64?, _ limit: JSONValue) -> UInt64? {
    guard let count, let limit: Int64 = limit.int else { return nil }
    return product(count, UInt64(max(0, limit)))
  }

  static func product(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (value, overflows): (UInt64, Bool) = left.multipliedReportingOverflow(by: right)
    return overflows ? .max : value
  }

  static func message(_ what: String, _ cost: UInt64, _ limit: UInt64) -> String {
    let factor: Double = Double(cost) / Double(limit)
    let words: String
    if factor > 100 {
      words = "more than 100x"
    } else {
      let digits: Int64 = Int64((factor * (factor < 1.5 ? 1_000_000 : 10)).rounded())
      let unit: Int64 = factor < 1.5 ? 1_000_000 : 10
      let rest: String = String(digits % unit)
      words = "\(digits / unit).\(String(repeating: "0", count: (factor < 1.5 ? 6 : 1) - rest.count))\(rest)x"
    }
    return "\(what) exceeds budget by factor of \(words) \(advice)"
  }
}

/// Compiles the rules of a schema and counts what they can cost.
struct RuleValidation {
  private static let reasons: [String] = [
    "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired",
  ]
  /// Cheaper rules are not named where all together cost too much.
  private static let dearCost: UInt64 = 1_000_000
  private static let dearCount: Int = 4

  private let root: JSONValue
  private(set) var errors: [FieldError] = []
  private var total: UInt64 = 0
  private var dear: [(path: FieldPath, cost: UInt64)] = []

  init(root: JSONValue) { self.root = root }

  /// What is wrong with the form of a schema's rules.
  static func formErrors(_ schema: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, rule) in schema["x-kubernetes-validations"].items.enumerated() {
      let at: FieldPath = path.child("x-kubernetes-validations").index(place)
      let text: String = rule["rule"].plain
      let message: String = rule["message"].plain
      if isBlank(text) {
        errors.append(.required(at.child("rule"), "rule is not specified"))
      } else if !message.isEmpty, isBlank(message) {
        errors.append(.invalid(at.child("message"), .string(message), "message must be non-empty if specified"))
      } else if message.contains("\n") {
        errors.append(.invalid(at.child("message"), .string(message), "message must not contain line breaks"))
      } else if text.contains("\n"), message.isEmpty {
        errors.append(.required(at.child("message"), "message must be specified if rule contains line breaks"))
      }
      let expression: String = rule["messageExpression"].plain
      if !expression.isEmpty, isBlank(expression) {
        errors.append(.required(at.child("messageExpression"), "messageExpression must be non-empty if specified"))
      }
      if let reason: String = rule["reason"].string, !reasons.contains(reason) {
        errors.append(.notSupported(at.child("reason"), .string(reason), reasons))
      }
      errors += pathErrors(rule["fieldPath"], schema, at.child("fieldPath"))
    }
    return errors
  }

  private static func isBlank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }

  private static func pathErrors(_ path: JSONValue, _ schema: JSONValue, _ at: FieldPath) -> [FieldError] {
    guard !path.plain.isEmpty else { return [] }
    if isBlank(path.plain) { return [.invalid(at, path, "fieldPath must be non-empty if specified")] }
    if path.plain.contains("\n") { return [.invalid(at, path, "fieldPath must not contain line breaks")] }
    return RulePath.isValid(path.plain, schema) ? [] : [.invalid(at, path, "must be a valid path")]
  }

  mutating func compile(_ schema: JSONValue, _ path: FieldPath, _ place: SchemaValidation.Place) {
    let rules: [JSONValue] = schema["x-kubernetes-validations"].items
    guard !rules.isEmpty else { return }
    let isResource: Bool = place.isRoot || RuleTypes.isEmbedded(schema)
    guard let types: RuleTypes = RuleTypes(schema, isResource: isResource) else { return }
    let cardinality: UInt64 = place.cardinality ?? RuleTypes.requestLimit / (types.leastBytes + 1)
    for (index, rule) in rules.enumerated() {
      check(rule, types, cardinality, path.child("x-kubernetes-validations").index(index), place)
    }
  }

  private mutating func check(
    _ rule: JSONValue, _ types: RuleTypes, _ cardinality: UInt64, _ at: FieldPath, _ place: SchemaValidation.Place
  ) {
    let environment: CELEnvironment = Self.environment(types.type, rule)
    let shown: JSONValue = DefinitionText.rule(rule)
    let program: CELProgram
    do throws(CELIssues) {
      program = try environment.compile(rule["rule"].plain)
    } catch {
      errors.append(.invalid(at.child("rule"), shown, "compilation failed: \(error)"))
      return
    }
    let cost: UInt64 = RuleCosts.product(Self.cost(program, types), cardinality)
    if cost > RuleCosts.ruleLimit {
      errors.append(.forbidden(at.child("rule"), RuleCosts.message("estimated rule cost", cost, RuleCosts.ruleLimit)))
    }
    observe(at.child("rule"), cost)
    if program.type != .bool {
      errors.append(.invalid(at.child("rule"), shown, "cel expression must evaluate to a bool"))
    }
    checkMessage(rule, environment, types, at.child("messageExpression"), shown)
    if program.uses("oldSelf") {
      if let above: FieldPath = place.uncorrelatable {
        errors.append(
          .invalid(
            at.child("rule"), rule["rule"],
            "oldSelf cannot be used on the uncorrelatable portion of the schema within \(above)"))
      }
    } else if rule["optionalOldSelf"].isThere {
      errors.append(
        .invalid(at.child("optionalOldSelf"), rule["optionalOldSelf"], "may not be set if oldSelf is not used in rule"))
    }
  }

  private mutating func checkMessage(
    _ rule: JSONValue, _ environment: CELEnvironment, _ types: RuleTypes, _ at: FieldPath, _ shown: JSONValue
  ) {
    let text: String = rule["messageExpression"].plain
    guard !text.isEmpty else { return }
    do throws(CELIssues) {
      let program: CELProgram = try environment.compile(text)
      guard program.type == .string else {
        errors.append(.invalid(at, shown, "messageExpression must evaluate to a string"))
        return
      }
      let cost: UInt64 = Self.cost(program, types)
      if cost > RuleCosts.ruleLimit {
        errors.append(.forbidden(at, RuleCosts.message("estimated messageExpression cost", cost, RuleCosts.ruleLimit)))
      }
      observe(at, cost)
    } catch {
      errors.append(.invalid(at, shown, "messageExpression compilation failed: \(error)"))
    }
  }

  static func environment(_ type: CELType, _ rule: JSONValue) -> CELEnvironment {
    let isOptional: Bool = rule["optionalOldSelf"].bool == true
    return CELEnvironment(variables: ["self": type, "oldSelf": isOptional ? .optional(type) : type])
  }

  private static func cost(_ program: CELProgram, _ types: RuleTypes) -> UInt64 {
    program.estimatedCost { path in
      guard path.first == "self" || path.first == "oldSelf" else { return nil }
      return types.size(path.dropFirst())
    }
  }

  private mutating func observe(_ path: FieldPath, _ cost: UInt64) {
    let (sum, overflows): (UInt64, Bool) = total.addingReportingOverflow(cost)
    total = overflows ? .max : sum
    guard cost >= Self.dearCost else { return }
    let place: Int = dear.firstIndex { $0.cost < cost } ?? dear.count
    dear.insert((path, cost), at: place)
    if dear.count > Self.dearCount { dear.removeLast() }
  }

  func totalErrors(_ path: FieldPath) -> [FieldError] {
    guard total > RuleCosts.schemaLimit else { return [] }
    let parts: [FieldError] = dear.map {
      .forbidden($0.path, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema")
    }
    let words: String = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
    return parts + [.forbidden(path, RuleCosts.message(words, total, RuleCosts.schemaLimit))]
  }
}

/// The fieldPath of a rule: `.spec.x`, `['a.b']`.
enum RulePath {
  /// The names of a path; nil where it is none.
  static func names(_ path: String) -> [String]? {
    var rest: Substring = path[...]
    var names: [String] = []
    while let first: Character = rest.first {
      rest = rest.dropFirst()
      if first == "." {
        let name: Substring = rest.prefix { $0 != "." && $0 != "[" }
        if name.isEmpty { return nil }
        names.append(String(name))
        rest = rest.dropFirst(name.count)
      } else if first == "[", let quote: Character = rest.first, quote == "'" || quote == "\"" {
        let name: Substring = rest.dropFirst().prefix { $0 != quote }
        rest = rest.dropFirst(name.count + 2)
        guard rest.first == "]" else { return nil }
        rest = rest.dropFirst()
        names.append(String(name))
      } else {
        return nil
      }
    }
    return names.isEmpty ? nil : names
  }

  static func isValid(_ path: String, _ schema: JSONValue) -> Bool {
    guard let names: [String] = names(path) else { return false }
    var schema: JSONValue = schema
    for name: String in names {
      schema = schema["additionalProperties"].object != nil ? schema["additionalProperties"] : schema["properties"][name]
      if schema.isNull { return false }
    }
    return true
  }

  /// A path below another; keys of maps are in brackets.
  static func place(_ path: String, below: FieldPath, _ schema: JSONValue) -> FieldPath {
    var schema: JSONValue = schema
    var place: FieldPath = below
    for name: String in names(path) ?? [] {
      if schema["additionalProperties"].object != nil {
        schema = schema["additionalProperties"]
        place = place.key(name)
      } else {
        schema = schema["properties"][name]
        place = place.child(name)
      }
    }
    return place
  }
}
