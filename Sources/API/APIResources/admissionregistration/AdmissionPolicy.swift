// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// ValidatingAdmissionPolicies and MutatingAdmissionPolicies.
struct AdmissionPolicyStrategy: ResourceStrategy {
  var isMutating: Bool

  var traits: StrategyTraits {
    StrategyTraits(
      name: .subdomainGeneric, generation: .of(["spec"]), hasStatus: !isMutating, statusMetadata: .kept,
      allowsUnconditionalUpdate: false, updateChecks: [.whole], statusChecks: [.whole])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { spec in
      spec.setDefault("failurePolicy", "Fail")
      spec.edit("matchConstraints", AdmissionDefaults.match)
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    AdmissionPolicyValidation.policyErrors(object, isMutating: isMutating)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    let kind: JSONValue = spec["paramKind"]
    let text: String = kind.isNull ? "<unset>" : "\(kind["apiVersion"].plain)/\(kind["kind"].plain)"
    return [
      object["metadata"]["name"], JSONValue(spec[isMutating ? "mutations" : "validations"].items.count),
      .string(text), TableText.age(object, context),
    ]
  }
}

/// ValidatingAdmissionPolicyBindings and MutatingAdmissionPolicyBindings.
struct AdmissionPolicyBindingStrategy: ResourceStrategy {
  var isMutating: Bool

  var traits: StrategyTraits {
    StrategyTraits(
      name: .subdomainGeneric, generation: .of(["spec"]), allowsUnconditionalUpdate: false, updateChecks: [.whole], statusChecks: [.whole])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { $0.edit("matchResources", AdmissionDefaults.match) }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    AdmissionPolicyValidation.bindingErrors(object, isMutating: isMutating)
  }

  /// A selector as Go prints its structure.
  private static func shown(_ selector: JSONValue) -> String {
    let labels: String = selector["matchLabels"].sortedKeys.map { "\($0): \(selector["matchLabels"][$0].plain)," }
      .joined(separator: "")
    let rules: String = selector["matchExpressions"].items.map { rule in
      "LabelSelectorRequirement{Key:\(rule["key"].plain),Operator:\(rule["operator"].plain),"
        + "Values:[\(rule["values"].strings.joined(separator: " "))],},"
    }.joined(separator: "")
    return "&LabelSelector{MatchLabels:map[string]string{\(labels)},MatchExpressions:[]LabelSelectorRequirement{\(rules)},}"
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let reference: JSONValue = object["spec"]["paramRef"]
    var text: String = "<unset>"
    if !reference["name"].plain.isEmpty {
      let namespace: String = reference["namespace"].plain
      text = namespace.isEmpty ? "*/\(reference["name"].plain)" : "\(namespace)/\(reference["name"].plain)"
    } else if reference["selector"].isThere {
      text = Self.shown(reference["selector"])
    }
    return [
      object["metadata"]["name"], object["spec"]["policyName"], .string(text), TableText.age(object, context),
    ]
  }
}
