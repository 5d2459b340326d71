// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import Foundation
import JSON

/// Calls the webhooks of Mutating- and ValidatingWebhookConfigurations.
struct WebhookAdmission: AdmissionPlugin {
  static let name: String = "MutatingAdmissionWebhook"
  /// Upstream's time for a webhook that says none.
  private static let usualTimeout: Int64 = 10

  let mutating: ObjectStorage
  let validating: ObjectStorage
  let registry: ResourceRegistry
  let authorizer: AuthorizerChain

  func admit(_ request: inout AdmissionRequest) async throws {
    guard !Self.isExempt(request), request.operation != .delete else { return try await mutateDeletion(request) }
    let reinvocation: Reinvocation = request.reinvocation
    let all: [(JSONValue, JSONValue)] = try await hooks(mutating, request)
    if all.isEmpty { return }
    reinvocation.begin(Self.name, request.object)
    for (configuration, hook) in all {
      let key: String = JSONValue([configuration.objectName, hook["name"].string ?? ""]).text
      if reinvocation.skips(Self.name, key) { continue }
      let before: JSONValue = request.object
      if let answer: JSONValue = try await call(hook, configuration, request), let patch: String = answer["patch"].string {
        try await Self.apply(patch, to: &request, hook)
      }
      if request.object != before { reinvocation.changed(Self.name) }
      if hook["reinvocationPolicy"].string == "IfNeeded" { reinvocation.ran(Self.name, key) }
    }
    reinvocation.end(Self.name, request.object)
  }

  private func mutateDeletion(_ request: AdmissionRequest) async throws {
    guard !Self.isExempt(request) else { return }
    for (configuration, hook) in try await hooks(mutating, request) { _ = try await call(hook, configuration, request) }
  }

  func validate(_ request: AdmissionRequest) async throws {
    guard !Self.isExempt(request) else { return }
    for (configuration, hook) in try await hooks(validating, request) {
      _ = try await call(hook, configuration, request)
    }
  }

  /// Webhooks and policies never decide on webhooks and policies, or on questions.
  static func isExempt(_ request: AdmissionRequest) -> Bool {
    request.group.group == "admissionregistration.k8s.io"
      || (request.user.name == UserInfo.apiServer.name && request.user.isMaster)
  }

  private func hooks(_ storage: ObjectStorage, _ request: AdmissionRequest) async throws -> [(JSONValue, JSONValue)] {
    let configurations: [CachedObject] = try await storage.list(ListRequest(freshness: .any)).objects
    if configurations.isEmpty { return [] }
    var result: [(JSONValue, JSONValue)] = []
    for object: CachedObject in configurations {
      let configuration: JSONValue = try ObjectStorage.tree(object)
      for hook: JSONValue in configuration["webhooks"].items where try await matches(hook, request) {
        result.append((configuration, hook))
      }
    }
    return result
  }

  private func matches(_ hook: JSONValue, _ request: AdmissionRequest) async throws -> Bool {
    guard hook["rules"].items.contains(where: { RequestMatching.matches(rule: $0, request) }),
      try await RequestMatching.selects(hook, request, registry)
    else { return false }
    return try await holds(hook, request)
  }

  /// The matchConditions of a webhook.
  private func holds(_ hook: JSONValue, _ request: AdmissionRequest) async throws -> Bool {
    let conditions: [JSONValue] = hook["matchConditions"].items
    if conditions.isEmpty { return true }
    let asked: PolicyQuestion = try await PolicyQuestion(request, registry, authorizer)
    do {
      return try await asked.holds(conditions)
    } catch {
      if hook["failurePolicy"].string == "Ignore" { return false }
      throw StatusError.forbidden(request.group, request.name, "\(error)")
    }
  }

  /// Asks one webhook; its response, or nil where it could not be asked and that is no matter.
  private func call(_ hook: JSONValue, _ configuration: JSONValue, _ request: AdmissionRequest) async throws -> JSONValue? {
    let name: String = hook["name"].string ?? ""
    let identifier: String = UID.make()
    if request.isDryRun, !["None", "NoneOnDryRun"].contains(hook["sideEffects"].string ?? "") {
      throw StatusError.badRequest("admission webhook \(name.goQuoted) does not support dry run")
    }
    let answer: JSONValue
    do {
      answer = try await WebhookCaller(registry: registry).call(
        hook["clientConfig"], try await review(request, identifier),
        timeout: .seconds(hook["timeoutSeconds"].int ?? Self.usualTimeout), what: name)
    } catch {
      if hook["failurePolicy"].string == "Ignore" { return nil }
      throw StatusError.internalError(
        "failed calling webhook \(name.goQuoted): failed to call webhook: \(Self.reason(error, hook))")
    }
    let response: JSONValue = answer["response"]
    for warning: String in response["warnings"].stringItems { request.warnings.add(warning) }
    if response["allowed"].bool == true { return response }
    let status: JSONValue = response["status"]
    let message: String = status["message"].string ?? ""
    let why: String
    if !message.isEmpty {
      why = "admission webhook \(name.goQuoted) denied the request: \(message)"
    } else if let reason: String = status["reason"].string, !reason.isEmpty {
      why = "admission webhook \(name.goQuoted) denied the request: \(reason)"
    } else {
      why = "admission webhook \(name.goQuoted) denied the request without explanation"
    }
    var code: Int = Int(status["code"].int ?? 400)
    if code < 400 { code = 400 }
    throw StatusError(code: code, reason: status["reason"].string ?? "", message: why, details: status["details"])
  }

  private static func reason(_ error: any Error, _ hook: JSONValue) -> String {
    let client: JSONValue = hook["clientConfig"]
    let seconds: Int64 = hook["timeoutSeconds"].int ?? usualTimeout
    let url: String
    if let given: String = client["url"].string {
      url = given + (given.contains("?") ? "&" : "?") + "timeout=\(seconds)s"
    } else {
      let service: JSONValue = client["service"]
      let path: String = service["path"].string ?? "/"
      url = "https://\(service["name"].string ?? "").\(service["namespace"].string ?? "").svc:\(service["port"].int ?? 443)\(path)?timeout=\(seconds)s"
    }
    return "Post \(url.goQuoted): \(error)"
  }

  private func review(_ request: AdmissionRequest, _ identifier: String) async throws -> JSONValue {
    var question: JSONValue = ["uid": .string(identifier)]
    for (name, value) in request.question.object ?? JSONObject() { question[name] = value }
    if !request.object.isNull { question["object"] = try await request.resource.fromStorage(request.object) }
    if !request.old.isNull { question["oldObject"] = try await request.resource.fromStorage(request.old) }
    return ["kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": question]
  }

  /// The hook has seen the object in the served version, and patches that.
  private static func apply(_ patch: String, to request: inout AdmissionRequest, _ hook: JSONValue) async throws {
    guard let data: Data = Data(base64Encoded: patch), let operations: JSONValue = try? JSONValue(parsing: [UInt8](data)) else {
      throw StatusError.internalError("webhook \((hook["name"].string ?? "").goQuoted) sent a patch that cannot be read")
    }
    let served: JSONValue = try await request.resource.fromStorage(request.object)
    let patched: JSONValue = try served.jsonPatched(with: operations)
    let schema: KindSchema = request.resource.schema
    // What a subresource takes is of another kind.
    guard request.object["kind"].string == schema.kind.kind else {
      request.object = try request.resource.storageSchema.decodePatched(patched, validation: .ignore).object
      return
    }
    request.object = try await request.toStorageForm(try schema.decodePatched(patched, validation: .ignore).object)
  }
}
