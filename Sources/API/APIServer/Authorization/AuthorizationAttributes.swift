// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// What somebody wants to do.
struct AuthorizationAttributes: Sendable {
  var user: UserInfo
  var verb: String
  var isResource: Bool = true
  var group: String = ""
  var version: String = ""
  var resource: String = ""
  var subresource: String = ""
  var namespace: String = ""
  var name: String = ""
  /// The path, where this is no resource.
  var path: String = ""
  /// The selectors of a list or watch.
  var fieldSelector: String = ""

  init(
    user: UserInfo, verb: String, group: String, resource: String, subresource: String = "", namespace: String = "",
    name: String = "", version: String = ""
  ) {
    self.user = user
    self.verb = verb
    self.group = group
    self.version = version
    let parts: [Substring] = resource.split(separator: "/", maxSplits: 1)
    self.resource = parts.first.map(String.init) ?? ""
    self.subresource = parts.count > 1 ? String(parts[1]) : subresource
    self.namespace = namespace
    self.name = name
  }

  init(user: UserInfo, verb: String, path: String) {
    self.user = user
    self.verb = verb
    self.path = path
    isResource = false
  }

  init(user: UserInfo, info: RequestInfo) {
    if info.isResource {
      self.init(
        user: user, verb: info.verb, group: info.group, resource: info.resource, subresource: info.subresource,
        namespace: info.namespace, name: info.authorizedName, version: info.version)
      fieldSelector = info.fieldSelector
    } else {
      self.init(user: user, verb: info.verb, path: info.path)
    }
  }

  /// The resource with its subresource, as rules name it.
  var fullResource: String { subresource.isEmpty ? resource : "\(resource)/\(subresource)" }

  /// The refusal, in upstream's words.
  func refusal(_ reason: String = "") -> StatusError {
    let who: String = "User \(user.name.goQuoted) cannot \(verb)"
    let why: String
    if !isResource {
      why = "\(who) path \(path.goQuoted)"
    } else {
      let what: String = "\(who) resource \(fullResource.goQuoted) in API group \(group.goQuoted)"
      why = namespace.isEmpty ? "\(what) at the cluster scope" : "\(what) in the namespace \(namespace.goQuoted)"
    }
    let text: String = reason.isEmpty ? why : "\(why): \(reason)"
    guard isResource else {
      return StatusError(code: 403, reason: "Forbidden", message: "forbidden: \(text)", details: .object(JSONObject()))
    }
    return .forbidden(GroupResource(group, resource), name, text)
  }
}

/// What an authorizer says.
enum AuthorizationDecision: Sendable, Equatable {
  case allow(String)
  case deny(String)
  case noOpinion(String)

  var isAllowed: Bool { if case .allow = self { true } else { false } }

  var reason: String {
    switch self {
    case .allow(let reason), .deny(let reason), .noOpinion(let reason): reason
    }
  }
}

/// Says whether somebody may do something.
protocol Authorizer: Sendable {
  func authorize(_ attributes: AuthorizationAttributes) async -> AuthorizationDecision
}

/// Asks several authorizers until one has an opinion.
struct AuthorizerChain: Sendable {
  var authorizers: [any Authorizer]

  func decide(_ attributes: AuthorizationAttributes) async -> AuthorizationDecision {
    if attributes.user.isMaster { return .allow("") }
    var reasons: [String] = []
    for authorizer: any Authorizer in authorizers {
      let decision: AuthorizationDecision = await authorizer.authorize(attributes)
      if case .noOpinion(let reason) = decision {
        if !reason.isEmpty { reasons.append(reason) }
      } else {
        return decision
      }
    }
    return .noOpinion(reasons.joined(separator: "\n"))
  }

  func isAllowed(_ attributes: AuthorizationAttributes) async -> Bool { await decide(attributes).isAllowed }

  /// - Throws: 403.
  func require(_ attributes: AuthorizationAttributes) async throws(StatusError) {
    let decision: AuthorizationDecision = await decide(attributes)
    if !decision.isAllowed { throw attributes.refusal(decision.reason) }
  }
}

/// Allows everything, for tests and closed networks.
struct AlwaysAllow: Authorizer {
  func authorize(_ attributes: AuthorizationAttributes) async -> AuthorizationDecision { .allow("") }
}
