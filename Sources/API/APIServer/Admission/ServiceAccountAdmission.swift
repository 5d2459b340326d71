// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON

/// Gives pods a service account and its token.
struct ServiceAccountAdmission: AdmissionPlugin {
  static let name: String = "ServiceAccount"
  private static let mountPath: String = "/var/run/secrets/kubernetes.io/serviceaccount"
  /// Upstream's life of a pod's token, chosen so that it can be recognised.
  private static let tokenSeconds: Int64 = 3607

  let accounts: ObjectStorage

  func admit(_ request: inout AdmissionRequest) async throws {
    guard request.isAbout("", "pods"), request.operation == .create else { return }
    if request.object.objectAnnotations["kubernetes.io/config.mirror"] != nil { return try await validate(request) }
    if (request.object["spec"]["serviceAccountName"].string ?? "").isEmpty {
      request.object["spec"]["serviceAccountName"] = "default"
    }
    let name: String = request.object["spec"]["serviceAccountName"].string ?? "default"
    request.object["spec"]["serviceAccount"] = .string(name)
    let account: JSONValue = try await account(name, request)
    if account["automountServiceAccountToken"].bool ?? true, request.object["spec"]["automountServiceAccountToken"].bool ?? true {
      mountToken(&request.object)
    } else if request.object["spec"]["automountServiceAccountToken"].bool == true {
      mountToken(&request.object)
    }
    if request.object["spec"]["imagePullSecrets"].items.isEmpty, !account["imagePullSecrets"].items.isEmpty {
      request.object["spec"]["imagePullSecrets"] = account["imagePullSecrets"]
    }
  }

  func validate(_ request: AdmissionRequest) async throws {
    guard request.isAbout("", "pods"), request.operation == .create else { return }
    let pod: JSONValue = request.object
    if pod.objectAnnotations["kubernetes.io/config.mirror"] != nil {
      if !(pod["spec"]["serviceAccountName"].string ?? "").isEmpty {
        throw request.forbidden("a mirror pod may not reference service accounts")
      }
      if !PodReferences.secrets(pod).isEmpty { throw request.forbidden("a mirror pod may not reference secrets") }
      return
    }
    _ = try await account(pod["spec"]["serviceAccountName"].string ?? "", request)
  }

  private func account(_ name: String, _ request: AdmissionRequest) async throws -> JSONValue {
    if let complaint: String = PathSegment.complaint(name) {
      throw request.forbidden("error looking up service account \(request.namespace)/\(name): \(complaint)")
    }
    guard let account: JSONValue = try await accounts.object(namespace: request.namespace, name: name) else {
      throw request.forbidden(
        "error looking up service account \(request.namespace)/\(name): serviceaccount \(name.goQuoted) not found")
    }
    return account
  }

  private func mountToken(_ pod: inout JSONValue) {
    // A volume of an earlier admission (a template made from a pod) serves again.
    let known: String? = pod["spec"]["volumes"].items.compactMap { $0["name"].string }.first { $0.hasPrefix("kube-api-access-") }
    let name: String = known ?? GeneratedName.make(prefix: "kube-api-access-")
    var isNeeded: Bool = false
    for list: String in ["initContainers", "containers"] {
      for index: Int in pod["spec"][list].items.indices {
        let mounts: [JSONValue] = pod["spec"][list][index]["volumeMounts"].items
        if mounts.contains(where: { $0["mountPath"].string == Self.mountPath }) { continue }
        pod["spec"][list][index]["volumeMounts"] = .array(
          mounts + [["name": .string(name), "readOnly": true, "mountPath": .string(Self.mountPath)]])
        isNeeded = true
      }
    }
    guard isNeeded, known == nil else { return }
    let volume: JSONValue = [
      "name": .string(name),
      "projected": [
        "sources": [
          ["serviceAccountToken": ["expirationSeconds": .int(Self.tokenSeconds), "path": "token"]],
          ["configMap": ["name": "kube-root-ca.crt", "items": [["key": "ca.crt", "path": "ca.crt"]]]],
          [
            "downwardAPI": [
              "items": [["path": "namespace", "fieldRef": ["apiVersion": "v1", "fieldPath": "metadata.namespace"]]]
            ]
          ],
        ], "defaultMode": 420,
      ],
    ]
    pod["spec"]["volumes"] = .array(pod["spec"]["volumes"].items + [volume])
  }
}
