// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON
import Synchronization

/// Role-based access control: roles and bindings of the store.
final class RBACAuthorizer: Authorizer, Sendable {
  struct Subject: Sendable, Hashable {
    var kind: String
    var name: String
    var namespace: String
  }

  struct Binding: Sendable {
    var name: String
    var namespace: String
    var roleKind: String
    var roleName: String
    var subjects: [Subject]
    var isOfCluster: Bool

    init(_ object: JSONValue, isOfCluster: Bool) {
      name = object.objectName
      namespace = object.objectNamespace
      roleKind = object["roleRef"]["kind"].string ?? ""
      roleName = object["roleRef"]["name"].string ?? ""
      subjects = object["subjects"].items.map {
        Subject(kind: $0["kind"].string ?? "", name: $0["name"].string ?? "", namespace: $0["namespace"].string ?? "")
      }
      self.isOfCluster = isOfCluster
    }
  }

  private let roles: ObjectMirror<[PolicyRule]>
  private let clusterRoles: ObjectMirror<[PolicyRule]>
  private let roleBindings: ObjectMirror<Binding>
  private let clusterRoleBindings: ObjectMirror<Binding>

  init(roles: ObjectStorage, clusterRoles: ObjectStorage, roleBindings: ObjectStorage, clusterRoleBindings: ObjectStorage) {
    self.roles = ObjectMirror(roles) { $0["rules"].items.map(PolicyRule.init) }
    self.clusterRoles = ObjectMirror(clusterRoles) { $0["rules"].items.map(PolicyRule.init) }
    self.roleBindings = ObjectMirror(roleBindings) { Binding($0, isOfCluster: false) }
    self.clusterRoleBindings = ObjectMirror(clusterRoleBindings) { Binding($0, isOfCluster: true) }
  }

  func authorize(_ attributes: AuthorizationAttributes) async -> AuthorizationDecision {
    var missing: [String] = []
    func isMissing(_ binding: Binding) {
      let kind: String = binding.isOfCluster ? "ClusterRole" : binding.roleKind
      let text: String = "\(kind.lowercased()).rbac.authorization.k8s.io \(binding.roleName.goQuoted) not found"
      if !missing.contains(text) { missing.append(text) }
    }
    for binding: Binding in await clusterRoleBindings.values where Self.applies(binding, to: attributes.user) {
      guard let rules: [PolicyRule] = await clusterRoles.value("", binding.roleName) else {
        isMissing(binding)
        continue
      }
      if rules.contains(where: { $0.allows(attributes) }) {
        return .allow(
          "RBAC: allowed by ClusterRoleBinding \(binding.name.goQuoted) of ClusterRole \(binding.roleName.goQuoted) to \(Self.subjectText(binding, attributes.user))")
      }
    }
    if !attributes.namespace.isEmpty {
      for binding: Binding in await roleBindings.values
      where binding.namespace == attributes.namespace && Self.applies(binding, to: attributes.user) {
        let found: [PolicyRule]? = await rules(
          kind: binding.roleKind, namespace: binding.namespace, name: binding.roleName)
        guard let found else {
          isMissing(binding)
          continue
        }
        if found.contains(where: { $0.allows(attributes) }) {
          return .allow(
            "RBAC: allowed by RoleBinding \("\(binding.name)/\(binding.namespace)".goQuoted) of \(binding.roleKind) \(binding.roleName.goQuoted) to \(Self.subjectText(binding, attributes.user))")
        }
      }
    }
    if missing.isEmpty { return .noOpinion("") }
    return .noOpinion("RBAC: " + (missing.count == 1 ? missing[0] : "[" + missing.joined(separator: ", ") + "]"))
  }

  private func rules(of binding: Binding) async -> [PolicyRule] {
    binding.roleKind == "ClusterRole"
      ? await clusterRoles.value("", binding.roleName) ?? [] : await roles.value(binding.namespace, binding.roleName) ?? []
  }

