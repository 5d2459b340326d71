// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import JSON
import Testing

/// Rows of tables whose cells are made of several members.
struct TableRowTests {
  /// An object, and the cells of its row.
  struct Row: Sendable {
    let group: String
    let plural: String
    let object: JSONValue
    let cells: [JSONValue]
  }

  static let rows: [Row] = [
    Row(
      group: "networking.k8s.io", plural: "ipaddresses",
      object: ["metadata": ["name": "10.0.0.1"], "spec": ["parentRef": ["resource": "services", "name": "s"]]],
      cells: ["10.0.0.1", "services/s", "<unknown>"]),
    Row(
      group: "autoscaling", plural: "horizontalpodautoscalers",
      object: [
        "metadata": ["name": "x"],
        "spec": [
          "scaleTargetRef": ["kind": "Deployment", "name": "d"], "maxReplicas": 3, "targetCPUUtilizationPercentage": 50,
        ],
        "status": ["currentReplicas": 1, "currentCPUUtilizationPercentage": 7],
      ],
      cells: ["x", "Deployment/d", "cpu: 7%/50%", "<unset>", 3, 1, "<unknown>"]),
    Row(
      group: "admissionregistration.k8s.io", plural: "mutatingadmissionpolicybindings",
      object: [
        "metadata": ["name": "x"],
        "spec": [
          "policyName": "p",
          "paramRef": [
            "selector": [
              "matchLabels": ["a": "b"], "matchExpressions": [["key": "k", "operator": "In", "values": ["v", "w"]]],
            ]
          ],
        ],
      ],
      cells: [
        "x", "p",
        .string(
          "&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{"
            + "LabelSelectorRequirement{Key:k,Operator:In,Values:[v w],},},}"),
        "<unknown>",
      ]),
  ]

  @Test(arguments: rows)
  func `a row shows what the reference shows`(_ row: Row) throws {
    let strategy: any ResourceStrategy = ResourceCatalog.strategy(for: try RuleTable.resource(row.group, row.plural))
    #expect(strategy.cells(row.object, TableContext(now: 0)) == row.cells)
  }
}
