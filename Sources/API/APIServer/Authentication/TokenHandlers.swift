// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import Foundation
import JSON
import KubeValues
import NIOHTTP1

/// serviceaccounts/token: makes a token, bound to an object and an audience, for a time.
struct TokenRequestHandler: SubresourceHandler {
  /// Upstream's bounds of a token's life in seconds.
  private static let shortest: Int64 = 600
  private static let longest: Int64 = 1 << 32
  private static let usual: Int64 = 3600

  func handle(_ endpoint: ResourceEndpoint) async throws {
    guard let schema: KindSchema = SchemaRegistry.builtIn.kind("authentication.k8s.io", "v1", "TokenRequest") else {
      throw ResourceEndpoint.unknownPath
    }
    let form: NegotiatedAnswer = try endpoint.negotiate()
    let options: WriteOptions = try WriteOptions(.create, query: endpoint.call.query)
    var request: JSONValue = try endpoint.decode(try await endpoint.call.body(), as: schema, validation: options.validation)
    let name: String = endpoint.info.name
    let account: JSONValue = try ObjectStorage.tree(try await endpoint.existing(name))
    if !request.objectName.isEmpty, request.objectName != name {
      throw StatusError.badRequest("the name of the object (\(request.objectName)) does not match the name on the URL (\(name))")
    }
    if request["spec"]["expirationSeconds"].isNull { request["spec"]["expirationSeconds"] = .int(Self.usual) }
    request["apiVersion"] = "authentication.k8s.io/v1"
    request["kind"] = "TokenRequest"
    request = FieldManager(kind: schema, subresource: "token").updated(
      live: .null, object: request, manager: endpoint.call.fieldManager, time: endpoint.call.now.rfc3339)
    if request["spec"]["audiences"].items.isEmpty { request["spec"]["audiences"] = JSONValue(endpoint.core.tokens.audiences) }
    let seconds: Int64 = request["spec"]["expirationSeconds"].int ?? Self.usual
    var errors: [FieldError] = []
    if seconds < Self.shortest {
      errors.append(.invalid("spec.expirationSeconds", .int(seconds), "may not specify a duration less than 10 minutes"))
    }
    if seconds > Self.longest {
      errors.append(.invalid("spec.expirationSeconds", .int(seconds), "may not specify a duration larger than 2^32 seconds"))
    }
    if !errors.isEmpty { throw StatusError.invalid(GroupKind("authentication.k8s.io", "TokenRequest"), "", errors) }
    let bound: JSONValue = try await boundObject(endpoint, request["spec"]["boundObjectRef"], account: name)
    try await endpoint.core.admission.validate(
      AdmissionRequest(.create, endpoint, object: request, old: nil, isDryRun: options.isDryRun))
    let now: Int64 = Int64(Date().timeIntervalSince1970)
    let claims: JSONValue = claims(endpoint, account, request, bound, now: now, seconds: seconds)
    request["status"] = [
      "token": .string(try endpoint.core.tokens.sign(claims)),
      "expirationTimestamp": .string(Timestamp(seconds: now + seconds).rfc3339),
    ]
    request["metadata"] = [
      "name": .string(name), "namespace": .string(endpoint.info.namespace),
      "creationTimestamp": .string(endpoint.call.now.rfc3339), "uid": account["metadata"]["uid"],
      "managedFields": request["metadata"]["managedFields"],
    ]
    try await endpoint.call.send(schema.normalized(request), as: form, status: .created, schema: schema)
  }

  /// The claims about the object that the token is bound to.
  private func boundObject(_ endpoint: ResourceEndpoint, _ reference: JSONValue, account: String) async throws -> JSONValue {
    guard reference.object != nil else { return .object(JSONObject()) }
    let kind: String = reference["kind"].string ?? ""
    let name: String = reference["name"].string ?? ""
    let resources: [String: String] = ["Pod": "pods", "Secret": "secrets", "Node": "nodes"]
    guard let resource: String = resources[kind], reference["apiVersion"].string == "v1" else {
      throw StatusError.badRequest(
        "cannot bind token to object of type \(reference["apiVersion"].string ?? ""), Kind=\(kind)")
    }
    guard let storage: ObjectStorage = endpoint.core.registry.storage("", resource),
      let object: JSONValue = try await storage.object(namespace: kind == "Node" ? "" : endpoint.info.namespace, name: name)
    else { throw StatusError.notFound(GroupResource("", resource), name) }
    if let uid: String = reference["uid"].string, !uid.isEmpty, uid != object.objectUID {
      throw StatusError.conflict(
        GroupResource("", kind), name,
        "the UID in the bound object reference (\(uid)) does not match the UID in record. The object might have been deleted and then recreated")
    }
    if kind == "Pod", (object["spec"]["serviceAccountName"].string ?? "default") != account {
      throw StatusError.badRequest(
        "cannot bind token for serviceaccount \(account.goQuoted) to pod running with different serviceaccount name.")
    }
    var claims: JSONValue = .object(JSONObject())
    claims[kind.lowercased()] = ["name": .string(name), "uid": .string(object.objectUID)]
    if kind == "Pod", let node: String = object["spec"]["nodeName"].string, !node.isEmpty {
      claims["node"] = ["name": .string(node)]
      if let found: JSONValue = try await endpoint.core.registry.storage("", "nodes")?.object(namespace: "", name: node) {
        claims["node"]["uid"] = .string(found.objectUID)
      }
    }
    return claims
  }

