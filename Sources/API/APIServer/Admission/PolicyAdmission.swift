// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import CEL
import JSON

/// Asks the ValidatingAdmissionPolicies that are bound.
struct PolicyAdmission: AdmissionPlugin {
  static let name: String = "ValidatingAdmissionPolicy"

  /// What a policy says of a write through one of its bindings.
  private struct Refusal {
    let message: String
    let reason: String
  }

  let policies: ObjectStorage
  let bindings: ObjectStorage
  let registry: ResourceRegistry
  let authorizer: AuthorizerChain

  func validate(_ request: AdmissionRequest) async throws {
    guard !WebhookAdmission.isExempt(request) else { return }
    let bound: [CachedObject] = try await bindings.list(ListRequest(freshness: .any)).objects
    if bound.isEmpty { return }
    let all: [JSONValue] = try bound.map { try ObjectStorage.tree($0) }
    for object: CachedObject in try await policies.list(ListRequest(freshness: .any)).objects {
      let policy: JSONValue = try ObjectStorage.tree(object)
      let own: [JSONValue] = all.filter { $0["spec"]["policyName"].string == policy.objectName }
      guard !own.isEmpty, try await RequestMatching.matches(policy["spec"]["matchConstraints"], request, registry) else { continue }
      let evaluation: PolicyEvaluation = PolicyEvaluation(policy["spec"])
      for binding: JSONValue in own {
        guard try await RequestMatching.matches(binding["spec"]["matchResources"], request, registry) else { continue }
        try await apply(policy, binding, evaluation, request)
      }
    }
  }

  /// Asks a policy with the parameters of a binding, and does what the binding says with the answers.
  private func apply(
    _ policy: JSONValue, _ binding: JSONValue, _ evaluation: PolicyEvaluation, _ request: AdmissionRequest
  ) async throws {
    let parameters: [JSONValue]
    do {
      parameters = try await self.parameters(policy["spec"], binding["spec"]["paramRef"], request)
    } catch let error as CELError {
      let isIgnored: Bool = policy["spec"]["failurePolicy"].string == "Ignore"
      if !isIgnored { throw denial(Refusal(message: "failed to configure binding: \(error)", reason: ""), policy, binding, request) }
      return
    }
    let actions: [String] = binding["spec"]["validationActions"].stringItems
    for parameter: JSONValue in parameters {
      let question: PolicyQuestion = try await PolicyQuestion(request, registry, authorizer)
      for answer: PolicyEvaluation.Answer in await evaluation.answers(question, parameter) {
        let refusal: Refusal = Refusal(message: answer.message, reason: answer.reason)
        if actions.contains("Warn") {
          request.warnings.add(
            "Validation failed for ValidatingAdmissionPolicy '\(policy.objectName)' with binding "
              + "'\(binding.objectName)': \(refusal.message)")
        }
        if actions.contains("Deny") { throw denial(refusal, policy, binding, request) }
      }
    }
  }

  private func denial(_ refusal: Refusal, _ policy: JSONValue, _ binding: JSONValue, _ request: AdmissionRequest) -> StatusError {
    let words: String =
      "ValidatingAdmissionPolicy '\(policy.objectName)' with binding '\(binding.objectName)' denied request: \(refusal.message)"
    var error: StatusError = request.forbidden(words)
    error.reason = refusal.reason.isEmpty ? "Invalid" : refusal.reason
    error.code =
      switch error.reason {
      case "Forbidden": 403
      case "Unauthorized": 401
      case "RequestEntityTooLarge": 413
      default: 422
      }
    error.details["causes"] = [["message": .string(words)]]
    return error
  }

