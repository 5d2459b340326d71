// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Labels of nodes that have new names, or no meaning any more.
enum NodeLabels {
  private static let outdated: [String: String] = [
    "beta.kubernetes.io/arch": "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
    "beta.kubernetes.io/os": "deprecated since v1.14; use \"kubernetes.io/os\" instead",
    "failure-domain.beta.kubernetes.io/region": "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    "failure-domain.beta.kubernetes.io/zone": "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
    "beta.kubernetes.io/instance-type": "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
    "node-role.kubernetes.io/master": "use \"node-role.kubernetes.io/control-plane\" instead",
  ]

  /// What to say of a label; nil where it is as good as any other.
  static func advice(_ label: String) -> String? { outdated[label] }

  /// Warnings about the keys of a map of labels, each at the path that `path` makes of its key.
  static func warnings(map: JSONValue, _ path: (String) -> FieldPath) -> [String] {
    (map.object?.keys ?? []).sorted().compactMap { key in advice(key).map { "\(path(key)): \($0)" } }
  }

  /// Warnings about the requirements of a term or a selector.
  ///
  /// - Parameter judgesValues: whether values that no label can have are told, too.
  static func warnings(expressions: JSONValue, _ path: FieldPath, judgesValues: Bool = false) -> [String] {
    var warnings: [String] = []
    for (place, expression) in expressions.items.enumerated() {
      let key: String = expression["key"].plain
      if let advice: String = advice(key) { warnings.append("\(path.index(place).child("key")): \(key) is \(advice)") }
      guard judgesValues else { continue }
      for (index, value) in expression["values"].strings.enumerated() {
        warnings += Names.labelValue(value).map {
          "\(path.index(place).child("values").index(index)): \(value) is invalid, \($0)"
        }
      }
    }
    return warnings
  }

  /// Warnings about the terms of a node selector.
  static func warnings(terms: JSONValue, _ path: FieldPath) -> [String] {
    terms.items.enumerated().flatMap {
      warnings(expressions: $1["matchExpressions"], path.index($0).child("matchExpressions"))
    }
  }
}
