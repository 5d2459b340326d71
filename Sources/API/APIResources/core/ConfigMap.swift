// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// ConfigMaps.
struct ConfigMapStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(updateChecks: [.change, .whole]) }

  private static let dataBytesMax: Int = 1 << 20

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    var errors: [FieldError] = []
    var size: Int = 0
    for (key, value) in object["data"].object ?? JSONObject() {
      errors += Names.configKey(key).map { .invalid(FieldPath("data").key(key), .string(key), $0) }
      if object["binaryData"][key].isThere {
        errors.append(.invalid(FieldPath("data").key(key), .string(key), "duplicate of key present in binaryData"))
      }
      size += value.plain.utf8.count
    }
    for (key, value) in object["binaryData"].object ?? JSONObject() {
      errors += Names.configKey(key).map { .invalid(FieldPath("binaryData").key(key), .string(key), $0) }
      if object["data"][key].isThere {
        errors.append(.invalid(FieldPath("binaryData").key(key), .string(key), "duplicate of key present in data"))
      }
      size += SecretStrategy.decodedCount(value)
    }
    // The object as a whole is too long; upstream names it with the brackets of an empty path.
    if size > Self.dataBytesMax { errors.append(.tooLong(FieldPath("[]"), Self.dataBytesMax)) }
    return errors
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    var errors: [FieldError] = []
    if old["immutable"].bool ?? false {
      if !(object["immutable"].bool ?? false) {
        errors.append(.forbidden(FieldPath("immutable"), "field is immutable when `immutable` is set"))
      }
      for key: String in ["data", "binaryData"] where object[key] != old[key] {
        errors.append(.forbidden(FieldPath(key), "field is immutable when `immutable` is set"))
      }
    }
    return errors + validateContent(object, context)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let count: Int = (object["data"].object?.count ?? 0) + (object["binaryData"].object?.count ?? 0)
    return [object["metadata"]["name"], JSONValue(count), TableText.age(object, context)]
  }
}
