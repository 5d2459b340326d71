// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// IPAddresses: who owns which of the Services' addresses.
struct IPAddressStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(name: .any)
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let name: String = object["metadata"]["name"].plain
    var errors: [FieldError] = []
    let at: FieldPath = FieldPath("metadata", "name")
    if !name.isEmpty {
      errors += Checks.address(.string(name), at)
      if errors.isEmpty, let canonical: String = IPAddress(name)?.description, canonical != name {
        errors.append(.invalid(at, .string(name), "must be in canonical form (\"\(canonical)\")"))
      }
    }
    let path: FieldPath = FieldPath("spec", "parentRef")
    let parent: JSONValue = object["spec"]["parentRef"]
    guard parent.isThere else { return errors + [.required(path)] }
    func segment(_ key: String) {
      errors += Names.pathSegment(parent[key].plain, isPrefix: false).map { .invalid(path.child(key), parent[key], $0) }
    }
    if !parent["group"].plain.isEmpty { errors += Checks.text(parent["group"], path.child("group"), Names.subdomain) }
    if parent["resource"].plain.isEmpty { errors.append(.required(path.child("resource"))) } else { segment("resource") }
    if parent["name"].plain.isEmpty { errors.append(.required(path.child("name"))) } else { segment("name") }
    if !parent["namespace"].plain.isEmpty { segment("namespace") }
    return errors
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let parent: JSONValue = object["spec"]["parentRef"]
    let keys: [(shown: String, json: String)] = [
      ("Group", "group"), ("Resource", "resource"), ("Namespace", "namespace"), ("Name", "name"),
    ]
    let isSame: Bool =
      parent.isThere && keys.allSatisfy { parent[$0.json].plain == old["spec"]["parentRef"][$0.json].plain }
    var shown: JSONObject = JSONObject()
    for key in keys { shown[key.shown] = .string(parent[key.json].plain) }
    return validateContent(object, context)
      + (isSame
        ? []
        : [
          .invalid(FieldPath("spec", "parentRef"), parent.isNull ? .null : .object(shown), Checks.immutable)
        ])
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let parent: JSONValue = object["spec"]["parentRef"]
    let parts: [String] = ["group", "resource", "namespace", "name"].map { parent[$0].plain }
    let resource: String = parts[0].isEmpty ? parts[1] : "\(parts[1]).\(parts[0])"
    let owner: String = parts[2].isEmpty ? parts[3] : "\(parts[2])/\(parts[3])"
    return [object["metadata"]["name"], .string("\(resource)/\(owner)"), TableText.age(object, context)]
  }
}
