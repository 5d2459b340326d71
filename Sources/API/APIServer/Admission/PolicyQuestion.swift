// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import CEL
import JSON
import Synchronization

/// A write as the expressions of policies see it.
struct PolicyQuestion: Sendable {
  /// What all expressions of a policy may cost together, and one alone.
  private static let totalLimit: Int = 10_000_000
  private static let callLimit: Int = 1_000_000
  /// How often an expression is evaluated anew because it asks what users may do.
  private static let roundLimit: Int = 32

  var bindings: [String: CELValue]
  private let session: AuthorizerSession
  private let chain: AuthorizerChain
  private var budget: Int = Self.totalLimit

  init(_ request: AdmissionRequest, _ registry: ResourceRegistry, _ authorizer: AuthorizerChain) async throws {
    chain = authorizer
    session = AuthorizerSession(user: request.user)
    let object: JSONValue = request.object.isNull ? .null : try await request.resource.fromStorage(request.object)
    let old: JSONValue = request.old.isNull ? .null : try await request.resource.fromStorage(request.old)
    var question: JSONValue = request.question
    question["userInfo"]["extra"] = request.user.json["extra"]
    var place: AuthorizationAttributes = AuthorizationAttributes(
      user: request.user, verb: "", group: request.group.group, resource: request.group.resource,
      subresource: request.subresource, namespace: request.namespace, name: request.name)
    place.isResource = true
    bindings = [
      "object": RuleValues.plain(object), "oldObject": RuleValues.plain(old), "request": RuleValues.plain(question),
      "params": .null, "namespaceObject": .null,
      "authorizer": .object(AuthorizerValue(kind: .authorizer, attributes: place, session: session)),
    ]
    if !request.namespace.isEmpty,
      let namespace: JSONValue = try await registry.storage("", "namespaces")?.object(namespace: "", name: request.namespace)
    {
      bindings["namespaceObject"] = RuleValues.plain(namespace)
    }
  }

  /// The value of an expression; its questions about permissions are answered on the way.
  mutating func value(_ program: CELProgram) async throws(CELError) -> CELValue {
    for _ in 0..<Self.roundLimit {
      var allowance: Int = min(Self.callLimit, budget)
      let granted: Int = allowance
      let result: Result<CELValue, CELError>
      do throws(CELError) {
        result = .success(try program.evaluate(bindings, budget: &allowance))
      } catch { result = .failure(error) }
      budget -= granted - allowance
      guard let open: AuthorizationAttributes = session.takePending() else { return try result.get() }
      session.answer(open, await chain.decide(open))
    }
    throw CELError("too many authorization checks")
  }

  /// Whether all conditions hold; one that does not makes up for others that fail.
  func holds(
    _ conditions: [JSONValue], _ environment: CELEnvironment = PolicyEnvironment.plain
  ) async throws(CELError) -> Bool {
    var copy: PolicyQuestion = self
    var failures: [String] = []
    for condition: JSONValue in conditions {
      let text: String = condition["expression"].string ?? ""
      do throws(CELError) {
        let program: CELProgram = try Self.compile(environment, text)
        if try await copy.value(program).bool != true { return false }
      } catch {
        let message: String = "expression '\(text)' resulted in error: \(error)"
        if !failures.contains(message) { failures.append(message) }
      }
    }
    if failures.isEmpty { return true }
    throw CELError(failures.count == 1 ? failures[0] : "[" + failures.joined(separator: ", ") + "]")
  }

  static func compile(_ environment: CELEnvironment, _ text: String) throws(CELError) -> CELProgram {
    do throws(CELIssues) { return try environment.compile(text) } catch { throw CELError("compilation failed: \(error)") }
  }
}

/// What was asked about permissions, and what the answers were: expressions cannot wait, so they are evaluated
/// again when an answer is there.
final class AuthorizerSession: Sendable {
  private struct State {
    var answers: [String: (isAllowed: Bool, reason: String)] = [:]
    var pending: AuthorizationAttributes?
  }

