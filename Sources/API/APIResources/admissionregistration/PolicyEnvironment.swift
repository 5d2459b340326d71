// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
public import CEL
public import JSON

/// What the expressions of policies and webhooks may refer to.
public enum PolicyEnvironment {
  private static let authorizer: CELType = .opaque("kubernetes.authorization.Authorizer", [])
  private static let variables: [String: CELType] = [
    "object": .dyn, "oldObject": .dyn, "request": .dyn, "namespaceObject": .dyn, "authorizer": authorizer,
    "authorizer.requestResource": .opaque("kubernetes.authorization.ResourceCheck", []),
  ]

  /// Without parameters: matchConditions of webhooks.
  public static let plain: CELEnvironment = CELEnvironment(variables: variables)

  /// For the expressions of a policy.
  ///
  /// - Parameters:
  ///   - known: The types of the policy's variables; nil where it has none.
  ///   - buildsObjects: Whether these are mutations.
  public static func policy(
    hasParameters: Bool, known: [String: CELType]? = nil, buildsObjects: Bool = false
  ) -> CELEnvironment {
    var all: [String: CELType] = variables
    if hasParameters { all["params"] = .dyn }
    if let known { all["variables"] = .object(CELObjectType("kubernetes.variables", known)) }
    return CELEnvironment(variables: all, buildsObjects: buildsObjects)
  }

  /// What the expression of a mutation gives.
  public static func result(ofMutation patchType: String) -> CELType {
    patchType == "JSONPatch" ? .list(.opaque("JSONPatch", [])) : .opaque("Object", [])
  }

  /// The expressions of a policy's variables, in order, and the environment of what uses them (its mutations, where it
  /// has some); a variable that does not compile is left out.
  public static func variables(_ spec: JSONValue) -> (programs: [(name: String, program: CELProgram)], CELEnvironment) {
    let hasParameters: Bool = spec["paramKind"].isThere
    var known: [String: CELType] = [:]
    var programs: [(name: String, program: CELProgram)] = []
    for variable: JSONValue in spec["variables"].items {
      let environment: CELEnvironment = policy(hasParameters: hasParameters, known: known)
      guard let program: CELProgram = try? environment.compile(variable["expression"].plain) else { continue }
      known[variable["name"].plain] = program.type
      programs.append((variable["name"].plain, program))
    }
    return (
      programs, policy(hasParameters: hasParameters, known: known, buildsObjects: spec["mutations"].isThere)
    )
  }
}

/// The rules of expressions in policies and webhooks.
enum ExpressionValidation {
  private static let conditionsMax: Int = 64
  private static let reasons: [String] = ["Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"]

  /// What is wrong with an expression that must have a type.
  static func errors(
    _ text: JSONValue, _ path: FieldPath, _ environment: CELEnvironment, wants types: [CELType], named words: String
  ) -> [FieldError] {
    do throws(CELIssues) {
      let program: CELProgram = try environment.compile(text.plain)
      return types.contains(program.type) || types.isEmpty ? [] : [.invalid(path, text, "must evaluate to \(words)")]
    } catch { return [.invalid(path, text, "compilation failed: \(error)")] }
  }

  static func conditionErrors(_ owner: JSONValue, _ path: FieldPath, _ environment: CELEnvironment) -> [FieldError] {
    let conditions: [JSONValue] = owner["matchConditions"].items
    let at: FieldPath = path.child("matchConditions")
    var errors: [FieldError] = []
    var names: Set<String> = []
    if conditions.count > conditionsMax { errors.append(.tooMany(at, conditions.count, conditionsMax)) }
    for (place, condition) in conditions.enumerated() {
      let own: FieldPath = at.index(place)
      if condition["expression"].plain.trimmedBlanks.isEmpty {
        errors.append(.required(own.child("expression")))
      } else {
        errors += self.errors(
          condition["expression"], own.child("expression"), environment, wants: [.bool], named: "bool")
      }
      let name: String = condition["name"].plain
      if name.isEmpty {
        errors.append(.required(own.child("name")))
      } else {
        errors += Checks.text(condition["name"], own.child("name"), Names.qualified)
        if !names.insert(name).inserted { errors.append(.duplicate(own.child("name"), .string(name))) }
      }
    }
    return errors
  }

  /// The variables, conditions, validations and annotations of a policy.
  static func policyErrors(
    _ spec: JSONValue, _ path: FieldPath, isMutating: Bool, policyName: String = ""
  ) -> [FieldError] {
    let hasParameters: Bool = spec["paramKind"].isThere
    var errors: [FieldError] = []
    var known: [String: CELType] = [:]
    for (place, variable) in spec["variables"].items.enumerated() {
      let own: FieldPath = path.child("variables").index(place)
      let name: String = variable["name"].plain
      if name.isEmpty {
        errors.append(.required(own.child("name"), "name is not specified"))
      } else if !isIdentifier(name) {
        errors.append(.invalid(own.child("name"), .string(name), "must be a valid CEL identifier"))
      }
      let text: JSONValue = variable["expression"]
      if text.plain.trimmedBlanks.isEmpty {
        errors.append(.required(own.child("expression"), "expression is not specified"))
        continue
      }
      let environment: CELEnvironment = PolicyEnvironment.policy(hasParameters: hasParameters, known: known)
      errors += self.errors(text, own.child("expression"), environment, wants: [], named: "")
      known[name] = (try? environment.compile(text.plain))?.type ?? .dyn
    }
    let environment: CELEnvironment = PolicyEnvironment.policy(hasParameters: hasParameters, known: known)
    errors += conditionErrors(spec, path, PolicyEnvironment.policy(hasParameters: hasParameters))
    if isMutating {
      let building: CELEnvironment = PolicyEnvironment.policy(
        hasParameters: hasParameters, known: known, buildsObjects: true)
      return errors + mutationErrors(spec, path, building)
    }
    for (place, rule) in spec["validations"].items.enumerated() {
      errors += validationErrors(rule, path.child("validations").index(place), environment)
    }
    for (place, annotation) in spec["auditAnnotations"].items.enumerated() {
      let own: FieldPath = path.child("auditAnnotations").index(place)
      errors += auditKeyErrors(annotation["key"].plain, own.child("key"), policy: policyName)
      if annotation["valueExpression"].plain.trimmedBlanks.isEmpty {
        errors.append(.required(own.child("valueExpression"), "valueExpression is not specified"))
      } else {
        errors += self.errors(
          annotation["valueExpression"], own.child("valueExpression"), environment, wants: [.string, .null],
          named: "string or null")
      }
    }
    return errors
  }

