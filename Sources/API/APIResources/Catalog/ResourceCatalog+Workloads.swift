// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema

// Groups of workloads and what schedules them.
extension ResourceCatalog {
  static let appsV1: [ResourceTableRow] = [
    .stored(
      "controllerrevisions", "controllerrevision", "ControllerRevision", .namespaced, hash: "85nkx63pcBU=",
      columns: [.name, TableColumn("Controller"), TableColumn("Revision"), .age]),
    .stored(
      "daemonsets", "daemonset", "DaemonSet", .namespaced, short: ["ds"], categories: ["all"],
      hash: "dd7pWHUlMKQ=", subresources: [.status],
      columns: [
        .name, .integer("Desired"), .integer("Current"), .integer("Ready"), .integer("Up-to-date"),
        .integer("Available"), TableColumn("Node Selector"), .age, .wide("Containers"), .wide("Images"),
        .wide("Selector"),
      ]),
    .stored(
      "deployments", "deployment", "Deployment", .namespaced, short: ["deploy"], categories: ["all"],
      hash: "8aSe+NMegvE=", subresources: [.scale, .status],
      columns: [
        .name, TableColumn("Ready"), TableColumn("Up-to-date"), TableColumn("Available"), .age,
        .wide("Containers"), .wide("Images"), .wide("Selector"),
      ]),
    .stored(
      "replicasets", "replicaset", "ReplicaSet", .namespaced, short: ["rs"], categories: ["all"],
      hash: "P1RzHs8/mWQ=", subresources: [.scale, .status],
      columns: [
        .name, .integer("Desired"), .integer("Current"), .integer("Ready"), .age, .wide("Containers"),
        .wide("Images"), .wide("Selector"),
      ]),
    .stored(
      "statefulsets", "statefulset", "StatefulSet", .namespaced, short: ["sts"], categories: ["all"],
      hash: "H+vl74LkKdo=", subresources: [.scale, .status],
      columns: [.name, TableColumn("Ready"), .age, .wide("Containers"), .wide("Images")]),
  ]

  static let eventsV1: [ResourceTableRow] = [
    .stored(
      "events", "event", "Event", .namespaced, short: ["ev"], storage: GroupVersionKind("", "v1", "Event"),
      hash: "r2yiGXH7wu8=",
      columns: [
        TableColumn("Last Seen"), TableColumn("Type"), TableColumn("Reason"), TableColumn("Object"),
        .wide("Subobject"), .wide("Source"), TableColumn("Message"), .wide("First Seen"), .wide("Count"),
        TableColumn("Name", format: "name", priority: 1),
      ])
  ]

  static let autoscalingV2: [ResourceTableRow] = [
    .stored(
      "horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler", .namespaced,
      short: ["hpa"], categories: ["all"], hash: "qwQve8ut294=", subresources: [.status],
      columns: [
        .name, TableColumn("Reference"), TableColumn("Targets"), TableColumn("MinPods"),
        TableColumn("MaxPods"), TableColumn("Replicas"), .age,
      ])
  ]

  static let autoscalingV1: [ResourceTableRow] = [
    .stored(
      "horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler", .namespaced,
      short: ["hpa"], categories: ["all"],
      storage: GroupVersionKind("autoscaling", "v2", "HorizontalPodAutoscaler"), hash: "qwQve8ut294=",
      subresources: [.status],
      columns: [
        .name, TableColumn("Reference"), TableColumn("Targets"), TableColumn("MinPods"),
        TableColumn("MaxPods"), TableColumn("Replicas"), .age,
      ])
  ]

  static let batchV1: [ResourceTableRow] = [
    .stored(
      "cronjobs", "cronjob", "CronJob", .namespaced, short: ["cj"], categories: ["all"], hash: "sd5LIXh4Fjs=",
      subresources: [.status],
      columns: [
        .name, TableColumn("Schedule"), TableColumn("Timezone"), TableColumn("Suspend", type: "boolean"),
        .integer("Active"), TableColumn("Last Schedule"), .age, .wide("Containers"), .wide("Images"),
        .wide("Selector"),
      ]),
    .stored(
      "jobs", "job", "Job", .namespaced, categories: ["all"], hash: "mudhfqk/qZY=", subresources: [.status],
      columns: [
        .name, TableColumn("Status"), TableColumn("Completions"), TableColumn("Duration"), .age,
        .wide("Containers"), .wide("Images"), .wide("Selector"),
      ]),
  ]

  static let policyV1: [ResourceTableRow] = [
    .stored(
      "poddisruptionbudgets", "poddisruptionbudget", "PodDisruptionBudget", .namespaced, short: ["pdb"],
      hash: "EVWiDmWqyJw=", subresources: [.status],
      columns: [
        .name, TableColumn("Min Available"), TableColumn("Max Unavailable"),
        .integer("Allowed Disruptions"), .age,
      ])
  ]

  static let schedulingV1: [ResourceTableRow] = [
    .stored(
      "priorityclasses", "priorityclass", "PriorityClass", .cluster, short: ["pc"], hash: "1QwjyaZjj3Y=",
      columns: [
        .name, .integer("Value"), TableColumn("Global-Default", type: "boolean"), .age,
        TableColumn("PreemptionPolicy"),
      ])
  ]

  static let coordinationV1: [ResourceTableRow] = [
    .stored(
      "leases", "lease", "Lease", .namespaced, hash: "gqkMMb/YqFM=",
      columns: [.name, TableColumn("Holder"), .age])
  ]

  static let nodeV1: [ResourceTableRow] = [
    .stored(
      "runtimeclasses", "runtimeclass", "RuntimeClass", .cluster, hash: "WQTu1GL3T2Q=",
      columns: [.name, TableColumn("Handler"), .age])
  ]
}