  /// The objects that a binding's paramRef names; one null where the policy has no parameters.
  private func parameters(_ spec: JSONValue, _ reference: JSONValue, _ request: AdmissionRequest) async throws -> [JSONValue] {
    let kind: JSONValue = spec["paramKind"]
    guard !kind.isNull, !reference.isNull else { return [.null] }
    let wanted: GroupVersionKind = Self.kind(kind)
    guard let resource: ServedResource = registry.all.first(where: { $0.kind == wanted }), let storage: ObjectStorage = resource.storage
    else {
      throw CELError(
        "failed to find resource referenced by paramKind: '\(kind["apiVersion"].string ?? ""), Kind=\(kind["kind"].string ?? "")'")
    }
    var namespace: String = ""
    if resource.definition.isNamespaced {
      namespace = reference["namespace"].string ?? request.namespace
      if namespace.isEmpty {
        throw CELError("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
      }
    } else if reference["namespace"].string?.isEmpty == false {
      throw CELError("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
    }
    var found: [JSONValue] = []
    if let name: String = reference["name"].string, !name.isEmpty {
      if let object: JSONValue = try await storage.object(namespace: namespace, name: name) { found = [object] }
    } else {
      let objects: [CachedObject] = try await storage.list(
        ListRequest(namespace: namespace.isEmpty ? nil : namespace)).objects
      found = try objects.map { try ObjectStorage.tree($0) }.filter {
        reference["selector"].object?.isEmpty == true || Selectors.matches(reference["selector"], $0.objectLabels)
      }
    }
    if found.isEmpty, reference["parameterNotFoundAction"].string == "Deny" {
      throw CELError("no params found for policy binding with `Deny` parameterNotFoundAction")
    }
    var shown: [JSONValue] = []
    for object: JSONValue in found { shown.append(try await resource.fromStorage(object)) }
    return shown
  }

  private static func kind(_ reference: JSONValue) -> GroupVersionKind {
    let parts: [Substring] = (reference["apiVersion"].string ?? "").split(separator: "/")
    let kind: String = reference["kind"].string ?? ""
    if parts.count == 2 { return GroupVersionKind(String(parts[0]), String(parts[1]), kind) }
    return GroupVersionKind("", String(parts.first ?? ""), kind)
  }
}

/// The compiled expressions of a policy.
struct PolicyEvaluation: Sendable {
  /// Why a write is not wanted.
  struct Answer: Sendable {
    let message: String
    let reason: String
  }

  private let spec: JSONValue
  private let variables: [(name: String, program: CELProgram)]
  private let environment: CELEnvironment
  private let fails: Bool

  init(_ spec: JSONValue) {
    self.spec = spec
    (variables, environment) = PolicyEnvironment.variables(spec)
    fails = spec["failurePolicy"].string != "Ignore"
  }

  /// What the validations say; nothing where the conditions of the policy do not hold.
  func answers(_ given: PolicyQuestion, _ parameter: JSONValue) async -> [Answer] {
    var question: PolicyQuestion = given
    question.bindings["params"] = RuleValues.plain(parameter)
    do throws(CELError) {
      let environment: CELEnvironment = PolicyEnvironment.policy(hasParameters: !spec["paramKind"].isNull)
      if try await !question.holds(spec["matchConditions"].items, environment) { return [] }
    } catch { return fails ? [Answer(message: "\(error)", reason: "")] : [] }
    var values: [String: Result<CELValue, CELError>] = [:]
    for (name, program) in variables {
      question.bindings["variables"] = .object(PolicyVariables(values: values))
      do throws(CELError) { values[name] = .success(try await question.value(program)) } catch { values[name] = .failure(error) }
    }
    question.bindings["variables"] = .object(PolicyVariables(values: values))
    var answers: [Answer] = []
    for rule: JSONValue in spec["validations"].items {
      if let answer: Answer = await answer(rule, &question) { answers.append(answer) }
    }
    return answers
  }

  private func answer(_ rule: JSONValue, _ question: inout PolicyQuestion) async -> Answer? {
    let text: String = rule["expression"].string ?? ""
    do throws(CELError) {
      let program: CELProgram = try PolicyQuestion.compile(environment, text)
      if try await question.value(program).bool == true { return nil }
    } catch {
      guard fails else { return nil }
      return Answer(message: "expression '\(text)' resulted in error: \(error)", reason: "")
    }
    return Answer(message: await message(rule, &question), reason: rule["reason"].string ?? "")
  }

  private func message(_ rule: JSONValue, _ question: inout PolicyQuestion) async -> String {
    if let text: String = rule["messageExpression"].string, !text.isEmpty {
      do throws(CELError) {
        let program: CELProgram = try PolicyQuestion.compile(environment, text)
        let message: String = try await question.value(program).string ?? ""
        if !message.isEmpty, !message.contains("\n") { return message }
      } catch {}
    }
    if let message: String = rule["message"].string, !message.isEmpty { return message }
    return "failed expression: \(rule["expression"].string ?? "")"
  }
}

/// The variables of a policy; one that has no value fails what reads it.
private struct PolicyVariables: CELObject {
  let typeName: String = "kubernetes.variables"
  let values: [String: Result<CELValue, CELError>]

  func isEqual(to other: any CELObject) -> Bool { false }
  func call(_ function: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? { nil }
  func field(_ name: String) throws(CELError) -> CELValue? {
    do throws(CELError) { return try values[name]?.get() } catch {
      throw CELError(
        "composited variable \(name.goQuoted) fails to evaluate: \(error)", isOverBudget: error.isOverBudget)
    }
  }
}
