// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// ResourceQuotas.
struct ResourceQuotaStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(hasStatus: true) }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    ResourceQuotaValidation.errors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    if context.subresource == "status" { return ResourceQuotaValidation.statusErrors(object) }
    return ResourceQuotaValidation.errors(object) + ResourceQuotaValidation.scopeErrors(object, old: old)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    guard old == nil else { return [] }
    let hard: JSONValue = object["spec"]["hard"]
    return ["cpu", "memory", "storage", "ephemeral-storage"].compactMap { name in
      var wanted: String = "requests.\(name)"
      if hard[wanted].isNull, name == "cpu" || name == "memory" { wanted = name }
      guard let request: ResourceQuantity = Checks.quantity(hard[wanted]),
        let limit: ResourceQuantity = Checks.quantity(hard["limits.\(name)"]), limit < request
      else { return nil }
      return "ResourceQuota \(wanted) (\(request)) should be less than limits.\(name) (\(limit))"
    }
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let hard: JSONValue = object["status"]["hard"]
    let used: JSONValue = object["status"]["used"]
    var requests: [String] = []
    var limits: [String] = []
    for name: String in hard.sortedKeys {
      let text: String = "\(name): \(used[name].isNull ? "0" : used[name].plain)/\(hard[name].plain)"
      if name.hasPrefix("limits") { limits.append(text) } else { requests.append(text) }
    }
    return [
      object["metadata"]["name"], .string(requests.joined(separator: ", ")), .string(limits.joined(separator: ", ")),
      TableText.age(object, context),
    ]
  }
}
