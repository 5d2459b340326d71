// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Testing

@testable import APIServer

struct AuditPolicyTests {
  private static func policy(_ rules: JSONValue, _ more: JSONValue = .null) throws -> AuditPolicy {
    var policy: JSONValue = ["kind": "Policy", "apiVersion": "audit.k8s.io/v1", "rules": rules]
    for (key, value) in more.object ?? JSONObject() { policy[key] = value }
    return try AuditPolicy(policy)
  }

  private static func info(_ method: String, _ path: String) -> RequestInfo {
    RequestInfo(method: method, path: path, query: QueryParameters([]))
  }

  private static let user: UserInfo = UserInfo(name: "jane", groups: ["dev"])

  @Test(arguments: [
    (["users": ["jane"]], true), (["users": ["joe"]], false), (["userGroups": ["ops", "dev"]], true),
    (["verbs": ["get"]], true), (["verbs": ["list"]], false), (["namespaces": ["shop"]], true), (["namespaces": [""]], false),
    (["resources": [["group": "", "resources": ["pods"]]]], false),
    (["resources": [["group": "", "resources": ["pods/log"]]]], true),
    (["resources": [["group": "", "resources": ["pods/*"]]]], true),
    (["resources": [["group": "", "resources": ["*/log"]]]], true), (["resources": [["group": "", "resources": ["*"]]]], true),
    (["resources": [["group": "apps"]]], false), (["resources": [["group": ""]]], true),
    (["resources": [["group": "", "resources": ["*"], "resourceNames": ["y"]]]], false), (["nonResourceURLs": ["*"]], false),
    ([:], true),
  ] as [(JSONValue, Bool)])
  func rulesFitRequests(rule: JSONValue, fits: Bool) throws {
    var rule: JSONValue = rule
    rule["level"] = "Metadata"
    let decision: AuditDecision = try Self.policy([rule]).decision(
      Self.user, Self.info("GET", "/api/v1/namespaces/shop/pods/x/log"))
    #expect(decision.level == (fits ? .metadata : .none))
  }

  @Test(arguments: [("/healthz", true), ("/healthz/ping", true), ("/version", false), ("/api/v1/pods", false)])
  func pathsFitByTheirBeginnings(path: String, fits: Bool) throws {
    let policy: AuditPolicy = try Self.policy([["level": "Request", "nonResourceURLs": ["/healthz*"]]])
    #expect(policy.decision(Self.user, Self.info("GET", path)).level == (fits ? .request : .none))
  }

  @Test func theFirstRuleThatFitsDecidesAndStagesAddUp() throws {
    let policy: AuditPolicy = try Self.policy(
      [
        ["level": "None", "verbs": ["watch"]],
        ["level": "RequestResponse", "omitStages": ["ResponseStarted"], "omitManagedFields": false], ["level": "Metadata"],
      ], ["omitStages": ["RequestReceived"], "omitManagedFields": true])
    let decision: AuditDecision = policy.decision(Self.user, Self.info("POST", "/api/v1/namespaces"))
    #expect(
      decision
        == AuditDecision(
          level: .requestResponse, omittedStages: [.requestReceived, .responseStarted], omitsManagedFields: false))
  }

  @Test(arguments: [
    ["kind": "Policy", "apiVersion": "audit.k8s.io/v1"], ["kind": "Other", "apiVersion": "audit.k8s.io/v1", "rules": [["level": "None"]]],
    ["kind": "Policy", "apiVersion": "audit.k8s.io/v1", "rules": [["level": "Everything"]]],
    ["kind": "Policy", "apiVersion": "audit.k8s.io/v1", "omitStages": ["Never"], "rules": [["level": "None"]]],
  ] as [JSONValue])
  func badPoliciesAreRefused(policy: JSONValue) {
    #expect(throws: APIServerError.self) { try AuditPolicy(policy) }
  }
}
