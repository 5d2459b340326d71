// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Endpoints.
struct EndpointsStrategy: ResourceStrategy {
  private static let shownMax: Int = 3

  var traits: StrategyTraits { StrategyTraits(allowsCreateOnUpdate: true, updateChecks: [.change, .whole]) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.editItems("subsets") { subset in
      subset.editItems("ports") { $0.setDefaultText("protocol", "TCP") }
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    EndpointsValidation.errors(object)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    // What the controller writes is right.
    if object["metadata"]["labels"]["endpoints.kubernetes.io/managed-by"].plain == "endpoint-controller" { return [] }
    return object["subsets"].items.enumerated().flatMap { place, subset in
      ["addresses", "notReadyAddresses"].flatMap { list in
        subset[list].items.enumerated().flatMap { index, address in
          AddressForms.warnings(
            address: address["ip"].plain,
            FieldPath("subsets").index(place).child(list).index(index).child("ip"))
        }
      }
    }
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"], .string(Self.text(object["subsets"])), TableText.age(object, context)]
  }

  private static func text(_ subsets: JSONValue) -> String {
    var shown: [String] = []
    var count: Int = 0
    func add(_ text: String) {
      if shown.count < shownMax { shown.append(text) }
      count += 1
    }
    for subset: JSONValue in subsets.items {
      let addresses: [String] = subset["addresses"].items.map { $0["ip"].plain }
      if subset["ports"].isVoid { for address: String in addresses { add(address) } }
      for port: JSONValue in subset["ports"].items {
        for address: String in addresses {
          let host: String = address.contains(":") ? "[\(address)]" : address
          add("\(host):\(port["port"].int ?? 0)")
        }
      }
    }
    return listed(shown, count)
  }

  /// The first few and how many more.
  static func listed(_ shown: [String], _ count: Int, none: String = "<none>") -> String {
    if shown.isEmpty { return none }
    let text: String = shown.joined(separator: ",")
    return count > shown.count ? "\(text) + \(count - shown.count) more..." : text
  }
}
