// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// What is wrong with a conversion webhook's answer.
struct ConversionReviewError: Error {
  let message: String

  init(_ message: String) { self.message = message }
}

/// A question to a conversion webhook, and what may be in the answer.
struct ConversionReview {
  let uid: String
  /// The version of the review itself.
  let form: String
  let objects: [JSONValue]
  /// The API version that is wanted.
  let version: String

  /// The converted objects, with the metadata that a webhook must not change.
  func read(_ answer: JSONValue) throws(ConversionReviewError) -> [JSONValue] {
    let kind: String = "\(answer["apiVersion"].string ?? ""), Kind=\(answer["kind"].string ?? "")"
    let wanted: String = "apiextensions.k8s.io/\(form), Kind=ConversionReview"
    guard kind == wanted else { throw ConversionReviewError("failed: expected webhook response of \(wanted), got \(kind)") }
    let response: JSONValue = answer["response"]
    guard response.object != nil else { throw ConversionReviewError("failed: no response provided") }
    let given: String = response["uid"].string ?? ""
    guard given == uid || form == "v1beta1" else {
      throw ConversionReviewError("failed: expected response.uid=\(uid.goQuoted), got \(given.goQuoted)")
    }
    let status: String = response["result"]["status"].string ?? ""
    guard status == "Success" else {
      let message: String = response["result"]["message"].string ?? ""
      throw ConversionReviewError(
        "failed: " + (message.isEmpty ? "response.result.status was '\(status)', not 'Success'" : message))
    }
    let converted: [JSONValue] = response["convertedObjects"].items
    guard converted.count == objects.count else {
      throw ConversionReviewError("returned \(converted.count) objects, expected \(objects.count)")
    }
    var result: [JSONValue] = []
    for place: Int in converted.indices { result.append(try kept(converted[place], objects[place], place)) }
    return result
  }

  /// A converted object with its metadata as it was, but for labels and annotations.
  private func kept(_ converted: JSONValue, _ object: JSONValue, _ place: Int) throws(ConversionReviewError) -> JSONValue {
    func text(_ value: JSONValue) -> String { value.string ?? "" }
    if text(converted["apiVersion"]) != version {
      throw ConversionReviewError(
        "returned invalid object at index \(place): invalid groupVersion "
          + "(expected \(version), received \(text(converted["apiVersion"])))")
    }
    if converted["kind"] != object["kind"] {
      throw ConversionReviewError(
        "returned invalid object at index \(place): invalid kind "
          + "(expected \(text(object["kind"])), received \(text(converted["kind"])))")
    }
    for (key, shown) in [("name", "name"), ("namespace", "namespace"), ("uid", "UID")] {
      let (before, after): (String, String) = (text(object["metadata"][key]), text(converted["metadata"][key]))
      guard before == after else {
        throw ConversionReviewError("returned invalid object: must have the same \(shown): \(before) != \(after)")
      }
    }
    let metadata: JSONValue = converted["metadata"]
    guard !metadata.isNull else {
      throw ConversionReviewError("returned invalid metadata: missing metadata in converted object")
    }
    guard metadata.object != nil else {
      throw ConversionReviewError(
        "returned invalid metadata: invalid metadata of type \(metadata.goTypeName) in converted object")
    }
    var result: JSONValue = converted
    result["metadata"] = object["metadata"]
    for key: String in ["labels", "annotations"] {
      try Self.check(metadata[key], key)
      result["metadata"][key] = metadata[key]
    }
    return result
  }

  private static func check(_ strings: JSONValue, _ key: String) throws(ConversionReviewError) {
    guard !strings.isNull else { return }
    guard let members: JSONObject = strings.object else {
      throw ConversionReviewError(
        "returned invalid metadata: invalid metadata.\(key) of type \(strings.goTypeName) in converted object")
    }
    for (name, value) in members where value.string == nil {
      throw ConversionReviewError(
        "returned invalid metadata: metadata.\(key)[\(name)] must be a string, but is \(value.goTypeName) in converted object")
    }
  }
}

extension JSONValue {
  /// The name of the type that Go reads a value into.
  fileprivate var goTypeName: String {
    switch self {
    case .null: "<nil>"
    case .bool: "bool"
    case .int: "int64"
    case .string: "string"
    case .array: "[]interface {}"
    case .object: "map[string]interface {}"
    default: "float64"
    }
  }
}
