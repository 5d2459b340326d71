// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import CEL
import JSON

/// The rules of device classes and claims.
enum DeviceValidation {
  private static let requestsMax: Int = 32

  static func classErrors(_ object: JSONValue) -> [FieldError] {
    selectorErrors(object["spec"]["selectors"], FieldPath("spec", "selectors"))
  }

  private static func selectorErrors(_ selectors: JSONValue, _ path: FieldPath) -> [FieldError] {
    selectors.items.enumerated().flatMap { place, selector -> [FieldError] in
      let at: FieldPath = path.index(place).child("cel")
      if selector["cel"].isNull { return [.required(at)] }
      let text: JSONValue = selector["cel"]["expression"]
      if text.plain.isEmpty { return [.required(at.child("expression"))] }
      return ExpressionValidation.errors(
        text, at.child("expression"), ExpressionValidation.device, wants: [.bool, .dyn], named: "bool")
    }
  }

  static func claimSpecErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let devices: JSONValue = spec["devices"]
    let at: FieldPath = path.child("devices")
    var errors: [FieldError] = []
    var names: Set<String> = []
    let requests: [JSONValue] = devices["requests"].items
    if requests.count > requestsMax { errors.append(.tooMany(at.child("requests"), requests.count, requestsMax)) }
    for (place, request) in requests.enumerated() {
      let one: FieldPath = at.child("requests").index(place)
      let name: String = request["name"].plain
      if name.isEmpty {
        errors.append(.required(one.child("name")))
      } else {
        errors += Checks.text(request["name"], one.child("name"), Names.label)
      }
      if request["exactly"].isThere == !request["firstAvailable"].isVoid {
        errors.append(.required(one, "exactly one of `exactly` or `firstAvailable` is required"))
      }
      if request["exactly"].isThere { errors += exactErrors(request["exactly"], one.child("exactly")) }
      for (index, sub) in request["firstAvailable"].items.enumerated() {
        errors += exactErrors(sub, one.child("firstAvailable").index(index))
        names.insert("\(name)/\(sub["name"].plain)")
      }
      if !names.insert(name).inserted { errors.append(.duplicate(one, .string(name))) }
    }
    for (place, constraint) in devices["constraints"].items.enumerated() {
      for (index, name) in constraint["requests"].strings.enumerated() where !names.contains(name) {
        errors.append(
          .invalid(
            at.child("constraints").index(place).child("requests").index(index), .string(name),
            "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"))
      }
    }
    return errors
  }

  private static func exactErrors(_ request: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if request["deviceClassName"].plain.isEmpty {
      errors.append(.required(path.child("deviceClassName")))
    } else {
      errors += Checks.text(request["deviceClassName"], path.child("deviceClassName"), Names.subdomain)
    }
    errors += selectorErrors(request["selectors"], path.child("selectors"))
    switch request["allocationMode"].plain {
    case "All":
      if request["count"].int ?? 0 != 0 {
        errors.append(
          .invalid(path.child("count"), request["count"], "must not be specified when allocationMode is 'All'"))
      }
    case "ExactCount":
      if request["count"].int ?? 0 <= 0 {
        errors.append(.invalid(path.child("count"), .int(request["count"].int ?? 0), "must be greater than zero"))
      }
    default:
      errors.append(
        .notSupported(
          path.child("allocationMode"), .string(request["allocationMode"].plain), ["All", "ExactCount"]))
    }
    return errors
  }
}
