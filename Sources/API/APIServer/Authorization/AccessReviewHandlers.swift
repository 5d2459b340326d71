// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import JSON

/// subjectaccessreviews and their kin: whether somebody may do something.
struct AccessReviewHandler: SubresourceHandler {
  func handle(_ endpoint: ResourceEndpoint) async throws {
    var review: Review = try await Review(endpoint)
    let spec: JSONValue = review.object["spec"]
    let kind: String = endpoint.resource.kind.kind
    let isSelf: Bool = kind == "SelfSubjectAccessReview"
    let errors: [FieldError] = AccessReviewRules.errors(
      review.object, kind: kind, namespace: endpoint.info.namespace)
    if !errors.isEmpty { throw StatusError.invalid(GroupKind(endpoint.resource.kind.group, ""), "", errors) }
    let user: UserInfo = isSelf ? endpoint.call.user : Self.user(spec)
    let decision: AuthorizationDecision = await endpoint.core.authorizer.decide(Self.attributes(spec, user))
    var status: JSONValue = ["allowed": .bool(decision.isAllowed)]
    if case .deny = decision { status["denied"] = true }
    if !decision.reason.isEmpty { status["reason"] = .string(decision.reason) }
    let ignored: String = AccessReviewRules.evaluationError(spec)
    if !ignored.isEmpty { status["evaluationError"] = .string(ignored) }
    review.object["status"] = status
    try await review.answer(endpoint)
  }

  private static func user(_ spec: JSONValue) -> UserInfo {
    var extra: [String: [String]] = [:]
    for (key, value) in spec["extra"].object ?? JSONObject() { extra[key.lowercased()] = value.stringItems }
    return UserInfo(
      name: spec["user"].string ?? "", uid: spec["uid"].string ?? "", groups: spec["groups"].stringItems, extra: extra)
  }

  private static func attributes(_ spec: JSONValue, _ user: UserInfo) -> AuthorizationAttributes {
    let path: JSONValue = spec["nonResourceAttributes"]
    if path.object != nil {
      return AuthorizationAttributes(user: user, verb: path["verb"].string ?? "", path: path["path"].string ?? "")
    }
    let resource: JSONValue = spec["resourceAttributes"]
    return AuthorizationAttributes(
      user: user, verb: resource["verb"].string ?? "", group: resource["group"].string ?? "",
      resource: resource["resource"].string ?? "", subresource: resource["subresource"].string ?? "",
      namespace: resource["namespace"].string ?? "", name: resource["name"].string ?? "",
      version: resource["version"].string ?? "")
  }
}

/// selfsubjectrulesreviews: everything that the caller may do in a namespace.
struct RulesReviewHandler: SubresourceHandler {
  func handle(_ endpoint: ResourceEndpoint) async throws {
    var review: Review = try await Review(endpoint)
    let namespace: String = review.object["spec"]["namespace"].string ?? ""
    guard !namespace.isEmpty else { throw StatusError.badRequest("no namespace on request") }
    let user: UserInfo = endpoint.call.user
    let rules: [PolicyRule] = await endpoint.core.rbac.rules(for: user, namespace: namespace)
    let resources: [JSONValue] = rules.filter { $0.nonResourceURLs.isEmpty }.map { rule in
      var value: JSONValue = [
        "verbs": JSONValue(rule.verbs), "apiGroups": JSONValue(rule.apiGroups), "resources": JSONValue(rule.resources),
      ]
      if !rule.resourceNames.isEmpty { value["resourceNames"] = JSONValue(rule.resourceNames) }
      return value
    }
    let paths: [JSONValue] = rules.filter { !$0.nonResourceURLs.isEmpty }.map {
      ["verbs": JSONValue($0.verbs), "nonResourceURLs": JSONValue($0.nonResourceURLs)]
    }
    review.object["metadata"] = .object(JSONObject())
    review.object["spec"] = .object(JSONObject())
    review.object["status"] = [
      "resourceRules": .array(resources), "nonResourceRules": .array(paths), "incomplete": false,
    ]
    try await review.answer(endpoint)
  }
}
