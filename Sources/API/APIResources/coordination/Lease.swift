// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Leases.
struct LeaseStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(
      name: .subdomainGeneric, allowsCreateOnUpdate: true, allowsUnconditionalUpdate: false,
      updateChecks: [.changeGeneric])
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    // Coordinated leader election is not served by default.
    object.edit("spec") { spec in
      spec["strategy"] = .null
      spec["preferredHolder"] = .null
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = []
    if spec["leaseDurationSeconds"].isThere {
      errors += Checks.positive(spec["leaseDurationSeconds"], path.child("leaseDurationSeconds"))
    }
    if spec["leaseTransitions"].isThere, spec["leaseTransitions"].int ?? 0 < 0 {
      errors.append(
        .invalid(path.child("leaseTransitions"), spec["leaseTransitions"], "must be greater than or equal to 0"))
    }
    if spec["preferredHolder"].isThere, spec["strategy"].plain.isEmpty {
      errors.append(
        .forbidden(path.child("preferredHolder"), "may only be specified if `strategy` is defined"))
    }
    return errors
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"], .string(object["spec"]["holderIdentity"].plain), TableText.age(object, context)]
  }
}
