// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON

/// Nothing is made in a namespace that is not there or is going; the system's namespaces stay.
struct NamespaceLifecycle: AdmissionPlugin {
  static let name: String = "NamespaceLifecycle"
  private static let immortal: Set<String> = ["default", "kube-system", "kube-public"]

  let namespaces: ObjectStorage

  func admit(_ request: inout AdmissionRequest) async throws {
    if request.operation == .delete, request.group == GroupResource("", "namespaces"), request.subresource.isEmpty {
      guard Self.immortal.contains(request.name) else { return }
      throw StatusError.forbidden(request.group, request.name, "this namespace may not be deleted")
    }
    guard !request.namespace.isEmpty, request.group != GroupResource("", "namespaces"),
      request.operation == .create, request.resource.definition.isNamespaced
    else { return }
    // Asking whether something would be allowed makes nothing.
    if request.group == GroupResource("authorization.k8s.io", "localsubjectaccessreviews") { return }
    guard let namespace: CachedObject = try await namespaces.get(namespace: "", name: request.namespace) else {
      throw StatusError.notFound(GroupResource("", "namespaces"), request.namespace)
    }
    guard let tree: JSONValue = try? ObjectStorage.tree(namespace), tree["status"]["phase"].string == "Terminating" || tree.isBeingDeleted
    else { return }
    var error: StatusError = request.forbidden(
      "unable to create new content in namespace \(request.namespace) because it is being terminated")
    error.details["causes"] = [
      [
        "reason": "NamespaceTerminating", "message": .string("namespace \(request.namespace) is being terminated"),
        "field": "metadata.namespace",
      ]
    ]
    throw error
  }
}
