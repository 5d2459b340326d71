// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import CEL
import JSON

/// Lets the MutatingAdmissionPolicies that are bound change writes.
struct MutationAdmission: AdmissionPlugin {
  static let name: String = "MutatingAdmissionPolicy"

  /// A policy with one of its bindings and one of the binding's parameters.
  private struct Invocation {
    let policy: JSONValue
    let binding: JSONValue
    let parameter: JSONValue
    let evaluation: PolicyEvaluation

    var key: String {
      JSONValue([policy.objectName, binding.objectName, parameter.objectNamespace, parameter.objectName]).text
    }
    var wantsReinvocation: Bool { policy["spec"]["reinvocationPolicy"].string == "IfNeeded" }
  }

  /// Why a policy could not do its work.
  private struct Failure {
    let policy: JSONValue
    let binding: JSONValue
    let why: String
    var reason: String = "Forbidden"

    var message: String {
      "policy '\(policy.objectName)' with binding '\(binding.objectName)' denied request: \(why)"
    }
    var isIgnored: Bool { policy["spec"]["failurePolicy"].string == "Ignore" }
  }

  let policies: ObjectStorage
  let bindings: ObjectStorage
  let registry: ResourceRegistry
  let authorizer: AuthorizerChain

  func admit(_ request: inout AdmissionRequest) async throws {
    guard !WebhookAdmission.isExempt(request), request.operation != .delete,
      request.object["kind"].string == request.resource.kind.kind
    else { return }
    let bound: [CachedObject] = try await bindings.list(ListRequest(freshness: .any)).objects
    if bound.isEmpty { return }
    var failures: [Failure] = []
    let invocations: [Invocation] = try await self.invocations(
      try bound.map { try ObjectStorage.tree($0) }, request, &failures)
    let reinvocation: Reinvocation = request.reinvocation
    reinvocation.begin(Self.name, request.object)
    for invocation: Invocation in invocations { try await run(invocation, &request, &failures) }
    reinvocation.end(Self.name, request.object)
    failures.removeAll(where: \.isIgnored)
    if let first: Failure = failures.first {
      var error: StatusError = request.forbidden("admission request denied by policy")
      error.message = first.message
      error.reason = first.reason
      error.details["causes"] = .array(failures.map { ["message": .string($0.message)] })
      throw error
    }
  }

  /// What is asked, in order.
  private func invocations(
    _ bound: [JSONValue], _ request: AdmissionRequest, _ failures: inout [Failure]
  ) async throws -> [Invocation] {
    var invocations: [Invocation] = []
    for object: CachedObject in try await policies.list(ListRequest(freshness: .any)).objects {
      let policy: JSONValue = try ObjectStorage.tree(object)
      let own: [JSONValue] = bound.filter { $0["spec"]["policyName"].string == policy.objectName }
      guard !own.isEmpty, try await RequestMatching.matches(policy["spec"]["matchConstraints"], request, registry) else { continue }
      let evaluation: PolicyEvaluation = PolicyEvaluation(policy["spec"])
      for binding: JSONValue in own {
        guard try await RequestMatching.matches(binding["spec"]["matchResources"], request, registry) else { continue }
        do {
          for parameter: JSONValue in try await PolicyParameters.of(
            policy["spec"], binding["spec"]["paramRef"], request, registry)
          {
            invocations.append(
              Invocation(policy: policy, binding: binding, parameter: parameter, evaluation: evaluation))
          }
        } catch let error as CELError {
          failures.append(Failure(policy: policy, binding: binding, why: "failed to configure binding: \(error)"))
        }
      }
    }
    return invocations
  }

  /// One policy's mutations, each of what the one before made.
  private func run(
    _ invocation: Invocation, _ request: inout AdmissionRequest, _ failures: inout [Failure]
  ) async throws {
    func failure(_ error: CELError) -> Failure {
      Failure(policy: invocation.policy, binding: invocation.binding, why: "\(error)", reason: "Invalid")
    }
    let reinvocation: Reinvocation = request.reinvocation
    let evaluation: PolicyEvaluation = invocation.evaluation
    var first: PolicyQuestion = try await PolicyQuestion(request, registry, authorizer)
    do throws(CELError) {
      guard try await evaluation.holds(&first, invocation.parameter) else { return }
    } catch { return failures.append(failure(error)) }
    if reinvocation.skips(Self.name, invocation.key) { return }
    let before: JSONValue = request.object
    for mutation: JSONValue in invocation.policy["spec"]["mutations"].items {
      var question: PolicyQuestion = try await PolicyQuestion(request, registry, authorizer)
      question.bindings["params"] = first.bindings["params"]
      await evaluation.bindVariables(&question)
      do {
        let served: JSONValue = try await request.resource.fromStorage(request.object)
        let changed: JSONValue = try await Self.mutated(served, mutation, &question, evaluation, request.resource.schema)
        if changed != served { request.object = try await request.toStorageForm(changed) }
      } catch let error as CELError { failures.append(failure(error)) }
    }
    if request.object != before { reinvocation.changed(Self.name) }
    if invocation.wantsReinvocation { reinvocation.ran(Self.name, invocation.key) }
  }