  /// Annotations of the audit log have the policy's name before their own.
  private static func auditKeyErrors(_ key: String, _ path: FieldPath, policy: String) -> [FieldError] {
    if policy.isEmpty { return [.invalid(path, .string(key), "requires metadata.name be non-empty")] }
    let whole: String = policy + "/" + key
    return Names.qualified(whole).map { .invalid(path, .string(whole), $0) }
  }

  private static func mutationErrors(
    _ spec: JSONValue, _ path: FieldPath, _ environment: CELEnvironment
  ) -> [FieldError] {
    var errors: [FieldError] = []
    let keys: [String: String] = ["JSONPatch": "jsonPatch", "ApplyConfiguration": "applyConfiguration"]
    for (place, mutation) in spec["mutations"].items.enumerated() {
      let own: FieldPath = path.child("mutations").index(place)
      let type: String = mutation["patchType"].plain
      guard let key: String = keys[type] else {
        errors.append(
          type.isEmpty
            ? .required(own.child("patchType"))
            : .notSupported(own.child("patchType"), .string(type), ["ApplyConfiguration", "JSONPatch"]))
        continue
      }
      let expression: JSONValue = mutation[key]["expression"]
      if mutation[key].isNull {
        errors.append(.required(own.child(key), "must be specified when patchType is \(type)"))
      } else if expression.plain.trimmedBlanks.isEmpty {
        errors.append(.required(own.child(key, "expression")))
      } else {
        errors += mutationErrors(expression, own.child(key, "expression"), environment, type)
      }
      for other: String in keys.values where other != key && mutation[other].isThere {
        errors.append(.invalid(own.child(other), .string("{\(other)}"), "must not be specified when patchType is \(type)"))
      }
    }
    return errors
  }

  private static func mutationErrors(
    _ text: JSONValue, _ path: FieldPath, _ environment: CELEnvironment, _ patchType: String
  ) -> [FieldError] {
    let wanted: CELType = PolicyEnvironment.result(ofMutation: patchType)
    do throws(CELIssues) {
      let type: CELType = try environment.compile(text.plain.trimmedBlanks).type
      return type == wanted ? [] : [.invalid(path, text, "must evaluate to \(wanted) but got \(type)")]
    } catch { return [.invalid(path, text, "compilation failed: \(error)")] }
  }

  private static func validationErrors(_ rule: JSONValue, _ path: FieldPath, _ environment: CELEnvironment) -> [FieldError] {
    var errors: [FieldError] = []
    let text: String = rule["expression"].plain.trimmedBlanks
    let message: String = rule["message"].plain
    let expression: String = rule["messageExpression"].plain
    if text.isEmpty {
      errors.append(.required(path.child("expression"), "expression is not specified"))
    } else {
      errors += self.errors(rule["expression"], path.child("expression"), environment, wants: [.bool], named: "bool")
    }
    if !expression.isEmpty, expression.trimmedBlanks.isEmpty {
      errors.append(
        .invalid(path.child("messageExpression"), .string(expression), "must be non-empty if specified"))
    } else if !expression.isEmpty {
      errors += self.errors(
        rule["messageExpression"], path.child("messageExpression"), environment, wants: [.string], named: "string")
    }
    if !message.isEmpty, message.trimmedBlanks.isEmpty {
      errors.append(.invalid(path.child("message"), .string(message), "message must be non-empty if specified"))
    } else if message.trimmedBlanks.contains("\n") {
      errors.append(.invalid(path.child("message"), .string(message), "message must not contain line breaks"))
    } else if text.contains("\n"), message.isEmpty {
      errors.append(.required(path.child("message"), "message must be specified if expression contains line breaks"))
    }
    if let reason: String = rule["reason"].string, !reasons.contains(reason) {
      errors.append(.notSupported(path.child("reason"), .string(reason), reasons))
    }
    return errors
  }

  private static func isIdentifier(_ name: String) -> Bool {
    guard let first: UInt8 = name.utf8.first, !(first >= 0x30 && first <= 0x39) else { return false }
    return name.utf8.allSatisfy {
      ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x5F
    }
  }

  /// What the selectors of devices see.
  static let device: CELEnvironment = CELEnvironment(variables: [
    "device": .object(
      CELObjectType(
        "kubernetes.DRADevice",
        [
          "driver": .string, "allowMultipleAllocations": .bool,
          "attributes": .map(.string, .map(.string, .dyn)),
          "capacity": .map(.string, .map(.string, .opaque("kubernetes.Quantity", []))),
        ]))
  ])
}
