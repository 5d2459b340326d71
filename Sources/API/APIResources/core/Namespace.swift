// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Namespaces.
struct NamespaceStrategy: ResourceStrategy {
  private static let nameLabel: String = "kubernetes.io/metadata.name"

  var traits: StrategyTraits {
    StrategyTraits(name: .label, hasStatus: true, selectableFields: [SelectableField("status.phase")])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    if object["metadata"]["name"].isThere { object["metadata"]["labels"][Self.nameLabel] = object["metadata"]["name"] }
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    object["status"] = ["phase": "Active"]
    var finalizers: [String] = object["spec"]["finalizers"].strings
    if !finalizers.contains("kubernetes") { finalizers.append("kubernetes") }
    object["spec"]["finalizers"] = JSONValue(finalizers)
    object["metadata"]["labels"][Self.nameLabel] = object["metadata"]["name"]
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    switch context.subresource {
    case "finalize": object["status"] = old["status"]
    case "status": prepareCommonForUpdate(&object, old: old, context)
    default:
      object["status"] = old["status"]
      object["spec"]["finalizers"] = old["spec"]["finalizers"]
    }
    object["metadata"]["generation"] = old["metadata"]["generation"]
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"], object["status"]["phase"], TableText.age(object, context)]
  }
}
