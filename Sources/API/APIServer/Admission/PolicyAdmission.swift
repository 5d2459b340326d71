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
      parameters = try await PolicyParameters.of(policy["spec"], binding["spec"]["paramRef"], request, registry)
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
  let environment: CELEnvironment
  let fails: Bool

  init(_ spec: JSONValue) {
    self.spec = spec
    (variables, environment) = PolicyEnvironment.variables(spec)
    fails = spec["failurePolicy"].string != "Ignore"
  }

  /// What the validations say; nothing where the conditions of the policy do not hold.
  func answers(_ given: PolicyQuestion, _ parameter: JSONValue) async -> [Answer] {
    var question: PolicyQuestion = given
    do throws(CELError) {
      if try await !holds(&question, parameter) { return [] }
    } catch { return fails ? [Answer(message: "\(error)", reason: "")] : [] }
    await bindVariables(&question)
    var answers: [Answer] = []
    for rule: JSONValue in spec["validations"].items {
      if let answer: Answer = await answer(rule, &question) { answers.append(answer) }
    }
    for annotation: JSONValue in spec["auditAnnotations"].items {
      if let answer: Answer = await failure(annotation, &question) { answers.append(answer) }
    }
    return answers
  }

  /// Whether the conditions of the policy hold, with a parameter, which is bound.
  func holds(_ question: inout PolicyQuestion, _ parameter: JSONValue) async throws(CELError) -> Bool {
    question.bindings["params"] = RuleValues.plain(parameter)
    let environment: CELEnvironment = PolicyEnvironment.policy(hasParameters: !spec["paramKind"].isNull)
    return try await question.holds(spec["matchConditions"].items, environment)
  }

  func bindVariables(_ question: inout PolicyQuestion) async {
    var values: [String: Result<CELValue, CELError>] = [:]
    for (name, program) in variables {
      question.bindings["variables"] = .object(PolicyVariables(values: values))
      do throws(CELError) { values[name] = .success(try await question.value(program)) } catch { values[name] = .failure(error) }
    }
    question.bindings["variables"] = .object(PolicyVariables(values: values))
  }

  /// Nobody keeps annotations of the audit; one that has no value refuses the write all the same.
  private func failure(_ annotation: JSONValue, _ question: inout PolicyQuestion) async -> Answer? {
    let text: String = annotation["valueExpression"].string ?? ""
    do throws(CELError) {
      _ = try await question.value(try PolicyQuestion.compile(environment, text))
      return nil
    } catch {
      return fails ? Answer(message: "expression '\(text)' resulted in error: \(error)", reason: "") : nil
    }
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
