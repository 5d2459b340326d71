// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// CustomResourceDefinitions: what they have in common with other kinds; the API server has the rest.
struct CustomResourceDefinitionStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(
      name: .subdomainGeneric, generation: .of(["spec"]), hasStatus: true, statusMetadata: .taken,
      allowsUnconditionalUpdate: false, updateChecks: [.changeGeneric], statusChecks: [.changeGeneric])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { spec in
      let kind: String = spec["names"]["kind"].plain
      if !kind.isEmpty {
        spec["names"].setDefaultText("singular", kind.lowercased())
        spec["names"].setDefaultText("listKind", kind + "List")
      }
      spec.setDefault("conversion", ["strategy": "None"])
      spec.edit("conversion") { conversion in
        conversion.edit("webhook") { hook in
          hook.edit("clientConfig") { client in client.edit("service") { $0.setDefault("port", 443) } }
        }
      }
    }
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    object["metadata"]["generation"] = 1
    let stored: JSONValue? = object["spec"]["versions"].items.first { $0["storage"].bool ?? false }?["name"]
    object["status"] = ["storedVersions": stored.map { [$0] } ?? .null]
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    prepareCommonForUpdate(&object, old: old, context)
    guard context.subresource == nil else { return }
    for version: JSONValue in object["spec"]["versions"].items where version["storage"].bool ?? false {
      if !object["status"]["storedVersions"].items.contains(version["name"]) {
        object["status"]["storedVersions"].append(version["name"])
      }
    }
  }
}

extension CustomResourceDefinitionStrategy {
  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    DefinitionValidation.errors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    context.subresource == "status" ? [] : DefinitionValidation.errors(object, old: old)
  }
}

/// APIServices.
struct APIServiceStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(
      name: .anyGeneric, hasStatus: true, statusMetadata: .kept, allowsUnconditionalUpdate: false,
      updateChecks: [.changeGeneric, .whole]) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { spec in spec.edit("service") { $0.setDefault("port", 443) } }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    APIServiceValidation.errors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    context.subresource == nil ? APIServiceValidation.errors(object) : []
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    object["status"] = .null
    guard object["spec"]["service"].isNull else { return }
    object["status"]["conditions"] = [
      [
        "type": "Available", "status": "True", "lastTransitionTime": .string(context.now), "reason": "Local",
        "message": "Local APIServices are always available",
      ]
    ]
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let service: JSONValue = object["spec"]["service"]
    let name: String = service.isNull ? "Local" : "\(service["namespace"].plain)/\(service["name"].plain)"
    let condition: JSONValue? = object["status"]["conditions"].items.first { $0["type"].plain == "Available" }
    var available: String = condition?["status"].plain ?? "Unknown"
    if available != "True", let reason: String = condition?["reason"].string { available += " (\(reason))" }
    return [object["metadata"]["name"], .string(name), .string(available), TableText.age(object, context)]
  }
}
