// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Ingresses.
struct IngressStrategy: ResourceStrategy {
  private static let hostsMax: Int = 3

  var traits: StrategyTraits { StrategyTraits(generation: .of(["spec"]), hasStatus: true) }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    IngressValidation.errors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    context.subresource == "status"
      ? LoadBalancerStatus.errors(object["status"]["loadBalancer"], FieldPath("status", "loadBalancer"))
      : IngressValidation.errors(object, old: old)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    if context.subresource == "status" { return LoadBalancerStatus.warnings(object["status"]["loadBalancer"]) }
    let annotation: String = "kubernetes.io/ingress.class"
    guard context.subresource == nil, old == nil, object["metadata"]["annotations"][annotation].isThere else {
      return []
    }
    return ["annotation \"\(annotation)\" is deprecated, please use 'spec.ingressClassName' instead"]
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    let hosts: [String] = spec["rules"].items.map { $0["host"].plain }.filter { !$0.isEmpty }
    let addresses: [String] = object["status"]["loadBalancer"]["ingress"].items.map { item in
      item["ip"].plain.isEmpty ? item["hostname"].plain : item["ip"].plain
    }.filter { !$0.isEmpty }
    return [
      object["metadata"]["name"], TableText.text(spec["ingressClassName"], or: "<none>"),
      .string(EndpointsStrategy.listed(Array(hosts.prefix(Self.hostsMax)), hosts.count, none: "*")),
      .string(addresses.joined(separator: ",")), spec["tls"].isVoid ? "80" : "80, 443",
      TableText.age(object, context),
    ]
  }
}
