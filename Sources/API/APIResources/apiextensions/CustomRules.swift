// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import APISchema
import CEL
public import JSON

/// The rules of a custom kind's schema, ready to be asked.
public struct CustomRules: Sendable {
  private static let depthLimit: Int = 100

  private struct Rule: Sendable {
    let source: JSONValue
    let program: CELProgram
    let message: CELProgram?
    let usesOld: Bool

    var isOptional: Bool { source["optionalOldSelf"].bool == true }
    var text: String { source["rule"].plain.trimmedBlanks }
    var words: String {
      let message: String = source["message"].plain.trimmedBlanks
      return message.isEmpty ? "failed rule: \(text)" : message
    }
  }

  private final class Part: Sendable {
    let schema: JSONValue
    let isResource: Bool
    let rules: [Rule]
    let fields: [String: Part]
    let element: Part?

    /// The rules of a schema and of what it holds; nil where there are none.
    init?(_ schema: JSONValue, isResource: Bool, depth: Int = 0) {
      guard schema.object != nil, depth < CustomRules.depthLimit else { return nil }
      self.schema = schema
      self.isResource = isResource
      rules = Part.rules(schema, isResource)
      var fields: [String: Part] = [:]
      for (name, property) in schema["properties"].object ?? JSONObject() {
        fields[name] = Part(property, isResource: RuleTypes.isEmbedded(property), depth: depth + 1)
      }
      self.fields = fields
      let inner: JSONValue = schema["items"].object != nil ? schema["items"] : schema["additionalProperties"]
      element = Part(inner, isResource: RuleTypes.isEmbedded(inner), depth: depth + 1)
      if rules.isEmpty, fields.isEmpty, element == nil { return nil }
    }

    private static func rules(_ schema: JSONValue, _ isResource: Bool) -> [Rule] {
      let sources: [JSONValue] = schema["x-kubernetes-validations"].items
      guard !sources.isEmpty, let types: RuleTypes = RuleTypes(schema, isResource: isResource) else { return [] }
      return sources.compactMap { source in
        let environment: CELEnvironment = RuleValidation.environment(types.type, source)
        // A rule that does not compile was refused with its definition.
        guard let program: CELProgram = try? environment.compile(source["rule"].plain) else { return nil }
        let text: String = source["messageExpression"].plain
        let message: CELProgram? = text.isEmpty ? nil : try? environment.compile(text)
        return Rule(source: source, program: program, message: message, usesOld: program.uses("oldSelf"))
      }
    }
  }

  private let root: Part

  /// The rules of a version's `openAPIV3Schema`; nil where it has none.
  public init?(_ schema: JSONValue) {
    guard let root: Part = Part(schema, isResource: true) else { return nil }
    self.root = root
  }

  /// What the rules say of an object, given what its schema said already.
  public func errors(_ object: JSONValue, old: JSONValue?, after found: [FieldError]) -> [FieldError] {
    let blocks: Bool = found.contains { [.required, .tooLong, .tooMany, .typeInvalid].contains($0.kind) }
    if blocks {
      return [
        .invalid(
          .root, .null,
          "some validation rules were not checked because the object was invalid; correct the existing errors to complete "
            + "validation")
      ]
    }
    var check: Check = Check()
    check.walk(object, old, isUnchanged: false, root, .root)
    return check.errors
  }

  private struct Check {
    var errors: [FieldError] = []
    private var budget: Int = RuleCosts.objectLimit