  /// The rules of a role; nil where there is none.
  func rules(kind: String, namespace: String, name: String) async -> [PolicyRule]? {
    kind == "ClusterRole" ? await clusterRoles.value("", name) : await roles.value(namespace, name)
  }

  /// Every rule that a user has in a namespace.
  func rules(for user: UserInfo, namespace: String) async -> [PolicyRule] {
    var all: [PolicyRule] = []
    for binding: Binding in await clusterRoleBindings.values where Self.applies(binding, to: user) {
      all += await clusterRoles.value("", binding.roleName) ?? []
    }
    if !namespace.isEmpty {
      for binding: Binding in await roleBindings.values
      where binding.namespace == namespace && Self.applies(binding, to: user) { all += await rules(of: binding) }
    }
    return all
  }

  private static func applies(_ binding: Binding, to user: UserInfo) -> Bool {
    binding.subjects.contains { matches($0, user, binding.namespace) }
  }

  private static func matches(_ subject: Subject, _ user: UserInfo, _ namespace: String) -> Bool {
    switch subject.kind {
    case "User": return subject.name == user.name
    case "Group": return user.groups.contains(subject.name)
    case "ServiceAccount":
      let owner: String = subject.namespace.isEmpty ? namespace : subject.namespace
      return !owner.isEmpty && user.name == "system:serviceaccount:\(owner):\(subject.name)"
    default: return false
    }
  }

  private static func subjectText(_ binding: Binding, _ user: UserInfo) -> String {
    guard let subject: Subject = binding.subjects.first(where: { matches($0, user, binding.namespace) }) else { return "" }
    return subject.kind == "ServiceAccount"
      ? "\(subject.kind) \("\(subject.name)/\(subject.namespace)".goQuoted)" : "\(subject.kind) \(subject.name.goQuoted)"
  }
}

/// Objects of a resource in a parsed form, as of the last write.
///
/// The parsed forms are kept by object and revision, so that a read costs a walk over the cache's list.
final class ObjectMirror<Value: Sendable>: Sendable {
  private struct State {
    var parsed: [String: (revision: Int64, value: Value)] = [:]
    var sorted: [Value] = []
    var seen: Int64 = -1
    var count: Int = -1
  }

  private let storage: ObjectStorage
  private let parse: @Sendable (JSONValue) -> Value
  private let state: Mutex<State> = Mutex(State())

  init(_ storage: ObjectStorage, parse: @escaping @Sendable (JSONValue) -> Value) {
    self.storage = storage
    self.parse = parse
  }

  /// All values in the order of their names.
  var values: [Value] {
    get async {
      // A cache that cannot answer has no values: authorization then refuses.
      guard let objects: [CachedObject] = try? await storage.list(ListRequest(freshness: .any)).objects else { return [] }
      let newest: Int64 = objects.reduce(0) { max($0, $1.revision) }
      return state.withLock { state in
        if state.seen == newest, state.count == objects.count { return state.sorted }
        var fresh: [String: (revision: Int64, value: Value)] = [:]
        fresh.reserveCapacity(objects.count)
        state.sorted = objects.compactMap { object in
          guard let entry = entry(object, state.parsed[object.key]) else { return nil }
          fresh[object.key] = entry
          return entry.value
        }
        state.parsed = fresh
        state.seen = newest
        state.count = objects.count
        return state.sorted
      }
    }
  }

  private func entry(
    _ object: CachedObject, _ known: (revision: Int64, value: Value)?
  ) -> (revision: Int64, value: Value)? {
    if let known, known.revision == object.revision { return known }
    return (try? JSONValue(parsing: object.json)).map { (object.revision, parse($0)) }
  }

  /// One value.
  func value(_ namespace: String, _ name: String) async -> Value? {
    guard let object: CachedObject = try? await storage.get(namespace: namespace, name: name, freshness: .any) else {
      return nil
    }
    return state.withLock { state in
      guard let entry = entry(object, state.parsed[object.key]) else { return nil }
      state.parsed[object.key] = entry
      return entry.value
    }
  }
}
