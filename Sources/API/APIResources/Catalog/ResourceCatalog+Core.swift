// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema

// The core group.
extension ResourceCatalog {
  static let coreV1: [ResourceTableRow] = [
    .virtual("bindings", "binding", "Binding", .namespaced, verbs: [.create]),
    .virtual(
      "componentstatuses", "componentstatus", "ComponentStatus", .cluster, verbs: [.get, .list],
      short: ["cs"], isListed: true,
      columns: [.name, TableColumn("Status"), TableColumn("Message"), TableColumn("Error")]),
    .stored(
      "configmaps", "configmap", "ConfigMap", .namespaced, short: ["cm"], hash: "qFsyl6wFWjQ=",
      columns: [.name, TableColumn("Data"), .age]),
    .stored(
      "endpoints", "endpoints", "Endpoints", .namespaced, short: ["ep"], key: "services/endpoints",
      hash: "fWeeMqaN/OA=", columns: [.name, TableColumn("Endpoints"), .age]),
    .stored(
      "events", "event", "Event", .namespaced, short: ["ev"], hash: "r2yiGXH7wu8=",
      columns: [
        TableColumn("Last Seen"), TableColumn("Type"), TableColumn("Reason"), TableColumn("Object"),
        .wide("Subobject"), .wide("Source"), TableColumn("Message"), .wide("First Seen"), .wide("Count"),
        TableColumn("Name", format: "name", priority: 1),
      ]),
    .stored("limitranges", "limitrange", "LimitRange", .namespaced, short: ["limits"], hash: "EBKMFVe6cwo="),
    .stored(
      "namespaces", "namespace", "Namespace", .cluster,
      verbs: [.create, .delete, .get, .list, .patch, .update, .watch], short: ["ns"], hash: "Q3oi5N2YM8M=",
      subresources: [.same("finalize", [.update]), .status], columns: [.name, TableColumn("Status"), .age]),
    .stored(
      "nodes", "node", "Node", .cluster, short: ["no"], key: "minions", hash: "XwShjMxG9Fs=",
      subresources: [
        .other(
          "proxy", GroupVersionKind("", "v1", "NodeProxyOptions"),
          [
            .create, .delete, .get,
            .patch, .update,
          ]), .status,
      ],
      columns: [
        .name, TableColumn("Status"), TableColumn("Roles"), .age, TableColumn("Version"),
        .wide("Internal-IP"), .wide("External-IP"), .wide("OS-Image"), .wide("Kernel-Version"),
        .wide("Container-Runtime"),
      ]),
    .stored(
      "persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim", .namespaced, short: ["pvc"],
      hash: "QWTyNDq0dC4=", subresources: [.status],
      columns: [
        .name, TableColumn("Status"), TableColumn("Volume"), TableColumn("Capacity"),
        TableColumn("Access Modes"), TableColumn("StorageClass"), TableColumn("VolumeAttributesClass"), .age,
        .wide("VolumeMode"),
      ]),
    .stored(
      "persistentvolumes", "persistentvolume", "PersistentVolume", .cluster, short: ["pv"],
      hash: "HN/zwEC+JgM=", subresources: [.status],
      columns: [
        .name, TableColumn("Capacity"), TableColumn("Access Modes"), TableColumn("Reclaim Policy"),
        TableColumn("Status"), TableColumn("Claim"), TableColumn("StorageClass"),
        TableColumn("VolumeAttributesClass"), TableColumn("Reason"), .age, .wide("VolumeMode"),
      ]),
    .stored(
      "pods", "pod", "Pod", .namespaced, short: ["po"], categories: ["all"], hash: "xPOwRZ+Yhw8=",
      subresources: [
        .other("attach", GroupVersionKind("", "v1", "PodAttachOptions"), [.create, .get]),
        .other("binding", GroupVersionKind("", "v1", "Binding"), [.create]),
        .same(
          "ephemeralcontainers",
          .readAndWrite), .other("eviction", GroupVersionKind("policy", "v1", "Eviction"), [.create]),
        .other(
          "exec",
          GroupVersionKind("", "v1", "PodExecOptions"), [.create, .get]), .same("log", [.get]),
        .other(
          "portforward",
          GroupVersionKind("", "v1", "PodPortForwardOptions"), [.create, .get]),
        .other(
          "proxy",
          GroupVersionKind(
            "",
            "v1", "PodProxyOptions"), [.create, .delete, .get, .patch, .update]), .same("resize", .readAndWrite),
        .status,
      ],
      columns: [
        .name, TableColumn("Ready"), TableColumn("Status"), TableColumn("Restarts"), .age, .wide("IP"),
        .wide("Node"), .wide("Nominated Node"), .wide("Readiness Gates"),
      ]),
    .stored(
      "podtemplates", "podtemplate", "PodTemplate", .namespaced, hash: "LIXB2x4IFpk=",
      columns: [.name, TableColumn("Containers"), TableColumn("Images"), TableColumn("Pod Labels")]),
    .stored(
      "replicationcontrollers", "replicationcontroller", "ReplicationController", .namespaced, short: ["rc"],
      categories: ["all"], key: "controllers", hash: "Jond2If31h0=", subresources: [.scale, .status],
      columns: [
        .name, .integer("Desired"), .integer("Current"), .integer("Ready"), .age, .wide("Containers"),
        .wide("Images"), .wide("Selector"),
      ]),
    .stored(
      "resourcequotas", "resourcequota", "ResourceQuota", .namespaced, short: ["quota"], hash: "8uhSgffRX6w=",
      subresources: [.status], columns: [.name, TableColumn("Request"), TableColumn("Limit"), .age]),
    .stored(
      "secrets", "secret", "Secret", .namespaced, hash: "S6u1pOWzb84=",
      columns: [.name, TableColumn("Type"), TableColumn("Data"), .age]),
    .stored(
      "serviceaccounts", "serviceaccount", "ServiceAccount", .namespaced, short: ["sa"], hash: "pbx9ZvyFpBE=",
      subresources: [.other("token", GroupVersionKind("authentication.k8s.io", "v1", "TokenRequest"), [.create])],
      columns: [.name, .age]),
    .stored(
      "services", "service", "Service", .namespaced, short: ["svc"], categories: ["all"],
      key: "services/specs", hash: "0/CO1lhkEBI=",
      subresources: [
        .other(
          "proxy", GroupVersionKind("", "v1", "ServiceProxyOptions"),
          [
            .create, .delete, .get,
            .patch, .update,
          ]), .status,
      ],
      columns: [
        .name, TableColumn("Type"), TableColumn("Cluster-IP"), TableColumn("External-IP"),
        TableColumn("Port(s)"), .age, .wide("Selector"),
      ]),
  ]
}
