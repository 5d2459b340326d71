// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// ServiceCIDRs: the ranges of the Services' addresses.
struct ServiceCIDRStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(hasStatus: true) }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let path: FieldPath = FieldPath("spec", "cidrs")
    let ranges: [JSONValue] = object["spec"]["cidrs"].items
    if ranges.isEmpty { return [.required(path, "at least one CIDR required")] }
    if ranges.count > 2 {
      return [.invalid(FieldPath("spec"), object["spec"], "may only hold up to 2 values")]
    }
    var errors: [FieldError] = ranges.enumerated().flatMap { Checks.prefix($1, path.index($0)) }
    let families: [IPFamily] = ranges.compactMap { IPPrefix($0.plain)?.family }
    if families.count == 2, families[0] == families[1] {
      let message: String = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
      errors.append(.invalid(FieldPath("spec"), object["spec"], message))
    }
    return errors
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    Checks.immutable(object["spec"]["cidrs"], old["spec"]["cidrs"], FieldPath("spec", "cidrs"))
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [
      object["metadata"]["name"], .string(object["spec"]["cidrs"].strings.joined(separator: ",")),
      TableText.age(object, context),
    ]
  }
}
