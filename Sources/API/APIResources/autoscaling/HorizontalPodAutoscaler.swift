// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// HorizontalPodAutoscalers, in the form of autoscaling/v2.
struct HorizontalPodAutoscalerStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(hasStatus: true) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { spec in
      spec.setDefault("minReplicas", 1)
      if spec["metrics"].isVoid {
        spec["metrics"] = [
          [
            "type": "Resource",
            "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": 80]],
          ]
        ]
      }
      spec.edit("behavior") { behavior in
        Self.fill(
          &behavior, "scaleUp", window: 0,
          [
            ["type": "Pods", "value": 4, "periodSeconds": 15], ["type": "Percent", "value": 100, "periodSeconds": 15],
          ])
        Self.fill(&behavior, "scaleDown", window: nil, [["type": "Percent", "value": 100, "periodSeconds": 15]])
      }
    }
  }

  /// One direction of the behaviour: what is missing is taken from upstream's own rules.
  private static func fill(_ behavior: inout JSONValue, _ key: String, window: Int64?, _ policies: JSONValue) {
    if let window { behavior[key].setDefault("stabilizationWindowSeconds", .int(window)) }
    behavior[key].setDefault("selectPolicy", "Max")
    behavior[key].setDefault("policies", policies)
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    AutoscalerValidation.errors(object["spec"], FieldPath("spec"))
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    guard context.subresource == "status" else { return validateContent(object, context) }
    return ["currentReplicas", "desiredReplicas"].flatMap {
      Checks.nonNegative(object["status"][$0], FieldPath("status").child($0))
    }
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    let target: JSONValue = spec["scaleTargetRef"]
    var metrics: [JSONValue] = spec["metrics"].items
    var current: [JSONValue] = object["status"]["currentMetrics"].items
    // Version 1 has one metric of its own.
    if let wanted: Int64 = spec["targetCPUUtilizationPercentage"].int {
      metrics.append(["type": "Resource", "resource": ["name": "cpu", "target": ["averageUtilization": .int(wanted)]]])
      current = [["resource": ["current": ["averageUtilization": object["status"]["currentCPUUtilizationPercentage"]]]]]
    }
    return [
      object["metadata"]["name"], .string("\(target["kind"].plain)/\(target["name"].plain)"),
      .string(AutoscalerTable.metrics(metrics, current)),
      spec["minReplicas"].int.map { .string("\($0)") } ?? "<unset>", TableText.number(spec["maxReplicas"]),
      TableText.number(object["status"]["currentReplicas"]), TableText.age(object, context),
    ]
  }
}

/// What an autoscaler's row says of its metrics.
enum AutoscalerTable {
  private static let shownMax: Int = 2

  static func metrics(_ specs: [JSONValue], _ statuses: [JSONValue]) -> String {
    if specs.isEmpty { return "<none>" }
    let texts: [String] = specs.prefix(shownMax).enumerated().map { place, spec in
      text(spec, place < statuses.count ? statuses[place] : .null)
    }
    let shown: String = texts.joined(separator: ", ")
    return specs.count > shownMax ? "\(shown) + \(specs.count - shownMax) more..." : shown
  }

  private static func text(_ spec: JSONValue, _ status: JSONValue) -> String {
    switch spec["type"].plain {
    case "External": return average(spec["external"]["target"], status["external"]["current"])
    case "Pods":
      let current: String = status["pods"].isThere ? status["pods"]["current"]["averageValue"].plain : "<unknown>"
      return "\(current)/\(spec["pods"]["target"]["averageValue"].plain)"
    case "Object": return average(spec["object"]["target"], status["object"]["current"])
    case "Resource": return resource("resource", spec, status)
    case "ContainerResource": return resource("containerResource", spec, status)
    default: return "<unknown type>"
    }
  }

  private static func average(_ target: JSONValue, _ current: JSONValue) -> String {
    if target["averageValue"].isThere {
      let value: String = current["averageValue"].isThere ? current["averageValue"].plain : "<unknown>"
      return "\(value)/\(target["averageValue"].plain) (avg)"
    }
    let value: String = current["value"].isThere ? current["value"].plain : "<unknown>"
    return "\(value)/\(target["value"].plain)"
  }

  private static func resource(_ key: String, _ spec: JSONValue, _ status: JSONValue) -> String {
    let name: String = spec[key]["name"].plain
    let target: JSONValue = spec[key]["target"]
    let current: JSONValue = status[key]["current"]
    if target["averageValue"].isThere {
      let value: String = current["averageValue"].isThere ? current["averageValue"].plain : "<unknown>"
      return "\(name): \(value)/\(target["averageValue"].plain)"
    }
    let value: String = current["averageUtilization"].int.map { "\($0)%" } ?? "<unknown>"
    let wanted: String = target["averageUtilization"].int.map { "\($0)%" } ?? "<auto>"
    return "\(name): \(value)/\(wanted)"
  }
}