  // MARK: mutations

  private static func mutated(
    _ object: JSONValue, _ mutation: JSONValue, _ question: inout PolicyQuestion, _ evaluation: PolicyEvaluation,
    _ schema: KindSchema
  ) async throws -> JSONValue {
    let isPatch: Bool = mutation["patchType"].string == "JSONPatch"
    let text: String = mutation[isPatch ? "jsonPatch" : "applyConfiguration"]["expression"].string ?? ""
    let value: CELValue
    do throws(CELError) {
      value = try await question.value(try PolicyQuestion.compile(evaluation.environment, text))
    } catch { throw CELError("expression '\(text)' resulted in error: \(error)") }
    return isPatch ? try patched(object, value, schema) : try applied(object, value, schema)
  }

  private static func applied(_ object: JSONValue, _ value: CELValue, _ schema: KindSchema) throws -> JSONValue {
    guard case .object(let result) = value, let structure: CELStructure = result as? CELStructure else {
      throw CELError("unsupported return type from ApplyConfiguration expression: \(value.typeName)")
    }
    try check(structure)
    var configuration: JSONValue = try MutationValues.json(value)
    configuration["apiVersion"] = object["apiVersion"]
    configuration["kind"] = object["kind"]
    do throws(APISchemaError) { return try schema.mutated(object, applying: configuration) } catch {
      throw CELError("error applying patch: \(error.message)")
    }
  }

  private static func check(_ structure: CELStructure) throws(CELError) {
    let misplaced: [String] = structure.misplaced
    if !misplaced.isEmpty { throw CELError("type mismatch: " + misplaced.joined(separator: "\n")) }
  }

  /// The object after the operations of a patch; as it was where a test among them fails.
  private static func patched(_ object: JSONValue, _ value: CELValue, _ schema: KindSchema) throws -> JSONValue {
    var document: JSONValue = object
    for item: CELValue in value.list ?? [] {
      guard case .object(let result) = item, let fields: CELMap = (result as? CELStructure)?.fields else {
        throw CELError("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch")
      }
      var operation: JSONValue = .object(JSONObject())
      for name: String in ["op", "path", "from"] {
        if let text: String = fields[.string(name)]?.string, !text.isEmpty || name != "from" { operation[name] = .string(text) }
      }
      // To set null is not to set nothing.
      if let given: CELValue = fields[.string("value")], case .object(var members) = operation {
        if case .object(let inner) = given, let structure: CELStructure = inner as? CELStructure { try check(structure) }
        members["value"] = try MutationValues.json(given)
        operation = .object(members)
      }
      do throws(StatusError) { document = try document.jsonPatched(with: .array([operation])) } catch {
        let name: String = operation["op"].string ?? ""
        if name == "test" { return object }
        let path: String = (operation["path"].string ?? "").goQuoted
        throw CELError("JSON Patch: \(name) operation does not apply: doc is missing path: \(path): missing value")
      }
    }
    do throws(StatusError) { return try schema.decodePatched(document, validation: .strict).object } catch {
      throw StatusError.internalError(error.message)
    }
  }
}

/// What expressions build, as JSON.
private enum MutationValues {
  static func json(_ value: CELValue) throws(CELError) -> JSONValue {
    switch value {
    case .null: return .null
    case .bool(let truth): return .bool(truth)
    case .int(let number): return .int(number)
    case .uint(let number):
      guard let number: Int64 = Int64(exactly: number) else { throw CELError("\(number) does not fit in an integer") }
      return .int(number)
    case .double(let number): return Int64(exactly: number).map { .int($0) } ?? .double(number)
    case .string(let text): return .string(text)
    case .list(let items):
      var result: [JSONValue] = []
      for item: CELValue in items { result.append(try json(item)) }
      return .array(result)
    case .map(let map): return try json(map)
    case .object(let object):
      guard let structure: CELStructure = object as? CELStructure else { break }
      return try json(structure.fields)
    default: break
    }
    throw CELError("\(value.typeName) is no JSON value")
  }

  private static func json(_ map: CELMap) throws(CELError) -> JSONValue {
    var members: JSONObject = JSONObject()
    for key: CELValue in map.keys {
      guard let name: String = key.string, let value: CELValue = map[key] else {
        throw CELError("the key of a JSON object is a string")
      }
      members[name] = try json(value)
    }
    return .object(members)
  }
}
