// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// The specifications of the flow schemas and priority levels that nobody may change.
enum MandatoryFlowControl {
  static let levels: [String: JSONValue] = [
    "exempt": ["type": "Exempt", "exempt": ["nominalConcurrencyShares": 0, "lendablePercent": 0]],
    "catch-all": [
      "type": "Limited",
      "limited": ["nominalConcurrencyShares": 5, "lendablePercent": 0, "limitResponse": ["type": "Reject"]],
    ],
  ]

  static let schemas: [String: JSONValue] = [
    "exempt": schema("exempt", 1, nil, ["system:masters"]),
    "catch-all": schema("catch-all", 10000, "ByUser", ["system:unauthenticated", "system:authenticated"]),
  ]

  private static func schema(
    _ level: String, _ precedence: Int64, _ distinguisher: String?, _ groups: [String]
  ) -> JSONValue {
    let subjects: [JSONValue] = groups.map { ["kind": "Group", "group": ["name": .string($0)]] }
    let resources: JSONValue = [
      "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"],
    ]
    var spec: JSONValue = [
      "priorityLevelConfiguration": ["name": .string(level)], "matchingPrecedence": .int(precedence),
      "rules": [
        [
          "subjects": .array(subjects), "resourceRules": [resources],
          "nonResourceRules": [["verbs": ["*"], "nonResourceURLs": ["*"]]],
        ]
      ],
    ]
    if let distinguisher { spec["distinguisherMethod"] = ["type": .string(distinguisher)] }
    return spec
  }
}
