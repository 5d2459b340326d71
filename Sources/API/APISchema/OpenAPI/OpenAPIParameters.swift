// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// The parameters of operations.
enum OpenAPIParameters {
  static let list: [String] = [
    "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
    "resourceVersionMatch", "sendInitialEvents", "shardSelector", "timeoutSeconds", "watch",
  ]
  static let write: [String] = ["dryRun", "fieldManager", "fieldValidation"]
  static let delete: [String] = [
    "dryRun", "gracePeriodSeconds", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents",
    "propagationPolicy",
  ]
  static let deleteCollection: [String] =
    delete + list.filter { $0 != "allowWatchBookmarks" && $0 != "watch" }
  static let log: [String] = [
    "container", "follow", "insecureSkipTLSVerifyBackend", "limitBytes", "previous", "sinceSeconds", "stream",
    "tailLines", "timestamps",
  ]

  /// The parameters of a subresource that connects.
  static func connect(_ subresource: String) -> [String] {
    switch subresource {
    case "attach": ["container", "stderr", "stdin", "stdout", "tty"]
    case "exec": ["command", "container", "stderr", "stdin", "stdout", "tty"]
    case "portforward": ["ports"]
    default: ["path"]
    }
  }

  private static let types: [String: String] = [
    "allowWatchBookmarks": "boolean", "limit": "integer", "sendInitialEvents": "boolean", "timeoutSeconds": "integer",
    "watch": "boolean", "force": "boolean", "gracePeriodSeconds": "integer", "orphanDependents": "boolean",
    "ignoreStoreReadErrorWithClusterBreakingPotential": "boolean", "follow": "boolean", "limitBytes": "integer",
    "insecureSkipTLSVerifyBackend": "boolean", "previous": "boolean", "sinceSeconds": "integer", "tailLines": "integer",
    "timestamps": "boolean", "stderr": "boolean", "stdin": "boolean", "stdout": "boolean", "tty": "boolean",
    "ports": "integer",
  ]

  private static let texts: [String: String] = [
    "allowWatchBookmarks": "asks for BOOKMARK events in a watch",
    "continue": "the token with which a list goes on where the one before stopped",
    "fieldSelector": "restricts the objects by their fields", "labelSelector": "restricts the objects by their labels",
    "limit": "the most objects that the answer may hold",
    "resourceVersion": "which version of the data may be served",
    "resourceVersionMatch": "how resourceVersion is meant", "sendInitialEvents": "a watch begins with what exists",
    "shardSelector": "restricts the objects to a part of the key space",
    "timeoutSeconds": "ends the call after this time", "watch": "streams changes in place of a list",
    "dryRun": "All: goes through every stage but stores nothing", "fieldManager": "who makes the changes",
    "fieldValidation": "Ignore, Warn or Strict: what unknown and duplicate fields do",
    "force": "takes fields that other managers own", "pretty": "true: the answer is indented",
    "gracePeriodSeconds": "the time until the object goes; zero: at once",
    "orphanDependents": "deprecated: see propagationPolicy", "propagationPolicy": "Orphan, Background or Foreground",
    "ignoreStoreReadErrorWithClusterBreakingPotential": "deletes an object that cannot be read; unsafe",
  ]

  /// A parameter of the query.
  static func query(_ name: String) -> JSONValue {
    var parameter: JSONObject = ["name": .string(name), "in": "query"]
    if let text: String = texts[name] { parameter["description"] = .string(text) }
    parameter["schema"] = ["type": .string(types[name] ?? "string"), "uniqueItems": true]
    return .object(parameter)
  }

  /// A parameter of the path.
  static func path(_ name: String) -> JSONValue {
    let text: String =
      name == "namespace"
      ? "the namespace of the object" : name == "path" ? "the path of the request" : "the name of the object"
    return [
      "name": .string(name), "in": "path", "description": .string(text), "required": true,
      "schema": ["type": "string", "uniqueItems": true],
    ]
  }

  /// Kinds whose deletion answers with the object.
  private static let deleted: Set<GroupKind> = [
    GroupKind("", "PersistentVolume"), GroupKind("", "PersistentVolumeClaim"), GroupKind("", "Pod"),
    GroupKind("", "PodTemplate"), GroupKind("", "ResourceQuota"), GroupKind("", "Service"),
    GroupKind("", "ServiceAccount"),
    GroupKind("storage.k8s.io", "CSIDriver"), GroupKind("storage.k8s.io", "CSINode"),
    GroupKind("storage.k8s.io", "StorageClass"), GroupKind("storage.k8s.io", "VolumeAttachment"),
    GroupKind("storage.k8s.io", "VolumeAttributesClass"), GroupKind("resource.k8s.io", "DeviceClass"),
    GroupKind("resource.k8s.io", "ResourceClaim"), GroupKind("resource.k8s.io", "ResourceClaimTemplate"),
    GroupKind("resource.k8s.io", "ResourceSlice"),
  ]

  static func returnsDeleted(_ kind: GroupVersionKind) -> Bool { deleted.contains(kind.groupKind) }
}
