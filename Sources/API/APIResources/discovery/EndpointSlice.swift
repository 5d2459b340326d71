// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// EndpointSlices.
struct EndpointSliceStrategy: ResourceStrategy {
  private static let shownMax: Int = 3

  var traits: StrategyTraits { StrategyTraits(updateChecks: [.whole]) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.editItems("ports") { port in
      port.setDefault("name", "")
      port.setDefault("protocol", "TCP")
    }
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    object["metadata"]["generation"] = 1
    // What took the place of the topology has fields of its own.
    object.editItems("endpoints") { $0["deprecatedTopology"] = .null }
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    object.editItems("endpoints") { $0["deprecatedTopology"] = .null }
    let generation: Int64 = old["metadata"]["generation"].int ?? 0
    let isChanged: Bool =
      ["addressType", "endpoints", "ports"].contains { object[$0] != old[$0] }
      || object["metadata"]["labels"] != old["metadata"]["labels"]
    object["metadata"]["generation"] = isChanged ? .int(generation + 1) : old["metadata"]["generation"]
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    EndpointSliceValidation.errors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    EndpointSliceValidation.errors(object)
      + Checks.immutable(object["addressType"], old["addressType"], FieldPath("addressType"))
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    var warnings: [String] = []
    if old == nil, object["addressType"].plain == "FQDN" {
      warnings.append("spec.addressType: FQDN endpoints are deprecated")
    }
    let manager: String = object["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"].plain
    // What the controllers write is right.
    if manager == "endpointslice-controller.k8s.io" || manager == "endpointslicemirroring-controller.k8s.io" {
      return warnings
    }
    for (place, endpoint) in object["endpoints"].items.enumerated() {
      for (index, address) in endpoint["addresses"].strings.enumerated() {
        warnings += AddressForms.warnings(
          address: address, FieldPath("endpoints").index(place).child("addresses").index(index))
      }
    }
    return warnings
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let ports: [String] = object["ports"].items.map { port in
      port["port"].int.map(String.init) ?? (port["name"].plain.isEmpty ? "*" : port["name"].plain)
    }
    let addresses: [String] = object["endpoints"].items.flatMap { $0["addresses"].strings }
    return [
      object["metadata"]["name"], object["addressType"],
      .string(EndpointsStrategy.listed(Array(ports.prefix(Self.shownMax)), ports.count, none: "<unset>")),
      .string(EndpointsStrategy.listed(Array(addresses.prefix(Self.shownMax)), addresses.count, none: "<unset>")),
      TableText.age(object, context),
    ]
  }
}
