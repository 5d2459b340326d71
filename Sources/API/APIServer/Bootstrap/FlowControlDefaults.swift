// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The flow schemas and priority levels that every cluster has.
enum FlowControlDefaults {
  private static let apiVersion: JSONValue = "flowcontrol.apiserver.k8s.io/v1"

  static let levels: [JSONValue] = [
    level("exempt", ["type": "Exempt", "exempt": ["nominalConcurrencyShares": 0, "lendablePercent": 0]]),
    level(
      "catch-all",
      [
        "type": "Limited",
        "limited": ["nominalConcurrencyShares": 5, "lendablePercent": 0, "limitResponse": ["type": "Reject"]],
      ]),
    queued("system", shares: 30, lendable: 33, queues: 64, hand: 6),
    queued("node-high", shares: 40, lendable: 25, queues: 64, hand: 6),
    queued("leader-election", shares: 10, lendable: 0, queues: 16, hand: 4),
    queued("workload-high", shares: 40, lendable: 50, queues: 128, hand: 6),
    queued("workload-low", shares: 100, lendable: 90, queues: 128, hand: 6),
    queued("global-default", shares: 20, lendable: 50, queues: 128, hand: 6),
  ]

  private static func level(_ name: String, _ spec: JSONValue) -> JSONValue {
    [
      "kind": "PriorityLevelConfiguration", "apiVersion": apiVersion,
      "metadata": ["name": .string(name), "annotations": ["apf.kubernetes.io/autoupdate-spec": "true"]], "spec": spec,
    ]
  }

  private static func queued(_ name: String, shares: Int64, lendable: Int64, queues: Int64, hand: Int64) -> JSONValue {
    let queuing: JSONValue = ["queues": .int(queues), "handSize": .int(hand), "queueLengthLimit": 50]
    return level(
      name,
      [
        "type": "Limited",
        "limited": [
          "nominalConcurrencyShares": .int(shares), "lendablePercent": .int(lendable),
          "limitResponse": ["type": "Queue", "queuing": queuing],
        ],
      ])
  }

  static let schemas: [JSONValue] = [
    schema("exempt", "exempt", 1, nil, [group("system:masters")]),
    schema("catch-all", "catch-all", 10000, "ByUser", everybody),
    schema("system-nodes", "system", 500, "ByUser", [group("system:nodes")]),
    schema(
      "system-node-high", "node-high", 400, "ByUser", [group("system:nodes")],
      resources: [
        resources(["*"], "", ["nodes", "nodes/status"], clusterScope: true),
        resources(["*"], "coordination.k8s.io", ["leases"], clusterScope: false),
      ], paths: []),
    schema(
      "probes", "exempt", 2, nil, everybody, resources: [],
      paths: [["verbs": ["get"], "nonResourceURLs": ["/healthz", "/readyz", "/livez"]]]),
    schema(
      "system-leader-election", "leader-election", 100, "ByUser",
      [user("system:kube-controller-manager"), user("system:kube-scheduler"), kubeSystem],
      resources: [resources(["get", "create", "update"], "coordination.k8s.io", ["leases"], clusterScope: false)],
      paths: []),
    schema("kube-controller-manager", "workload-high", 800, "ByNamespace", [user("system:kube-controller-manager")]),
    schema("kube-scheduler", "workload-high", 800, "ByNamespace", [user("system:kube-scheduler")]),
    schema("kube-system-service-accounts", "workload-high", 900, "ByNamespace", [kubeSystem]),
    schema("service-accounts", "workload-low", 9000, "ByUser", [group("system:serviceaccounts")]),
    schema("global-default", "global-default", 9900, "ByUser", everybody),
  ]

  /// The status of a flow schema whose priority level is there, or is not.
  static func status(of schema: JSONValue, isThere: Bool = true, now: String) -> JSONValue {
    let level: String = schema["spec"]["priorityLevelConfiguration"]["name"].string ?? ""
    let condition: JSONValue = [
      "type": "Dangling", "status": isThere ? "False" : "True", "reason": isThere ? "Found" : "NotFound",
      "message": .string(
        "This FlowSchema references the PriorityLevelConfiguration object named \(level.goQuoted) "
          + (isThere ? "and it exists" : "but there is no such object")),
      "lastTransitionTime": .string(now),
    ]
    return [
      "kind": "FlowSchema", "apiVersion": apiVersion, "metadata": ["name": .string(schema.objectName)],
      "status": ["conditions": [condition]],
    ]
  }

  private static let everybody: [JSONValue] = [group("system:unauthenticated"), group("system:authenticated")]
  private static let kubeSystem: JSONValue = [
    "kind": "ServiceAccount", "serviceAccount": ["namespace": "kube-system", "name": "*"],
  ]

  private static func group(_ name: String) -> JSONValue { ["kind": "Group", "group": ["name": .string(name)]] }
  private static func user(_ name: String) -> JSONValue { ["kind": "User", "user": ["name": .string(name)]] }

  private static func resources(_ verbs: [String], _ group: String, _ names: [String], clusterScope: Bool) -> JSONValue {
    var rule: JSONValue = [
      "verbs": JSONValue(verbs), "apiGroups": [.string(group)], "resources": JSONValue(names), "namespaces": ["*"],
    ]
    if clusterScope { rule["clusterScope"] = true }
    return rule
  }

  private static func schema(
    _ name: String, _ level: String, _ precedence: Int64, _ distinguisher: String?, _ subjects: [JSONValue],
    resources: [JSONValue]? = nil, paths: [JSONValue]? = nil
  ) -> JSONValue {
    var rule: JSONValue = ["subjects": .array(subjects)]
    let resources: [JSONValue] = resources ?? [self.resources(["*"], "*", ["*"], clusterScope: true)]
    let paths: [JSONValue] = paths ?? [["verbs": ["*"], "nonResourceURLs": ["*"]]]
    if !resources.isEmpty { rule["resourceRules"] = .array(resources) }
    if !paths.isEmpty { rule["nonResourceRules"] = .array(paths) }
    var spec: JSONValue = [
      "priorityLevelConfiguration": ["name": .string(level)], "matchingPrecedence": .int(precedence),
      "rules": [rule],
    ]
    if let distinguisher { spec["distinguisherMethod"] = ["type": .string(distinguisher)] }
    return [
      "kind": "FlowSchema", "apiVersion": apiVersion,
      "metadata": ["name": .string(name), "annotations": ["apf.kubernetes.io/autoupdate-spec": "true"]], "spec": spec,
    ]
  }
}
