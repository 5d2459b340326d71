// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import JSON

/// Whether a write is one that a webhook or a policy wants to see.
enum RequestMatching {
  static func matches(rule: JSONValue, _ request: AdmissionRequest) -> Bool {
    func covers(_ list: JSONValue, _ value: String) -> Bool { list.stringItems.contains { $0 == "*" || $0 == value } }
    guard covers(rule["operations"], request.operation.rawValue), covers(rule["apiGroups"], request.group.group),
      covers(rule["apiVersions"], request.resource.kind.version)
    else { return false }
    let names: [String] = rule["resourceNames"].stringItems
    if !names.isEmpty, !names.contains(request.name) { return false }
    let scope: String = rule["scope"].string ?? "*"
    let isNamespaced: Bool = request.resource.definition.isNamespaced
    if scope == "Namespaced", !isNamespaced { return false }
    if scope == "Cluster", isNamespaced { return false }
    let full: String = request.subresource.isEmpty ? request.group.resource : "\(request.group.resource)/\(request.subresource)"
    return rule["resources"].stringItems.contains { wanted in
      if wanted == "*/*" || wanted == full { return true }
      if wanted == "*" { return request.subresource.isEmpty }
      if wanted.hasSuffix("/*") { return wanted.dropLast(2) == request.group.resource }
      return wanted.hasPrefix("*/") && !request.subresource.isEmpty && wanted.dropFirst(2) == request.subresource
    }
  }

  /// Whether the selectors for the namespace and the object select the write.
  static func selects(_ match: JSONValue, _ request: AdmissionRequest, _ registry: ResourceRegistry) async throws -> Bool {
    let selector: JSONValue = match["namespaceSelector"]
    if selector.object?.isEmpty == false {
      let isNamespace: Bool = request.group == GroupResource("", "namespaces")
      if isNamespace || !request.namespace.isEmpty {
        let labels: [String: String]
        if isNamespace, !request.object.isNull {
          labels = request.object.objectLabels
        } else {
          let namespace: JSONValue? = try await registry.storage("", "namespaces")?.object(
            namespace: "", name: isNamespace ? request.name : request.namespace)
          labels = namespace?.objectLabels ?? [:]
        }
        if !Selectors.matches(selector, labels) { return false }
      }
    }
    let objects: JSONValue = match["objectSelector"]
    if objects.object?.isEmpty == false {
      let matchesNew: Bool = !request.object.isNull && Selectors.matches(objects, request.object.objectLabels)
      let matchesOld: Bool = !request.old.isNull && Selectors.matches(objects, request.old.objectLabels)
      if !matchesNew && !matchesOld { return false }
    }
    return true
  }

  /// The matchConstraints of a policy, or the matchResources of a binding, which need not name resources.
  static func matches(_ match: JSONValue, _ request: AdmissionRequest, _ registry: ResourceRegistry) async throws -> Bool {
    let rules: [JSONValue] = match["resourceRules"].items
    if !rules.isEmpty, !rules.contains(where: { matches(rule: $0, request) }) { return false }
    if match["excludeResourceRules"].items.contains(where: { matches(rule: $0, request) }) { return false }
    return try await selects(match, request, registry)
  }
}

extension AdmissionRequest {
  /// The write as webhooks and policies read it (admission/v1 AdmissionRequest), without its objects.
  var question: JSONValue {
    func kind(_ kind: GroupVersionKind) -> JSONValue {
      ["group": .string(kind.group), "version": .string(kind.version), "kind": .string(kind.kind)]
    }
    let definition: ResourceDefinition = resource.definition
    let named: JSONValue = [
      "group": .string(definition.identifier.group), "version": .string(definition.identifier.version),
      "resource": .string(definition.identifier.resource),
    ]
    let shown: GroupVersionKind = definition.subresource(subresource)?.kind ?? definition.kind
    var question: JSONValue = [
      "kind": kind(shown), "resource": named, "requestKind": kind(shown), "requestResource": named,
    ]
    if !subresource.isEmpty {
      question["subResource"] = .string(subresource)
      question["requestSubResource"] = .string(subresource)
    }
    if !name.isEmpty { question["name"] = .string(name) }
    if !namespace.isEmpty { question["namespace"] = .string(namespace) }
    question["operation"] = .string(operation.rawValue)
    question["userInfo"] = user.json
    question["dryRun"] = .bool(isDryRun)
    let options: String =
      switch operation {
      case .create: "CreateOptions"
      case .update: "UpdateOptions"
      case .delete: "DeleteOptions"
      case .connect: ""
      }
    if !options.isEmpty { question["options"] = ["kind": .string(options), "apiVersion": "meta.k8s.io/v1"] }
    return question
  }
}