  private func claims(
    _ endpoint: ResourceEndpoint, _ account: JSONValue, _ request: JSONValue, _ bound: JSONValue, now: Int64,
    seconds: Int64
  ) -> JSONValue {
    var facts: JSONValue = ["namespace": .string(endpoint.info.namespace)]
    for (key, value) in bound.object ?? JSONObject() { facts[key] = value }
    facts["serviceaccount"] = ["name": .string(endpoint.info.name), "uid": .string(account.objectUID)]
    return [
      "aud": request["spec"]["audiences"], "exp": .int(now + seconds), "iat": .int(now),
      "iss": .string(endpoint.core.tokens.issuers.first ?? ""), "jti": .string(UID.make()), "kubernetes.io": facts,
      "nbf": .int(now),
      "sub": .string("system:serviceaccount:\(endpoint.info.namespace):\(endpoint.info.name)"),
    ]
  }
}

/// Requests whose object is a question; they are answered and forgotten.
struct Review: Sendable {
  let schema: KindSchema
  let form: NegotiatedAnswer
  var object: JSONValue

  init(_ endpoint: ResourceEndpoint) async throws {
    schema = endpoint.resource.schema
    // An answer to a question has no table.
    form = try endpoint.negotiate(allowsForms: false)
    let options: WriteOptions = try WriteOptions(.create, query: endpoint.call.query)
    object = try endpoint.decode(try await endpoint.call.body(), as: schema, validation: options.validation)
    object["apiVersion"] = .string(schema.kind.apiVersion)
    object["kind"] = .string(schema.kind.kind)
    if endpoint.resource.definition.isNamespaced { try endpoint.checkNamespace(&object) }
    object = endpoint.fieldManager(schema).updated(
      live: .null, object: object, manager: endpoint.call.fieldManager, time: endpoint.call.now.rfc3339)
  }

  func answer(_ endpoint: ResourceEndpoint) async throws {
    try await endpoint.call.send(schema.normalized(object), as: form, status: .created, schema: schema)
  }
}

/// tokenreviews: who a token stands for.
struct TokenReviewHandler: SubresourceHandler {
  func handle(_ endpoint: ResourceEndpoint) async throws {
    var review: Review = try await Review(endpoint)
    let token: String = review.object["spec"]["token"].string ?? ""
    guard !token.isEmpty else {
      throw StatusError.badRequest("token is required for TokenReview in authentication")
    }
    let wanted: [String] = review.object["spec"]["audiences"].stringItems
    let core: ServerCore = endpoint.core
    var user: UserInfo? = core.authenticator.staticTokens.user(token)
    if user == nil { user = await core.tokens.user(token, audiences: wanted) }
    if user == nil { user = await core.authenticator.user(token: token) }
    if var user {
      if !user.groups.contains(UserInfo.authenticatedGroup) { user.groups.append(UserInfo.authenticatedGroup) }
      var status: JSONValue = ["authenticated": true, "user": user.json]
      let given: [String] = core.tokens.claims(token)?["aud"].stringItems ?? core.tokens.audiences
      let common: [String] = (wanted.isEmpty ? core.tokens.audiences : wanted).filter(given.contains)
      if !wanted.isEmpty, common.isEmpty {
        status = ["user": .object(JSONObject()), "error": .string(Self.wrongAudience(given, wanted))]
      } else {
        status["audiences"] = JSONValue(common.isEmpty ? core.tokens.audiences : common)
      }
      review.object["status"] = status
    } else {
      let why: String = await Self.refusal(token, wanted, core)
      review.object["status"] = ["user": .object(JSONObject()), "error": .string(why)]
    }
    try await review.answer(endpoint)
  }

  private static func wrongAudience(_ given: [String], _ wanted: [String]) -> String {
    "[invalid bearer token, token audiences \(given) is invalid for the target audiences \(wanted)]"
  }

  /// Why a token of ours stands for nobody, in upstream's words.
  private static func refusal(_ token: String, _ wanted: [String], _ core: ServerCore) async -> String {
    guard let claims: JSONValue = core.tokens.claims(token) else { return "invalid bearer token" }
    let given: [String] = claims["aud"].stringItems
    let accepted: [String] = wanted.isEmpty ? core.tokens.audiences : wanted
    if !given.contains(where: accepted.contains) { return wrongAudience(given, accepted) }
    if let expiry: Int64 = claims["exp"].int, expiry < Int64(Date().timeIntervalSince1970) {
      return "[invalid bearer token, service account token has expired]"
    }
    let about: JSONValue = claims["kubernetes.io"]
    let account: String = about["serviceaccount"]["name"].string ?? ""
    guard let accounts: ObjectStorage = core.registry.storage("", "serviceaccounts") else { return "invalid bearer token" }
    do throws(StatusError) {
      guard try await accounts.object(namespace: about["namespace"].string ?? "", name: account) == nil else {
        return "[invalid bearer token, service account token has been invalidated]"
      }
      return "[invalid bearer token, serviceaccounts \(account.goQuoted) not found]"
    } catch {
      return "[invalid bearer token, \(error)]"
    }
  }
}

/// selfsubjectreviews: who the server takes the caller for.
struct SelfSubjectReviewHandler: SubresourceHandler {
  func handle(_ endpoint: ResourceEndpoint) async throws {
    var review: Review = try await Review(endpoint)
    review.object["metadata"] = ["creationTimestamp": .string(endpoint.call.now.rfc3339)]
    review.object["status"] = ["userInfo": endpoint.call.user.json]
    try await review.answer(endpoint)
  }
}
