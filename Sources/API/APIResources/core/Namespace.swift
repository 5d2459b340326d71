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

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    object["spec"]["finalizers"].strings.flatMap { Self.finalizerErrors($0, FieldPath("spec", "finalizers")) }
  }

  private static func finalizerErrors(_ name: String, _ path: FieldPath) -> [FieldError] {
    let wrong: [FieldError] = Names.qualified(name).map { .invalid(path, .string(name), $0) }
    let standard: Set<String> = ["kubernetes", "orphan", "foregroundDeletion"]
    if name.contains("/") || standard.contains(name) { return wrong }
    return wrong + [
      .invalid(path, .string(name), "name is neither a standard finalizer name nor is it fully qualified")
    ]
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    switch context.subresource {
    case "finalize":
      return object["spec"]["finalizers"].strings.enumerated().flatMap { place, name in
        Self.finalizerErrors(name, FieldPath("spec", "finalizers").index(place))
      }
    case "status":
      let isGoing: Bool = object["metadata"]["deletionTimestamp"].isThere
      let phase: String = object["status"]["phase"].plain
      if phase == (isGoing ? "Terminating" : "Active") { return [] }
      return [
        .invalid(
          FieldPath("status", "Phase"), .string(phase),
          isGoing
            ? "may only be 'Terminating' if `deletionTimestamp` is not empty"
            : "may only be 'Active' if `deletionTimestamp` is empty")
      ]
    default: return []
    }
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"], object["status"]["phase"], TableText.age(object, context)]
  }
}
