// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeCore
import KubeMeta
import KubeValues
import SwiftProtobuf

/// Writes typed objects as Kubernetes' JSON; the way back of `ManifestDecoder`.
enum ManifestEncoder {
  /// Messages that Kubernetes inlines.
  private static let inlined: Set<String> = [
    "volumeSource", "handler", "localObjectReference", "ephemeralContainerCommon", "persistentVolumeSource",
  ]

  /// A pod as JSON.
  static func document(_ pod: Pod) throws -> JSONValue {
    let bytes: [UInt8]
    do {
      bytes = try pod.jsonUTF8Bytes()
    } catch {
      throw KubeletError(.invalid, "a pod cannot be written as JSON: \(error)")
    }
    var document: JSONValue = transform(try JSONValue(parsing: bytes), key: "")
    document["kind"] = "Pod"
    document["apiVersion"] = "v1"
    return document
  }

  private static func transform(_ value: JSONValue, key: String) -> JSONValue {
    switch value {
    case .array(let items): return .array(items.map { transform($0, key: key) })
    case .object(let members):
      if let scalar: JSONValue = scalar(members, key) { return scalar }
      var result: JSONValue = [:]
      for (name, member) in members {
        if inlined.contains(name) {
          for (inner, item) in transform(member, key: name).object ?? JSONObject() { result[inner] = item }
        } else {
          result[name] = transform(number(member, name), key: name)
        }
      }
      return result
    default: return value
    }
  }

  /// Quantities, ports and times.
  private static func scalar(_ members: JSONObject, _ key: String) -> JSONValue? {
    if members.count == 1, let text: String = members["string"]?.string { return .string(text) }
    if let type: Int64 = members["type"].flatMap({ $0.int ?? Int64($0.string ?? "") }), key == "port" {
      return type == 0 ? members["intVal"] ?? 0 : members["strVal"] ?? ""
    }
    if key.hasSuffix("Timestamp") || key.hasSuffix("At") || key.hasSuffix("Time") {
      // A time that was never set is there without its parts.
      if members.isEmpty { return .null }
      if let seconds = members["seconds"] {
        return .string(Timestamp(seconds: seconds.int ?? Int64(seconds.string ?? "") ?? 0).rfc3339)
      }
    }
    return nil
  }

  /// Protobuf's JSON writes 64-bit integers as texts; the fields of pods that have such integers are these.
  private static func number(_ value: JSONValue, _ name: String) -> JSONValue {
    let names: Set<String> = [
      "generation", "deletionGracePeriodSeconds", "observedGeneration", "terminationGracePeriodSeconds",
      "activeDeadlineSeconds", "runAsUser", "runAsGroup", "fsGroup", "expirationSeconds", "tolerationSeconds", "seconds", "uid", "gid",
    ]
    if let text: String = value.string, names.contains(name), let number: Int64 = Int64(text) { return .int(number) }
    if name == "supplementalGroups", let items: [JSONValue] = value.array {
      return .array(items.map { item in item.string.flatMap { Int64($0) }.map(JSONValue.int) ?? item })
    }
    return value
  }
}
