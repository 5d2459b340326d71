// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Nobody gives away more than they have: roles and bindings need their rules, or the verbs `escalate` and `bind`.
struct RBACEscalation: AdmissionPlugin {
  static let name: String = "RBACEscalation"
  private static let group: String = "rbac.authorization.k8s.io"

  let authorizer: AuthorizerChain
  let rbac: RBACAuthorizer

  func validate(_ request: AdmissionRequest) async throws {
    guard request.group.group == Self.group, request.operation != .delete, !request.user.isMaster else { return }
    switch request.group.resource {
    case "roles", "clusterroles": try await checkRole(request)
    case "rolebindings", "clusterrolebindings": try await checkBinding(request)
    default: break
    }
  }

  private func checkRole(_ request: AdmissionRequest) async throws {
    if !request.old.isNull, request.old["rules"] == request.object["rules"],
      request.old["aggregationRule"] == request.object["aggregationRule"]
    { return }
    let isAllowed: Bool = await authorizer.isAllowed(
      AuthorizationAttributes(
        user: request.user, verb: "escalate", group: Self.group, resource: request.group.resource,
        namespace: request.namespace, name: request.object.objectName))
    if isAllowed { return }
    let rules: [PolicyRule] = request.object["rules"].items.map(PolicyRule.init)
    if let why: String = await missing(rules, request.user, request.namespace) {
      throw request.forbidden(why)
    }
    if request.object["aggregationRule"].object != nil {
      let everything: [PolicyRule] = [
        PolicyRule(verbs: ["*"], apiGroups: ["*"], resources: ["*"]), PolicyRule(verbs: ["*"], nonResourceURLs: ["*"]),
      ]
      if await missing(everything, request.user, "") != nil {
        throw request.forbidden("must have cluster-admin privileges to use the aggregationRule")
      }
    }
  }

  private func checkBinding(_ request: AdmissionRequest) async throws {
    if !request.old.isNull, request.old["subjects"] == request.object["subjects"],
      request.old["roleRef"] == request.object["roleRef"]
    { return }
    let kind: String = request.object["roleRef"]["kind"].string ?? ""
    let name: String = request.object["roleRef"]["name"].string ?? ""
    let isAllowed: Bool = await authorizer.isAllowed(
      AuthorizationAttributes(
        user: request.user, verb: "bind", group: Self.group, resource: kind == "ClusterRole" ? "clusterroles" : "roles",
        namespace: request.namespace, name: name))
    if isAllowed { return }
    guard let rules: [PolicyRule] = await rbac.rules(kind: kind, namespace: request.namespace, name: name) else {
      throw StatusError.notFound(request.group, name)
    }
    if let why: String = await missing(rules, request.user, request.namespace) { throw request.forbidden(why) }
  }

  /// What a user lacks of some rules, in upstream's words; nil when nothing.
  private func missing(_ rules: [PolicyRule], _ user: UserInfo, _ namespace: String) async -> String? {
    let own: [PolicyRule] = await rbac.rules(for: user, namespace: namespace)
    let lacking: [PolicyRule] = rules.flatMap(\.pieces).filter { piece in !own.contains { $0.covers(piece: piece) } }
    guard !lacking.isEmpty else { return nil }
    let shown: [String] = Self.compact(lacking).map(Self.text).sorted()
    let groups: String = "[" + user.groups.map(\.goQuoted).joined(separator: " ") + "]"
    return
      "user \(user.name.goQuoted) (groups=\(groups)) is attempting to grant RBAC permissions not currently held:\n"
      + shown.joined(separator: "\n")
  }

  /// Pieces that differ in their verbs alone become one.
  private static func compact(_ pieces: [PolicyRule]) -> [PolicyRule] {
    var result: [PolicyRule] = []
    for piece: PolicyRule in pieces {
      if let place: Int = result.firstIndex(where: {
        $0.apiGroups == piece.apiGroups && $0.resources == piece.resources && $0.resourceNames == piece.resourceNames
          && $0.nonResourceURLs == piece.nonResourceURLs && $0.nonResourceURLs.isEmpty
      }) {
        for verb: String in piece.verbs where !result[place].verbs.contains(verb) { result[place].verbs.append(verb) }
      } else {
        result.append(piece)
      }
    }
    return result
  }

  private static func text(_ rule: PolicyRule) -> String {
    func list(_ values: [String]) -> String { "[" + values.map(\.goQuoted).joined(separator: " ") + "]" }
    var parts: [String] = []
    if !rule.apiGroups.isEmpty { parts.append("APIGroups:\(list(rule.apiGroups))") }
    if !rule.resources.isEmpty { parts.append("Resources:\(list(rule.resources))") }
    if !rule.nonResourceURLs.isEmpty { parts.append("NonResourceURLs:\(list(rule.nonResourceURLs))") }
    if !rule.resourceNames.isEmpty { parts.append("ResourceNames:\(list(rule.resourceNames))") }
    parts.append("Verbs:\(list(rule.verbs))")
    return "{\(parts.joined(separator: ", "))}"
  }
}
