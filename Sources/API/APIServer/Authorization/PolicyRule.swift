// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// A rule of a Role or ClusterRole.
struct PolicyRule: Sendable, Hashable {
  var verbs: [String] = []
  var apiGroups: [String] = []
  var resources: [String] = []
  var resourceNames: [String] = []
  var nonResourceURLs: [String] = []

  init(
    verbs: [String], apiGroups: [String] = [], resources: [String] = [], resourceNames: [String] = [],
    nonResourceURLs: [String] = []
  ) {
    self.verbs = verbs
    self.apiGroups = apiGroups
    self.resources = resources
    self.resourceNames = resourceNames
    self.nonResourceURLs = nonResourceURLs
  }

  init(_ json: JSONValue) {
    verbs = json["verbs"].stringItems
    apiGroups = json["apiGroups"].stringItems
    resources = json["resources"].stringItems
    resourceNames = json["resourceNames"].stringItems
    nonResourceURLs = json["nonResourceURLs"].stringItems
  }

  var json: JSONValue {
    var value: JSONValue = ["verbs": JSONValue(verbs)]
    if !apiGroups.isEmpty { value["apiGroups"] = JSONValue(apiGroups) }
    if !resources.isEmpty { value["resources"] = JSONValue(resources) }
    if !resourceNames.isEmpty { value["resourceNames"] = JSONValue(resourceNames) }
    if !nonResourceURLs.isEmpty { value["nonResourceURLs"] = JSONValue(nonResourceURLs) }
    return value
  }

  func allows(_ attributes: AuthorizationAttributes) -> Bool {
    guard verbs.contains(attributes.verb) || verbs.contains("*") else { return false }
    guard attributes.isResource else { return nonResourceURLs.contains { Self.path($0, covers: attributes.path) } }
    guard apiGroups.contains("*") || apiGroups.contains(attributes.group) else { return false }
    guard resources.contains(where: { Self.resource($0, covers: attributes) }) else { return false }
    return resourceNames.isEmpty || resourceNames.contains(attributes.name)
  }

  private static func resource(_ rule: String, covers attributes: AuthorizationAttributes) -> Bool {
    if rule == "*" || rule == attributes.fullResource { return true }
    return !attributes.subresource.isEmpty && rule == "*/\(attributes.subresource)"
  }

  static func path(_ rule: String, covers path: String) -> Bool {
    if rule == "*" || rule == path { return true }
    return rule.hasSuffix("*") && path.hasPrefix(rule.dropLast())
  }

  /// The rule taken apart so that each piece names one thing of each dimension.
  var pieces: [PolicyRule] {
    var all: [PolicyRule] = []
    for verb: String in verbs {
      for group: String in apiGroups {
        for resource: String in resources {
          if resourceNames.isEmpty {
            all.append(PolicyRule(verbs: [verb], apiGroups: [group], resources: [resource]))
          }
          for name: String in resourceNames {
            all.append(PolicyRule(verbs: [verb], apiGroups: [group], resources: [resource], resourceNames: [name]))
          }
        }
      }
      for url: String in nonResourceURLs { all.append(PolicyRule(verbs: [verb], nonResourceURLs: [url])) }
    }
    return all
  }

  /// Whether this rule covers a piece of another.
  func covers(piece: PolicyRule) -> Bool {
    guard verbs.contains("*") || piece.verbs.allSatisfy(verbs.contains) else { return false }
    if !piece.nonResourceURLs.isEmpty {
      return piece.nonResourceURLs.allSatisfy { url in nonResourceURLs.contains { Self.path($0, covers: url) } }
    }
    guard apiGroups.contains("*") || piece.apiGroups.allSatisfy(apiGroups.contains) else { return false }
    let covered: Bool = piece.resources.allSatisfy { wanted in
      if resources.contains("*") || resources.contains(wanted) { return true }
      guard let slash: String.Index = wanted.firstIndex(of: "/") else { return false }
      return resources.contains("*" + wanted[slash...])
    }
    guard covered else { return false }
    if resourceNames.isEmpty { return true }
    return !piece.resourceNames.isEmpty && piece.resourceNames.allSatisfy(resourceNames.contains)
  }
}
