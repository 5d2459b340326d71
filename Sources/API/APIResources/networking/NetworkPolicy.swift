// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// NetworkPolicies.
struct NetworkPolicyStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(generation: .of(["spec"])) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { spec in
      for direction: String in ["ingress", "egress"] {
        spec.editItems(direction) { rule in
          rule.editItems("ports") { $0.setDefault("protocol", "TCP") }
        }
      }
      if spec["policyTypes"].isVoid {
        spec["policyTypes"] = spec["egress"].isVoid ? ["Ingress"] : ["Ingress", "Egress"]
      }
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    NetworkPolicyValidation.errors(object["spec"], FieldPath("spec"))
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    [("ingress", "from"), ("egress", "to")].flatMap { direction, peers in
      object["spec"][direction].items.enumerated().flatMap { place, rule in
        rule[peers].items.enumerated().flatMap { index, peer -> [String] in
          let at: FieldPath = FieldPath("spec", direction).index(place).child(peers).index(index).child("ipBlock")
          let block: JSONValue = peer["ipBlock"]
          return AddressForms.warnings(range: block["cidr"].plain, at.child("cidr"))
            + block["except"].strings.enumerated().flatMap {
              AddressForms.warnings(range: $1, at.child("except").index($0))
            }
        }
      }
    }
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"], TableText.selector(object["spec"]["podSelector"]), TableText.age(object, context)]
  }
}
