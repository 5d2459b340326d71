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
      return [.invalid(path, GoForm.of(object["spec"], "@networking.ServiceCIDRSpec"), "may only hold up to 2 values")]
    }
    var errors: [FieldError] = []
    for (place, range) in ranges.enumerated() {
      let wrong: [FieldError] = Checks.prefix(range, path.index(place))
      errors += wrong
      if wrong.isEmpty, let canonical: String = IPPrefix(range.plain)?.description, canonical != range.plain {
        errors.append(.invalid(path.index(place), range, "must be in canonical form (\"\(canonical)\")"))
      }
    }
    let families: [IPFamily] = ranges.compactMap { IPPrefix($0.plain)?.family }
    if families.count == 2, families[0] == families[1] {
      let message: String = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
      errors.append(.invalid(path, object["spec"]["cidrs"], message))
    }
    return errors
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    if context.subresource == "status" { return [] }
    let path: FieldPath = FieldPath("spec", "cidrs")
    let ranges: [JSONValue] = object["spec"]["cidrs"].items
    let before: [JSONValue] = old["spec"]["cidrs"].items
    // A range of the other family may join the first one.
    let isJoined: Bool = before.count == 1 && ranges.count == 2
    guard ranges.count == before.count || isJoined else {
      return [.invalid(path, GoForm.of(object["spec"]["cidrs"], "[]s"), Checks.immutable)]
    }
    let errors: [FieldError] = zip(ranges, before).enumerated().flatMap { place, pair in
      Checks.immutable(pair.0, pair.1, path.index(place))
    }
    return isJoined ? errors + validateContent(object, context) : errors
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [
      object["metadata"]["name"], .string(object["spec"]["cidrs"].strings.joined(separator: ",")),
      TableText.age(object, context),
    ]
  }
}
