// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// ControllerRevisions.
struct ControllerRevisionStrategy: ResourceStrategy {
  var traits: StrategyTraits { StrategyTraits(rawMember: "data", updateChecks: [.change, .whole]) }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    var errors: [FieldError] = []
    switch object["data"] {
    case .null: errors.append(.required(FieldPath("data"), "data is mandatory"))
    case .object: break
    default: errors.append(.required(FieldPath("data"), "data must be a valid JSON object"))
    }
    return errors + Checks.nonNegative(object["revision"], FieldPath("revision"))
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    Checks.nonNegative(object["revision"], FieldPath("revision")) + Checks.immutable(object["data"], old["data"], FieldPath("data"))
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let owner: JSONValue? = object["metadata"]["ownerReferences"].items.first { $0["controller"].bool ?? false }
    let controller: String =
      owner.map { owner in
        let group: String = GroupVersion(apiVersion: owner["apiVersion"].plain)?.group ?? ""
        let kind: String = owner["kind"].plain.lowercased()
        return "\(group.isEmpty ? kind : "\(kind).\(group)")/\(owner["name"].plain)"
      } ?? "<none>"
    return [
      object["metadata"]["name"], .string(controller), TableText.number(object["revision"]),
      TableText.age(object, context),
    ]
  }
}
