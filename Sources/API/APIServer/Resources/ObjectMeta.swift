// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

// Reading and writing metadata.
extension JSONValue {
  var metadata: JSONValue { self["metadata"] }
  var objectName: String { self["metadata"]["name"].string ?? "" }
  var objectNamespace: String { self["metadata"]["namespace"].string ?? "" }
  var objectUID: String { self["metadata"]["uid"].string ?? "" }
  var objectResourceVersion: String { self["metadata"]["resourceVersion"].string ?? "" }
  var objectLabels: [String: String] { self["metadata"]["labels"].strings }
  var objectAnnotations: [String: String] { self["metadata"]["annotations"].strings }
  var objectFinalizers: [String] { self["metadata"]["finalizers"].items.compactMap(\.string) }
  var isBeingDeleted: Bool { self["metadata"]["deletionTimestamp"].string != nil }

  /// The members of an object whose values are strings.
  var strings: [String: String] {
    var result: [String: String] = [:]
    for (key, value) in object ?? JSONObject() { result[key] = value.string ?? "" }
    return result
  }

  /// The strings of an array.
  var stringItems: [String] { items.compactMap(\.string) }

  /// Sets a list, and removes the field when it is empty.
  mutating func setFinalizers(_ finalizers: [String]) {
    self["metadata"]["finalizers"] = finalizers.isEmpty ? .null : JSONValue(finalizers)
  }

  func with(resourceVersion: Int64) -> JSONValue {
    var copy: JSONValue = self
    copy["metadata"]["resourceVersion"] = .string(String(resourceVersion))
    return copy
  }

  /// The value without a member.
  func without(_ key: String) -> JSONValue {
    var copy: JSONValue = self
    copy[key] = .null
    return copy
  }
}
