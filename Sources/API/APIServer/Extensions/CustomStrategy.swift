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

  private var hasStatus: Bool { version["subresources"]["status"].object != nil }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) { schema.prune(&object) }

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

  func validate(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    ObjectMetaRules.validate(object, isNamespaced: custom.isNamespaced) + schema.validateStructure(object) + scaleErrors(object)
  }

  func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    ObjectMetaRules.validateUpdate(object, old: old) + schema.validateStructure(object) + scaleErrors(object)
  }

  private func scaleErrors(_ object: JSONValue) -> [FieldError] {
    guard let path: String = version["subresources"]["scale"]["specReplicasPath"].string else { return [] }
    guard let value: JSONValue = JSONPath.find(path, in: object).first, let number: Int64 = value.int, number < 0 else { return [] }
    return [.invalid(FieldPath(String(path.dropFirst())), value, "should be a non-negative integer")]
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    CustomColumns.cells(object, version, now: context.now)
  }

  var scale: ScalePaths? {
    let scale: JSONValue = version["subresources"]["scale"]
    guard scale.object != nil else { return nil }
    func path(_ key: String) -> [String] { (scale[key].string ?? "").split(separator: ".").map(String.init) }
    return ScalePaths(
      specReplicas: path("specReplicasPath"), statusReplicas: path("statusReplicasPath"),
      selector: scale["labelSelectorPath"].string == nil ? ["", ""] : path("labelSelectorPath"))
  }

  var allowsUnconditionalUpdate: Bool { false }
}

/// Upstream's rules of metadata for custom resources.
enum ObjectMetaRules {
  static func validate(_ object: JSONValue, isNamespaced: Bool) -> [FieldError] {
    let name: String = object.objectName
    var errors: [FieldError] = []
    if name.isEmpty {
      errors.append(.required("metadata.name", "name or generateName is required"))
    } else if !KubeName.isDNS1123Subdomain(name) {
      errors.append(.invalid("metadata.name", .string(name), KubeName.dns1123SubdomainMessage))
    }
    for (key, value) in object["metadata"]["labels"].object ?? JSONObject() {
      if !KubeName.isQualifiedName(key) {
        errors.append(.invalid("metadata.labels", .string(key), "name part " + KubeName.qualifiedNameMessage))
      }
      if !KubeName.isLabelValue(value.string ?? "") { errors.append(.invalid("metadata.labels", value, KubeName.labelValueMessage)) }
    }
    return errors
  }

  static func validateUpdate(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    for field: String in ["name", "namespace", "uid", "creationTimestamp"]
    where object["metadata"][field] != old["metadata"][field] {
      errors.append(.invalid(FieldPath("metadata", field), object["metadata"][field], "field is immutable"))
    }
    if (object["metadata"]["generation"].int ?? 0) < (old["metadata"]["generation"].int ?? 0) {
      errors.append(.invalid("metadata.generation", object["metadata"]["generation"], "must not be decremented"))
    }
    return errors
  }
}
