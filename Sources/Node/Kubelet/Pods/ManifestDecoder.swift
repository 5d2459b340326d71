// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeCore
import KubeMeta
import SwiftProtobuf

/// Reads and writes pods as JSON, as manifests have them.
///
/// The typed messages know the JSON of protobuf, which differs from Kubernetes' in a few places: some messages are
/// inlined in their owners, quantities and ports are scalars, times are texts. Those places are listed here; everything
/// else has the same names in both.
enum ManifestDecoder {
  /// Keys below which an object's `name` is an inlined reference.
  private static let referenceKeys: Set<String> = ["configMapKeyRef", "secretKeyRef"]
  private static let quantityMaps: Set<String> = [
    "limits", "requests", "overhead", "capacity", "allocatable", "allocatedResources",
  ]
  private static let quantities: Set<String> = ["sizeLimit", "divisor"]
  private static let probes: Set<String> = ["livenessProbe", "readinessProbe", "startupProbe"]
  private static let handlers: [String] = ["exec", "httpGet", "tcpSocket", "grpc"]

  /// A pod from its manifest.
  static func pod(_ manifest: JSONValue) throws -> Pod {
    guard manifest["kind"].string == "Pod", manifest["apiVersion"].string == "v1" else {
      throw KubeletError(.invalid, "the manifest is no v1 Pod")
    }
    var document: JSONValue = transform(manifest, key: "", parent: "")
    document["kind"] = .null
    document["apiVersion"] = .null
    var options: JSONDecodingOptions = JSONDecodingOptions()
    options.ignoreUnknownFields = true
    do {
      return try Pod(jsonUTF8Bytes: document.bytes, options: options)
    } catch {
      throw KubeletError(.invalid, "the manifest cannot be read as a Pod: \(error)")
    }
  }

  private static func transform(_ value: JSONValue, key: String, parent: String) -> JSONValue {
    switch value {
    case .array(let items):
      return .array(items.map { item in
        let item: JSONValue = transform(item, key: key + "[]", parent: key)
        return key == "volumes" ? inlined(item, into: "volumeSource", keeping: ["name"]) : item
      })
    case .object(let members):
      if quantityMaps.contains(key) {
        var result: JSONValue = [:]
        for (name, amount) in members { result[name] = quantity(amount) }
        return result
      }
      var result: JSONValue = [:]
      for (name, member) in members where !member.isNull {
        if name.hasSuffix("Timestamp") || name == "startTime" { continue }
        result[name] =
          quantities.contains(name) ? quantity(member)
          : name == "port" && (key == "httpGet" || key == "tcpSocket") ? port(member)
          : transform(member, key: name, parent: key)
      }
      if probes.contains(key) { return extracted(result) }
      if isReference(key, parent) { return inlined(result, into: "localObjectReference", taking: ["name"]) }
      return result
    default: return value
    }
  }

  private static func isReference(_ key: String, _ parent: String) -> Bool {
    if referenceKeys.contains(key) { return true }
    switch (parent, key) {
    case ("envFrom[]", "configMapRef"), ("envFrom[]", "secretRef"), ("volumes[]", "configMap"),
      ("sources[]", "configMap"), ("sources[]", "secret"):
      return true
    default: return false
    }
  }

  private static func quantity(_ value: JSONValue) -> JSONValue {
    ["string": .string(value.string ?? value.text)]
  }

  private static func port(_ value: JSONValue) -> JSONValue {
    if let number: Int64 = value.int { return ["type": 0, "intVal": .int(number)] }
    return ["type": 1, "strVal": .string(value.string ?? "")]
  }

  private static func extracted(_ probe: JSONValue) -> JSONValue {
    inlined(probe, into: "handler", taking: handlers)
  }

  /// Moves all members but some into a member of their own.
  private static func inlined(_ value: JSONValue, into name: String, keeping: [String]) -> JSONValue {
    inlined(value, into: name, taking: (value.object?.keys ?? []).filter { !keeping.contains($0) })
  }

  private static func inlined(_ value: JSONValue, into name: String, taking: [String]) -> JSONValue {
    var result: JSONValue = value
    var inner: JSONValue = [:]
    for key: String in taking where !value[key].isNull {
      inner[key] = value[key]
      result[key] = .null
    }
    result[name] = inner
    return result
  }
}
