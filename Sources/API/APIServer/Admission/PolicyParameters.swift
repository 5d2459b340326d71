// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import CEL
import JSON

/// The objects that a policy is asked with.
enum PolicyParameters {
  /// The objects that a binding's paramRef names; one null where the policy has no parameters.
  static func of(
    _ spec: JSONValue, _ reference: JSONValue, _ request: AdmissionRequest, _ registry: ResourceRegistry
  ) async throws -> [JSONValue] {
    let kind: JSONValue = spec["paramKind"]
    guard !kind.isNull, !reference.isNull else { return [.null] }
    let wanted: GroupVersionKind = self.kind(kind)
    guard let resource: ServedResource = registry.all.first(where: { $0.kind == wanted }), let storage: ObjectStorage = resource.storage
    else {
      throw CELError(
        "failed to find resource referenced by paramKind: '\(kind["apiVersion"].string ?? ""), Kind=\(kind["kind"].string ?? "")'")
    }
    var namespace: String = ""
    if resource.definition.isNamespaced {
      namespace = reference["namespace"].string ?? request.namespace
      if namespace.isEmpty {
        throw CELError("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
      }
    } else if reference["namespace"].string?.isEmpty == false {
      throw CELError("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
    }
    var found: [JSONValue] = []
    if let name: String = reference["name"].string, !name.isEmpty {
      if let object: JSONValue = try await storage.object(namespace: namespace, name: name) { found = [object] }
    } else {
      let objects: [CachedObject] = try await storage.list(
        ListRequest(namespace: namespace.isEmpty ? nil : namespace)).objects
      found = try objects.map { try ObjectStorage.tree($0) }.filter {
        reference["selector"].object?.isEmpty == true || Selectors.matches(reference["selector"], $0.objectLabels)
      }
    }
    if found.isEmpty, reference["parameterNotFoundAction"].string == "Deny" {
      throw CELError("no params found for policy binding with `Deny` parameterNotFoundAction")
    }
    var shown: [JSONValue] = []
    for object: JSONValue in found { shown.append(try await resource.fromStorage(object)) }
    return shown
  }

  private static func kind(_ reference: JSONValue) -> GroupVersionKind {
    let parts: [Substring] = (reference["apiVersion"].string ?? "").split(separator: "/")
    let kind: String = reference["kind"].string ?? ""
    if parts.count == 2 { return GroupVersionKind(String(parts[0]), String(parts[1]), kind) }
    return GroupVersionKind("", String(parts.first ?? ""), kind)
  }
}
