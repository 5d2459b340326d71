// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// ServiceAccounts.
struct ServiceAccountStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(updateChecks: [.change, .whole]) }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    Self.keepNames(&object)
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    prepareCommonForUpdate(&object, old: old, context)
    Self.keepNames(&object)
  }

  /// Of a secret only the name counts.
  private static func keepNames(_ object: inout JSONValue) {
    if object["secrets"].isVoid {
      object["secrets"] = .null
    } else {
      object.editItems("secrets") { secret in secret = secret["name"].isNull ? [:] : ["name": secret["name"]] }
    }
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    let annotation: String = "kubernetes.io/enforce-mountable-secrets"
    guard object["metadata"]["annotations"][annotation].isThere,
      old?["metadata"]["annotations"][annotation].isNull ?? true
    else { return [] }
    return [
      "metadata.annotations[\(annotation)]: deprecated in v1.32+; "
        + "prefer separate namespaces to isolate access to mounted secrets"
    ]
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"], TableText.age(object, context)]
  }
}
