// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// The default roles and bindings, written one rule a line:
///
///     role [NAMESPACE/]NAME [+LABEL]... [<AGGREGATED LABEL]...
///       VERBS RESOURCES @GROUPS [#NAMES]
///       VERBS : PATHS
///     bind [NAMESPACE/]NAME ROLE-KIND:ROLE SUBJECT-KIND:[NAMESPACE/]SUBJECT...
///
/// Lists are separated by commas; the core group is written `core`.
enum BootstrapPolicy {
  private static let group: String = "rbac.authorization.k8s.io"

  /// What the Node authorizer allows a kubelet beside the objects of its pods.
  static let nodeRules: [PolicyRule] = roles(clusterPolicy).first { $0.objectName == "system:node" }?["rules"].items
    .map(PolicyRule.init) ?? []

  /// Roles and ClusterRoles of a text.
  static func roles(_ text: String) -> [JSONValue] {
    var roles: [JSONValue] = []
    var rules: [JSONValue] = []
    func close() {
      if !roles.isEmpty { roles[roles.count - 1]["rules"] = .array(rules) }
      rules = []
    }
    for line: Substring in text.split(separator: "\n") {
      if line.hasPrefix("  ") {
        rules.append(rule(line.split(separator: " ")))
      } else if line.hasPrefix("role ") {
        close()
        roles.append(role(line.split(separator: " ").dropFirst().map(String.init)))
      } else if line.hasPrefix("bind ") {
        close()
        break
      }
    }
    if !rules.isEmpty { close() }
    return roles
  }

  /// RoleBindings and ClusterRoleBindings of a text.
  static func bindings(_ text: String) -> [JSONValue] {
    text.split(separator: "\n").filter { $0.hasPrefix("bind ") }.map { line in
      let words: [String] = line.split(separator: " ").dropFirst().map(String.init)
      var binding: JSONValue = object("RoleBinding", "ClusterRoleBinding", words[0], [])
      let role: (kind: String, name: String) = pair(words[1])
      binding["roleRef"] = ["apiGroup": .string(group), "kind": .string(role.kind), "name": .string(role.name)]
      binding["subjects"] = .array(words.dropFirst(2).map(subject))
      return binding
    }
  }

  private static func role(_ words: [String]) -> JSONValue {
    var role: JSONValue = object("Role", "ClusterRole", words[0], words.filter { $0.hasPrefix("+") }.map { String($0.dropFirst()) })
    let aggregated: [JSONValue] = words.filter { $0.hasPrefix("<") }.map { word in
      var labels: JSONValue = .object(JSONObject())
      labels[String(word.dropFirst())] = "true"
      return ["matchLabels": labels]
    }
    if !aggregated.isEmpty { role["aggregationRule"] = ["clusterRoleSelectors": .array(aggregated)] }
    return role
  }

  private static func object(_ namespaced: String, _ cluster: String, _ name: String, _ labels: [String]) -> JSONValue {
    let parts: [Substring] = name.split(separator: "/")
    var labelValues: JSONValue = ["kubernetes.io/bootstrapping": "rbac-defaults"]
    for label: String in labels { labelValues[label] = "true" }
    var metadata: JSONValue = [
      "name": .string(String(parts.last ?? "")), "labels": labelValues,
      "annotations": ["rbac.authorization.kubernetes.io/autoupdate": "true"],
    ]
    if parts.count == 2 { metadata["namespace"] = .string(String(parts[0])) }
    return [
      "kind": .string(parts.count == 2 ? namespaced : cluster), "apiVersion": .string("\(group)/v1"),
      "metadata": metadata,
    ]
  }

  private static func rule(_ words: [Substring]) -> JSONValue {
    func list(_ word: Substring) -> [String] { word.split(separator: ",").map { $0 == "core" ? "" : String($0) } }
    var rule: PolicyRule = PolicyRule(verbs: list(words[0]))
    if words[1] == ":" {
      rule.nonResourceURLs = list(words[2])
    } else {
      rule.resources = list(words[1])
      for word: Substring in words.dropFirst(2) {
        if word.hasPrefix("@") { rule.apiGroups = list(word.dropFirst()) }
        if word.hasPrefix("#") { rule.resourceNames = list(word.dropFirst()) }
      }
    }
    return rule.json
  }

  private static func pair(_ word: String) -> (kind: String, name: String) {
    let parts: [Substring] = word.split(separator: ":", maxSplits: 1)
    return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
  }

  private static func subject(_ word: String) -> JSONValue {
    let (kind, name): (String, String) = pair(word)
    guard kind == "ServiceAccount" else {
      return ["kind": .string(kind), "apiGroup": .string(group), "name": .string(name)]
    }
    let parts: [Substring] = name.split(separator: "/")
    return [
      "kind": .string(kind), "name": .string(String(parts.last ?? "")), "namespace": .string(String(parts.first ?? "")),
    ]
  }
}
