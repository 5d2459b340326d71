// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import JSON

/// Objects of a custom resource in its versions: the same but for the name of the version, or what a webhook makes.
struct CustomConversion: VersionConversion {
  let custom: CustomResource
  let registry: ResourceRegistry

  func toStorage(_ object: JSONValue) async throws -> JSONValue {
    try await convert(object, to: "\(custom.group)/\(custom.storageVersion)")
  }

  func fromStorage(_ object: JSONValue, to kind: GroupVersionKind) async throws -> JSONValue {
    try await convert(object, to: kind.apiVersion)
  }

  private func convert(_ object: JSONValue, to version: String) async throws -> JSONValue {
    if object["apiVersion"].string == version { return object }
    let conversion: JSONValue = custom.definition["spec"]["conversion"]
    guard conversion["strategy"].string == "Webhook" else {
      var copy: JSONValue = object
      copy["apiVersion"] = .string(version)
      return copy
    }
    let review: JSONValue = [
      "kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1",
      "request": ["uid": .string(UID.make()), "desiredAPIVersion": .string(version), "objects": [object]],
    ]
    let answer: JSONValue = try await WebhookCaller(registry: registry).call(
      conversion["webhook"]["clientConfig"], review, timeout: .seconds(30), what: "conversion webhook for \(custom.group)/\(custom.storageVersion), Kind=\(custom.kind)")
    let response: JSONValue = answer["response"]
    let what: String = "conversion webhook for \(object["apiVersion"].string ?? ""), Kind=\(custom.kind)"
    guard response["uid"] == review["request"]["uid"] else {
      throw Self.failure("\(what) failed: expected response.uid to be the request's")
    }
    guard response["result"]["status"].string == "Success" else {
      let message: String = response["result"]["message"].string ?? ""
      let status: String = response["result"]["status"].string ?? ""
      throw Self.failure(
        "\(what) failed: " + (message.isEmpty ? "response.result.status was '\(status)', expected 'Success'" : message))
    }
    let converted: [JSONValue] = response["convertedObjects"].items
    guard converted.count == 1 else {
      throw Self.failure("\(what) returned \(converted.count) objects, expected 1")
    }
    if let complaint: String = Self.complaint(converted[0], object, version) {
      throw Self.failure("\(what) returned invalid converted object at index 0: \(complaint)")
    }
    return Self.kept(converted[0], object)
  }

  private static func failure(_ message: String) -> StatusError { StatusError(code: 500, reason: "", message: message) }

  /// What a webhook must not change.
  private static func complaint(_ converted: JSONValue, _ object: JSONValue, _ version: String) -> String? {
    if converted["apiVersion"].string != version {
      return "invalid groupVersion (expected \(version), received \(converted["apiVersion"].string ?? ""))"
    }
    if converted["kind"] != object["kind"] {
      return "invalid kind (expected \(object["kind"].string ?? ""), received \(converted["kind"].string ?? ""))"
    }
    guard converted["metadata"].object != nil else { return "invalid metadata of type \(converted["metadata"].jsonTypeName)" }
    for (key, shown) in [("name", "name"), ("namespace", "namespace"), ("uid", "UID")] {
      let (before, after): (String, String) = (object["metadata"][key].string ?? "", converted["metadata"][key].string ?? "")
      if before != after { return "\(shown) must not change (expected \(before.goQuoted), received \(after.goQuoted))" }
    }
    return nil
  }

  /// Of the metadata only labels and annotations are the webhook's.
  private static func kept(_ converted: JSONValue, _ object: JSONValue) -> JSONValue {
    var result: JSONValue = converted
    result["metadata"] = object["metadata"]
    for key: String in ["labels", "annotations"] { result["metadata"][key] = converted["metadata"][key] }
    return result
  }
}