  let user: UserInfo
  private let state: Mutex<State> = Mutex(State())

  init(user: UserInfo) { self.user = user }

  private static func key(_ asked: AuthorizationAttributes) -> String {
    JSONValue([
      asked.user.name, asked.verb, asked.isResource ? "r" : "p", asked.group, asked.resource, asked.subresource,
      asked.namespace, asked.name, asked.path,
    ]).text
  }

  func known(_ asked: AuthorizationAttributes) -> (isAllowed: Bool, reason: String)? {
    state.withLock { state in
      if let answer: (isAllowed: Bool, reason: String) = state.answers[Self.key(asked)] { return answer }
      state.pending = asked
      return nil
    }
  }

  func takePending() -> AuthorizationAttributes? {
    state.withLock { state in
      defer { state.pending = nil }
      return state.pending
    }
  }

  func answer(_ asked: AuthorizationAttributes, _ decision: AuthorizationDecision) {
    state.withLock { $0.answers[Self.key(asked)] = (decision.isAllowed, decision.reason) }
  }
}

/// The authorizer of expressions, what is chosen of it, and its decisions.
struct AuthorizerValue: CELObject {
  enum Kind: String, Sendable {
    case authorizer = "Authorizer"
    case path = "PathCheck"
    case group = "GroupCheck"
    case resource = "ResourceCheck"
    case decision = "Decision"
  }

  let kind: Kind
  var attributes: AuthorizationAttributes
  let session: AuthorizerSession
  var isAllowed: Bool = false
  var reason: String = ""

  var typeName: String { "kubernetes.authorization.\(kind.rawValue)" }

  func isEqual(to other: any CELObject) -> Bool { false }

  func field(_ name: String) throws(CELError) -> CELValue? {
    name == "requestResource" && kind == .authorizer ? with(.resource, attributes) : nil
  }

  private func with(_ kind: Kind, _ attributes: AuthorizationAttributes) -> CELValue {
    .object(AuthorizerValue(kind: kind, attributes: attributes, session: session))
  }

  func call(_ function: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    let text: String = arguments.first?.string ?? ""
    var next: AuthorizationAttributes = attributes
    switch (kind, function) {
    case (.authorizer, "group"):
      next = AuthorizationAttributes(user: attributes.user, verb: "", group: text, resource: "")
      return with(.group, next)
    case (.authorizer, "path"): return with(.path, AuthorizationAttributes(user: attributes.user, verb: "", path: text))
    case (.authorizer, "serviceAccount"):
      let name: String = arguments.count > 1 ? arguments[1].string ?? "" : ""
      next.user = UserInfo(
        name: "system:serviceaccount:\(text):\(name)",
        groups: ["system:serviceaccounts", "system:serviceaccounts:\(text)", "system:authenticated"])
      return with(.authorizer, next)
    case (.group, "resource"):
      next.resource = text
      next.version = "*"
      return with(.resource, next)
    case (.resource, "subresource"): next.subresource = text
    case (.resource, "namespace"): next.namespace = text
    case (.resource, "name"): next.name = text
    case (.resource, "fieldSelector"), (.resource, "labelSelector"): break
    case (.resource, "check"), (.path, "check"):
      next.verb = text
      guard let known: (isAllowed: Bool, reason: String) = session.known(next) else {
        throw CELError("authorization is being asked")
      }
      var decision: AuthorizerValue = AuthorizerValue(kind: .decision, attributes: next, session: session)
      decision.isAllowed = known.isAllowed
      decision.reason = known.reason
      return .object(decision)
    case (.decision, "allowed"): return .bool(isAllowed)
    case (.decision, "reason"): return .string(reason)
    case (.decision, "errored"): return .bool(false)
    case (.decision, "error"): return .string("")
    default: return nil
    }
    return with(.resource, next)
  }
}
