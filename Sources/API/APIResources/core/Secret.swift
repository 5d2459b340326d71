// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Secrets.
struct SecretStrategy: ResourceStrategy {
  private static let dataBytesMax: Int = 1 << 20

  var traits: StrategyTraits { StrategyTraits(selectableFields: [SelectableField("type")], updateChecks: [.change, .whole]) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    if object["type"].plain.isEmpty { object["type"] = "Opaque" }
    // stringData is written over data and never read back.
    for (key, value) in object["stringData"].object ?? JSONObject() {
      object["data"][key] = .string(Base64.encoded(Array(value.plain.utf8)))
    }
    object["stringData"] = .null
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    if object["type"].plain.isEmpty { object["type"] = old["type"] }
    object["metadata"]["generation"] = old["metadata"]["generation"]
  }

  /// The number of bytes that a base64 text stands for.
  static func decodedCount(_ value: JSONValue) -> Int { Base64.decoded(value.plain)?.count ?? value.plain.utf8.count }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let path: FieldPath = FieldPath("data")
    let data: JSONValue = object["data"]
    var errors: [FieldError] = []
    var size: Int = 0
    for (key, value) in data.object ?? JSONObject() {
      errors += Names.configKey(key).map { .invalid(path.key(key), .string(key), $0) }
      size += Self.decodedCount(value)
    }
    if size > Self.dataBytesMax { errors.append(.tooLong(path, Self.dataBytesMax)) }
    return errors + typeErrors(object, path)
  }

  private func typeErrors(_ object: JSONValue, _ path: FieldPath) -> [FieldError] {
    let data: JSONValue = object["data"]
    func required(_ keys: String...) -> [FieldError] {
      keys.filter { data[$0].isNull }.map { .required(path.key($0)) }
    }
    switch object["type"].plain {
    case "kubernetes.io/service-account-token":
      let annotation: String = "kubernetes.io/service-account.name"
      let name: String = object["metadata"]["annotations"][annotation].plain
      return name.isEmpty ? [.required(FieldPath("metadata", "annotations").key(annotation))] : []
    case "kubernetes.io/dockercfg": return required(".dockercfg") + json(".dockercfg", data, path)
    case "kubernetes.io/dockerconfigjson":
      return required(".dockerconfigjson") + json(".dockerconfigjson", data, path)
    case "kubernetes.io/basic-auth":
      let isThere: Bool = data["username"].isThere || data["password"].isThere
      return isThere ? [] : required("username") + required("password")
    case "kubernetes.io/ssh-auth":
      return data["ssh-privatekey"].plain.isEmpty ? [.required(path.key("ssh-privatekey"))] : []
    case "kubernetes.io/tls": return required("tls.crt", "tls.key")
    default: return []
    }
  }

  private func json(_ key: String, _ data: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard data[key].isThere else { return [] }
    do throws(JSONError) {
      _ = try JSONValue(parsing: Base64.decoded(data[key].plain) ?? [])
      return []
    } catch {
      let message: String = data[key].plain.isEmpty ? "unexpected end of JSON input" : error.message
      return [.invalid(path.key(key), "<secret contents redacted>", message)]
    }
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    var errors: [FieldError] = Checks.immutable(object["type"], old["type"], FieldPath("type"))
    if old["immutable"].bool ?? false {
      if !(object["immutable"].bool ?? false) {
        errors.append(.forbidden(FieldPath("immutable"), "field is immutable when `immutable` is set"))
      }
      if object["data"] != old["data"] {
        errors.append(.forbidden(FieldPath("data"), "field is immutable when `immutable` is set"))
      }
    }
    return errors + validateContent(object, context)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    guard object["type"].plain == "kubernetes.io/tls", object["data"] != old?["data"] else { return [] }
    let certificate: String = String(decoding: Base64.decoded(object["data"]["tls.crt"].plain) ?? [], as: UTF8.self)
    let key: String = String(decoding: Base64.decoded(object["data"]["tls.key"].plain) ?? [], as: UTF8.self)
    if !certificate.contains("-----BEGIN") { return ["tls: failed to find any PEM data in certificate input"] }
    return key.contains("-----BEGIN") ? [] : ["tls: failed to find any PEM data in key input"]
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [
      object["metadata"]["name"], object["type"], JSONValue(object["data"].object?.count ?? 0),
      TableText.age(object, context),
    ]
  }
}
