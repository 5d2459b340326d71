// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of webhook configurations.
enum WebhookValidation {
  static func errors(_ object: JSONValue, isMutating: Bool) -> [FieldError] {
    var errors: [FieldError] = []
    var names: Set<String> = []
    for (place, hook) in object["webhooks"].items.enumerated() {
      let at: FieldPath = FieldPath("webhooks").index(place)
      errors += nameErrors(hook["name"].plain, at.child("name"))
      if !names.insert(hook["name"].plain).inserted { errors.append(.duplicate(at.child("name"), hook["name"])) }
      for (index, rule) in hook["rules"].items.enumerated() {
        errors += AdmissionRules.ruleErrors(rule, at.child("rules").index(index))
      }
      errors += policyErrors(hook, at, isMutating: isMutating)
      errors += AdmissionRules.clientErrors(hook["clientConfig"], at.child("clientConfig"))
      errors += AdmissionRules.versionErrors(hook["admissionReviewVersions"], at.child("admissionReviewVersions"))
      errors += ExpressionValidation.conditionErrors(hook, at, PolicyEnvironment.plain)
    }
    return errors
  }

  private static func nameErrors(_ name: String, _ path: FieldPath) -> [FieldError] {
    if name.isEmpty { return [.required(path)] }
    let wrong: [FieldError] = Names.subdomain(name).map { .invalid(path, .string(name), $0) }
    if !wrong.isEmpty || name.split(separator: ".").count >= 3 { return wrong }
    return [.invalid(path, .string(name), "should be a domain with at least three segments separated by dots")]
  }

  private static func policyErrors(_ hook: JSONValue, _ at: FieldPath, isMutating: Bool) -> [FieldError] {
    var errors: [FieldError] = []
    func check(_ key: String, _ known: [String]) {
      if hook[key].isThere { errors += Checks.supported(hook[key], at.child(key), known) }
    }
    check("failurePolicy", ["Fail", "Ignore"])
    check("matchPolicy", ["Equivalent", "Exact"])
    if hook["sideEffects"].isNull {
      errors.append(.required(at.child("sideEffects"), "must specify one of None, NoneOnDryRun"))
    } else {
      check("sideEffects", ["None", "NoneOnDryRun"])
    }
    if let seconds: Int64 = hook["timeoutSeconds"].int, !(1...30).contains(seconds) {
      errors.append(
        .invalid(
          at.child("timeoutSeconds"), .int(seconds), "the timeout value must be between 1 and 30 seconds"))
    }
    if isMutating { check("reinvocationPolicy", ["Never", "IfNeeded"]) }
    for key: String in ["namespaceSelector", "objectSelector"] {
      errors += Checks.labelSelector(hook[key], at.child(key))
    }
    return errors
  }
}