    /// - Parameter isUnchanged: Whether the nearest value above with an old one is as it was.
    mutating func walk(_ value: JSONValue, _ old: JSONValue?, isUnchanged: Bool, _ part: Part, _ path: FieldPath) {
      guard budget > 0 else { return }
      let isUnchanged: Bool = old.map { $0 == value } ?? isUnchanged
      if !part.rules.isEmpty { evaluate(value, old, isUnchanged: isUnchanged, part, path) }
      switch value {
      case .object(let members):
        let isCorrelated: Bool = part.schema["x-kubernetes-map-type"].plain != "atomic"
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
          let before: JSONValue? = isCorrelated ? old?.object?[name] : nil
          if let field: Part = part.fields[name] {
            walk(member, before, isUnchanged: isUnchanged, field, path.child(name))
          } else if let element: Part = part.element, part.schema["properties"].isVoid {
            walk(member, before, isUnchanged: isUnchanged, element, path.key(name))
          }
        }
      case .array(let items):
        guard let element: Part = part.element else { return }
        let keys: [String] = part.schema["x-kubernetes-list-map-keys"].strings
        for (place, item) in items.enumerated() {
          let before: JSONValue? = keys.isEmpty ? nil : old?.items.first { other in keys.allSatisfy { other[$0] == item[$0] } }
          walk(item, before, isUnchanged: isUnchanged, element, path.index(place))
        }
      default: break
      }
    }

    private mutating func evaluate(
      _ value: JSONValue, _ old: JSONValue?, isUnchanged: Bool, _ part: Part, _ path: FieldPath
    ) {
      let own: CELValue = RuleValues.value(value, part.schema, isResource: part.isResource)
      let before: CELValue? = old.map { RuleValues.value($0, part.schema, isResource: part.isResource) }
      for rule: Rule in part.rules where budget > 0 {
        // What has not changed is not asked again, but for rules about changes.
        if !rule.usesOld, isUnchanged { continue }
        var bindings: [String: CELValue] = ["self": own]
        if rule.isOptional {
          bindings["oldSelf"] = .optional(before)
        } else if let before {
          bindings["oldSelf"] = before
        } else if rule.usesOld {
          continue
        }
        ask(rule, bindings, value, part, path)
      }
    }

    private mutating func ask(
      _ rule: Rule, _ bindings: [String: CELValue], _ value: JSONValue, _ part: Part, _ path: FieldPath
    ) {
      var allowance: Int = min(RuleCosts.callLimit, budget)
      let granted: Int = allowance
      defer { budget -= granted - allowance }
      let type: JSONValue = part.schema["type"]
      do throws(CELError) {
        let result: CELValue = try rule.program.evaluate(bindings, budget: &allowance)
        if result.bool == true { return }
      } catch {
        if error.isOverBudget {
          errors.append(
            .invalid(
              path, type, "validation failed due to running out of cost budget, no further validation rules will be run"))
          budget = 0
        } else {
          errors.append(.invalid(path, type, "\(error) evaluating rule: \(rule.words.replacingPrefix("failed rule: "))"))
        }
        return
      }
      var words: String = rule.words
      if let message: CELProgram = rule.message, let text: String = try? message.evaluate(bindings, budget: &allowance).string {
        let own: String = text.trimmedBlanks
        if !own.isEmpty, !own.contains("\n") { words = own }
      }
      errors.append(Self.error(rule, value, part, path, words))
    }

    private static func error(
      _ rule: Rule, _ value: JSONValue, _ part: Part, _ path: FieldPath, _ words: String
    ) -> FieldError {
      let given: String = rule.source["fieldPath"].plain
      let place: FieldPath = given.isEmpty ? path : RulePath.place(given, below: path, part.schema)
      let shown: JSONValue? = value.object == nil && value.array == nil ? .some(value) : .none
      switch rule.source["reason"].plain {
      case "FieldValueForbidden": return .forbidden(place, words)
      case "FieldValueRequired": return .required(place, words)
      case "FieldValueDuplicate": return FieldError(.duplicate, place, shown)
      default: return .invalid(place, shown, words)
      }
    }
  }
}

extension String {
  /// Without blanks around it.
  var trimmedBlanks: String {
    var rest: Substring = self[...]
    while let first: Character = rest.first, first.isWhitespace { rest.removeFirst() }
    while let last: Character = rest.last, last.isWhitespace { rest.removeLast() }
    return String(rest)
  }

  fileprivate func replacingPrefix(_ prefix: String) -> String { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self }
}
