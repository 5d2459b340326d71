// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// ReplicationControllers.
struct ReplicationControllerStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(
      generation: .of(["spec"]), hasStatus: true,
      selectableFields: [SelectableField("status.replicas", absent: "0")], template: ["spec", "template"],
      scale: ScalePaths(selectorIsMap: true))
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    Workload.labelsFromTemplate(&object)
    object.fill("spec") { $0.setDefault("replicas", 1) }
    Workload.applyTemplateDefaults(&object)
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = Checks.nonNegative(spec["minReadySeconds"], path.child("minReadySeconds"))
    if spec["selector"].isVoid { errors.append(.required(path.child("selector"))) }
    if spec["replicas"].isNull {
      errors.append(.required(path.child("replicas")))
    } else {
      errors += Checks.nonNegative(spec["replicas"], path.child("replicas"))
    }
    if spec["template"].isNull {
      errors.append(.required(path.child("template")))
      return errors
    }
    var selecting: JSONValue = spec
    // Without a selector there is nothing that the template could fail to match.
    selecting["selector"] = [
      "matchLabels": spec["selector"].isVoid ? spec["template"]["metadata"]["labels"] : spec["selector"]
    ]
    for error: FieldError in Workload.templateErrors(selecting, path, hasLabelSelector: false) {
      var error: FieldError = error
      error.detail = error.detail.replacing("in ReplicaSet is", with: "in ReplicationController is")
      errors.append(error)
    }
    return errors
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    if context.subresource == "status" { return ReplicaStatus.errors(object["status"], FieldPath("status")) }
    return validateContent(object, context)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    guard context.subresource == nil, let old else { return Workload.warnings(object, old, context) }
    // Upstream takes the old template for the new one.
    var told: JSONValue = old
    told["metadata"]["generation"] = object["metadata"]["generation"]
    return Workload.templateWarnings(told, old)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [
      object["metadata"]["name"], TableText.number(object["spec"]["replicas"]),
      TableText.number(object["status"]["replicas"]), TableText.number(object["status"]["readyReplicas"]),
      TableText.age(object, context),
    ] + TableText.containers(object["spec"]["template"]["spec"]) + [TableText.labels(object["spec"]["selector"])]
  }
}
