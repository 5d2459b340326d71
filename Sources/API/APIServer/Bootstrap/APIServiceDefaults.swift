// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// The APIService objects of the groups that this server serves itself.
enum APIServiceDefaults {
  /// Upstream's order of groups, by the least priority of the group.
  private static let priorities: [String: (Int64, Int64)] = [
    "": (18000, 1), "apps": (17800, 15), "events.k8s.io": (17750, 15), "authentication.k8s.io": (17700, 15),
    "authorization.k8s.io": (17600, 15), "autoscaling": (17500, 15), "batch": (17400, 15),
    "certificates.k8s.io": (17300, 15), "networking.k8s.io": (17200, 15), "policy": (17100, 15),
    "rbac.authorization.k8s.io": (17000, 15), "storage.k8s.io": (16800, 15), "apiextensions.k8s.io": (16700, 15),
    "admissionregistration.k8s.io": (16700, 15), "scheduling.k8s.io": (16600, 15), "coordination.k8s.io": (16500, 15),
    "node.k8s.io": (16300, 15), "discovery.k8s.io": (16200, 15), "flowcontrol.apiserver.k8s.io": (16100, 21),
    "internal.apiserver.k8s.io": (16000, 9), "resource.k8s.io": (16200, 21),
  ]

  static func objects(_ groupVersions: [GroupVersion]) -> [JSONValue] {
    groupVersions.filter { $0.group != "apiregistration.k8s.io" }.map { object($0, label: "onstart") }
  }

  /// The priorities of a group-version that this server serves.
  static func priorities(_ groupVersion: GroupVersion) -> (group: Int64, version: Int64) {
    // The group that tells of all groups comes first.
    if groupVersion.group == "apiregistration.k8s.io" { return (Int64.max, 100) }
    let (group, version): (Int64, Int64) = priorities[groupVersion.group] ?? (1000, 100)
    return (group, groupVersion.group == "autoscaling" && groupVersion.version == "v2" ? 30 : version)
  }

  static func object(_ groupVersion: GroupVersion, label: String) -> JSONValue {
    let (group, version): (Int64, Int64) = priorities(groupVersion)
    var spec: JSONValue = [
      "version": .string(groupVersion.version), "groupPriorityMinimum": .int(group), "versionPriority": .int(version),
    ]
    if !groupVersion.group.isEmpty { spec["group"] = .string(groupVersion.group) }
    return [
      "kind": "APIService", "apiVersion": "apiregistration.k8s.io/v1",
      "metadata": [
        "name": .string("\(groupVersion.version).\(groupVersion.group)"),
        "labels": ["kube-aggregator.kubernetes.io/automanaged": .string(label)],
      ],
      "spec": spec,
      "status": [
        "conditions": [
          [
            "type": "Available", "status": "True", "lastTransitionTime": .string(Timestamp.now.rfc3339),
            "reason": "Local", "message": "Local APIServices are always available",
          ]
        ]
      ],
    ]
  }
}
