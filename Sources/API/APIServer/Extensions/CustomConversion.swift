// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import JSON

/// Objects of a custom resource in its versions: the same but for the name of the version, or what a webhook makes.
struct CustomConversion: VersionConversion {
  let custom: CustomResource
  let registry: ResourceRegistry

  /// Whether versions differ by more than their names.
  var isByWebhook: Bool { custom.definition["spec"]["conversion"]["strategy"].string == "Webhook" }

  func toStorage(_ object: JSONValue) async throws -> JSONValue {
    try await convert([object], to: "\(custom.group)/\(custom.storageVersion)").first ?? object
  }

  func fromStorage(_ object: JSONValue, to kind: GroupVersionKind) async throws -> JSONValue {
    try await convert([object], to: kind.apiVersion).first ?? object
  }

  /// Converts objects with one question; those that are of the version already stay as they are.
  func convert(_ objects: [JSONValue], to version: String) async throws -> [JSONValue] {
    var result: [JSONValue] = objects
    let places: [Int] = objects.indices.filter { objects[$0]["apiVersion"].string != version }
    guard let first: Int = places.first else { return objects }
    guard isByWebhook else {
      for place: Int in places { result[place]["apiVersion"] = .string(version) }
      return result
    }
    let converted: [JSONValue] = try await ask(places.map { objects[$0] }, version, about: objects[first])
    for (place, object) in zip(places, converted) { result[place] = object }
    return result
  }

  private func ask(_ objects: [JSONValue], _ version: String, about one: JSONValue) async throws -> [JSONValue] {
    let what: String = "conversion webhook for \(one["apiVersion"].string ?? ""), Kind=\(custom.kind)"
    let webhook: JSONValue = custom.definition["spec"]["conversion"]["webhook"]
    guard let form: String = webhook["conversionReviewVersions"].stringItems.first(where: { ["v1", "v1beta1"].contains($0) })
    else { throw Self.failure("no supported conversion review versions") }
    let uid: String = UID.make()
    let review: JSONValue = [
      "kind": "ConversionReview", "apiVersion": .string("apiextensions.k8s.io/\(form)"),
      "request": ["uid": .string(uid), "desiredAPIVersion": .string(version), "objects": .array(objects)],
    ]
    let answer: JSONValue
    do {
      answer = try await WebhookCaller(registry: registry).call(
        webhook["clientConfig"], review, timeout: .seconds(30), what: what)
    } catch {
      if error is CancellationError { throw error }
      throw Self.failure("\(what) failed: Post \(Self.url(webhook["clientConfig"]).goQuoted): \(error)")
    }
    do throws(ConversionReviewError) {
      return try ConversionReview(uid: uid, form: form, objects: objects, version: version).read(answer)
    } catch { throw Self.failure("\(what) \(error.message)") }
  }

  private static func url(_ client: JSONValue) -> String {
    if let url: String = client["url"].string { return "\(url)?timeout=30s" }
    let service: JSONValue = client["service"]
    let host: String = "\(service["name"].string ?? "").\(service["namespace"].string ?? "").svc"
    return "https://\(host):\(service["port"].int ?? 443)\(service["path"].string ?? "/")?timeout=30s"
  }

  private static func failure(_ message: String) -> StatusError { StatusError(code: 500, reason: "", message: message) }
}
