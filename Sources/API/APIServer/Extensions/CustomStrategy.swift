// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import JSON
import KubeValues

/// What a custom resource does: pruning, defaults and validation by its schema; a status of its own.
struct CustomStrategy: ResourceStrategy {
  let custom: CustomResource
  let version: JSONValue
  let schema: KindSchema
  /// The x-kubernetes-validations of the schema.
  let rules: CustomRules?

  private var hasStatus: Bool { version["subresources"]["status"].object != nil }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    if hasStatus { object["status"] = .null }
    object["metadata"]["generation"] = 1
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    if context.subresource == "status" {
      var kept: JSONValue = old
      kept["status"] = object["status"]
      kept["metadata"]["managedFields"] = object["metadata"]["managedFields"]
      kept["metadata"]["resourceVersion"] = object["metadata"]["resourceVersion"]
      object = kept
      return
    }
    if hasStatus { object["status"] = old["status"] }
    func content(_ value: JSONValue) -> JSONValue {
      let bare: JSONValue = value.without("metadata").without("apiVersion").without("kind")
      return hasStatus ? bare.without("status") : bare
    }
    if content(object) != content(old) {
      object["metadata"]["generation"] = .int((old["metadata"]["generation"].int ?? 0) + 1)
    }
  }

  var traits: StrategyTraits {
    StrategyTraits(
      hasStatus: hasStatus, allowsUnconditionalUpdate: false, scale: scale,
      updateChecks: [.changeGeneric], statusChecks: [.changeGeneric])
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    checked(object, old: nil, schema.validateStructure(object)) + scaleErrors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    if context.subresource == "status" {
      let own: JSONValue = version["schema"]["openAPIV3Schema"]["properties"]["status"]
      let found: [FieldError] = KindSchema.errors(of: object["status"], against: own).map { error in
        var placed: FieldError = error
        placed.field = FieldPath(error.field).isRoot ? "status" : "status.\(error.field)"
        return placed
      }
      return object["status"].isNull ? [] : checked(object, old: old, found)
    }
    return checked(object, old: old, schema.validateStructure(object, old: old)) + scaleErrors(object)
  }

  private func checked(_ object: JSONValue, old: JSONValue?, _ errors: [FieldError]) -> [FieldError] {
    guard let rules else { return errors }
    return errors + rules.errors(object, old: old, after: errors)
  }

  private func scaleErrors(_ object: JSONValue) -> [FieldError] {
    guard let path: String = version["subresources"]["scale"]["specReplicasPath"].string else { return [] }
    guard let value: JSONValue = JSONPath.find(path, in: object).first, let number: Int64 = value.int, number < 0 else { return [] }
    return [.invalid(FieldPath(path), value, "should be a non-negative integer")]
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    CustomColumns.cells(object, version, now: context.now)
  }

  private var scale: ScalePaths? {
    let scale: JSONValue = version["subresources"]["scale"]
    guard scale.object != nil else { return nil }
    func path(_ key: String) -> [String] { (scale[key].string ?? "").split(separator: ".").map(String.init) }
    return ScalePaths(
      specReplicas: path("specReplicasPath"), statusReplicas: path("statusReplicasPath"),
      selector: scale["labelSelectorPath"].string == nil ? ["", ""] : path("labelSelectorPath"))
  }
}