/// The rules of admission policies and their bindings.
enum AdmissionPolicyValidation {
  static func policyErrors(_ object: JSONValue, isMutating: Bool) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = []
    if spec["failurePolicy"].isThere {
      errors += Checks.supported(spec["failurePolicy"], path.child("failurePolicy"), ["Fail", "Ignore"])
    }
    if spec["paramKind"].isThere {
      errors += AdmissionRules.kindErrors(spec["paramKind"], path.child("paramKind"))
    }
    if spec["matchConstraints"].isNull {
      errors.append(.required(path.child("matchConstraints")))
    } else {
      errors += matchErrors(spec["matchConstraints"], path.child("matchConstraints"))
      if spec["matchConstraints"]["resourceRules"].isVoid {
        errors.append(.required(path.child("matchConstraints", "resourceRules")))
      }
    }
    if isMutating {
      return errors + mutatingErrors(spec, path)
    }
    if spec["validations"].isVoid, spec["auditAnnotations"].isVoid {
      errors.append(
        .required(path.child("validations"), "validations or auditAnnotations must contain at least one item"))
      errors.append(
        .required(path.child("auditAnnotations"), "validations or auditAnnotations must contain at least one item"))
    }
    errors += ExpressionValidation.policyErrors(
      spec, path, isMutating: false, policyName: object["metadata"]["name"].plain)
    return errors
  }

  /// Nothing is left to change of what is deleted.
  private static let mutable: [String] = ["*", "CONNECT", "CREATE", "UPDATE"]

  private static func mutatingErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for rule: JSONValue in spec["matchConstraints"]["resourceRules"].items {
      for operation: String in rule["operations"].strings where !mutable.contains(operation) {
        errors.append(
          .notSupported(
            path.child("matchConstraints", "resourceRules", "operations"), .string(operation), mutable))
      }
    }
    errors += ExpressionValidation.policyErrors(spec, path, isMutating: true)
    if spec["mutations"].isVoid {
      errors.append(.required(path.child("mutations"), "mutations must contain at least one item"))
    }
    let policy: JSONValue = spec["reinvocationPolicy"]
    if policy.plain.isEmpty {
      errors.append(.required(path.child("reinvocationPolicy")))
    } else if !["IfNeeded", "Never"].contains(policy.plain) {
      errors.append(.notSupported(path.child("reinvocationPolicy"), policy, ["IfNeeded", "Never"]))
    }
    return errors
  }

  private static func matchErrors(_ match: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard match.isThere else { return [] }
    var errors: [FieldError] = Checks.supported(
      match["matchPolicy"], path.child("matchPolicy"), ["Equivalent", "Exact"])
    for key: String in ["namespaceSelector", "objectSelector"] {
      errors += Checks.labelSelector(match[key], path.child(key))
    }
    for key: String in ["resourceRules", "excludeResourceRules"] {
      for (place, rule) in match[key].items.enumerated() {
        errors += AdmissionRules.ruleErrors(rule, path.child(key).index(place))
      }
    }
    return errors
  }

  static func bindingErrors(_ object: JSONValue, isMutating: Bool) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = []
    if spec["policyName"].plain.isEmpty {
      errors.append(.required(path.child("policyName")))
    } else {
      errors += Checks.text(spec["policyName"], path.child("policyName"), Names.subdomain)
    }
    errors += parameterErrors(spec["paramRef"], path.child("paramRef"))
    errors += matchErrors(spec["matchResources"], path.child("matchResources"))
    guard !isMutating else { return errors }
    let at: FieldPath = path.child("validationActions")
    let actions: [String] = spec["validationActions"].strings
    if actions.isEmpty { errors.append(.required(at, "at least one validation action is required")) }
    var seen: Set<String> = []
    for (place, action) in actions.enumerated() {
      if !["Audit", "Deny", "Warn"].contains(action) {
        errors.append(.notSupported(at.index(place), .string(action), ["Audit", "Deny", "Warn"]))
      }
      if !seen.insert(action).inserted { errors.append(.duplicate(at.index(place), .string(action))) }
    }
    if seen.contains("Deny"), seen.contains("Warn") {
      errors.append(
        .invalid(
          at, JSONValue(seen.sorted()),
          "must not contain both Deny and Warn (repeating the same validation failure information in the API response "
            + "and headers serves no purpose)"))
    }
    return errors
  }

  private static func parameterErrors(_ reference: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard reference.isThere else { return [] }
    var errors: [FieldError] = []
    let hasName: Bool = !reference["name"].plain.isEmpty
    let isBoth: Bool = hasName && reference["selector"].isThere
    if hasName {
      errors += Names.pathSegment(reference["name"].plain, isPrefix: false).map {
        .invalid(path.child("name"), reference["name"], $0)
      }
    }
    if isBoth { errors.append(.forbidden(path.child("name"), "name and selector are mutually exclusive")) }
    errors += Checks.labelSelector(reference["selector"], path.child("selector"))
    if isBoth {
      errors.append(.forbidden(path.child("selector"), "name and selector are mutually exclusive"))
    } else if !hasName, reference["selector"].isNull {
      errors.append(.required(path, "one of name or selector must be specified"))
    }
    let action: JSONValue = reference["parameterNotFoundAction"]
    if action.plain.isEmpty {
      errors.append(.required(path.child("parameterNotFoundAction")))
    } else if !["Deny", "Allow"].contains(action.plain) {
      errors.append(.notSupported(path.child("parameterNotFoundAction"), action, ["Deny", "Allow"]))
    }
    return errors
  }
}
