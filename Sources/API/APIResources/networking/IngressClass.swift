// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// IngressClasses.
struct IngressClassStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(generation: .of(["spec"]), updateChecks: [.change, .whole]) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { spec in spec.edit("parameters") { $0.setDefault("scope", "Cluster") } }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    IngressValidation.classErrors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    Checks.immutable(
      .string(object["spec"]["controller"].plain), old["spec"]["controller"], FieldPath("spec", "controller"))
      + IngressValidation.classErrors(object)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let parameters: JSONValue = object["spec"]["parameters"]
    var text: String = "<none>"
    if parameters.isThere {
      let group: String = parameters["apiGroup"].isThere ? ".\(parameters["apiGroup"].plain)" : ""
      text = "\(parameters["kind"].plain)\(group)/\(parameters["name"].plain)"
    }
    return [
      object["metadata"]["name"], .string(object["spec"]["controller"].plain), .string(text),
      TableText.age(object, context),
    ]
  }
}
