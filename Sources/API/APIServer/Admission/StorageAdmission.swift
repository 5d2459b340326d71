// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON
import KubeValues

/// Volumes, claims and their attributes stay while somebody uses them.
struct StorageObjectInUseProtection: AdmissionPlugin {
  static let name: String = "StorageObjectInUseProtection"
  private static let finalizers: [GroupResource: String] = [
    GroupResource("", "persistentvolumes"): "kubernetes.io/pv-protection",
    GroupResource("", "persistentvolumeclaims"): "kubernetes.io/pvc-protection",
    GroupResource("storage.k8s.io", "volumeattributesclasses"): "kubernetes.io/vac-protection",
  ]

  func admit(_ request: inout AdmissionRequest) async throws {
    guard request.operation == .create, request.subresource.isEmpty,
      let finalizer: String = Self.finalizers[request.group], !request.object.objectFinalizers.contains(finalizer)
    else { return }
    request.object.setFinalizers(request.object.objectFinalizers + [finalizer])
  }
}

/// Claims and ingresses that name no class get the default one.
struct DefaultClass: AdmissionPlugin {
  static let name: String = "DefaultStorageClass"

  let storageClasses: ObjectStorage
  let ingressClasses: ObjectStorage

  func admit(_ request: inout AdmissionRequest) async throws {
    guard request.operation == .create else { return }
    if request.isAbout("", "persistentvolumeclaims") {
      guard request.object["spec"]["storageClassName"].isNull,
        request.object.objectAnnotations["volume.beta.kubernetes.io/storage-class"] == nil
      else { return }
      let keys: [String] = [
        "storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class",
      ]
      if let name: String = try await newest(storageClasses, keys) {
        request.object["spec"]["storageClassName"] = .string(name)
      }
    } else if request.isAbout("networking.k8s.io", "ingresses") {
      guard request.object["spec"]["ingressClassName"].isNull,
        request.object.objectAnnotations["kubernetes.io/ingress.class"] == nil
      else { return }
      if let name: String = try await newest(ingressClasses, ["ingressclass.kubernetes.io/is-default-class"]) {
        request.object["spec"]["ingressClassName"] = .string(name)
      }
    }
  }

  /// The default class that was made last.
  private func newest(_ storage: ObjectStorage, _ keys: [String]) async throws -> String? {
    let all: [JSONValue] = try await storage.objects().filter { object in
      keys.contains { object.objectAnnotations[$0] == "true" }
    }
    return all.max {
      let left: String = $0["metadata"]["creationTimestamp"].string ?? ""
      let right: String = $1["metadata"]["creationTimestamp"].string ?? ""
      return left == right ? $0.objectName > $1.objectName : left < right
    }?.objectName
  }
}

/// Claims grow only where their class allows it.
struct PersistentVolumeClaimResize: AdmissionPlugin {
  static let name: String = "PersistentVolumeClaimResize"

  let storageClasses: ObjectStorage

  func validate(_ request: AdmissionRequest) async throws {
    guard request.isAbout("", "persistentvolumeclaims"), request.operation == .update else { return }
    func size(_ claim: JSONValue) -> ResourceQuantity? {
      ResourceQuantity(claim["spec"]["resources"]["requests"]["storage"].string ?? "")
    }
    guard let old: ResourceQuantity = size(request.old), let new: ResourceQuantity = size(request.object), old < new else {
      return
    }
    guard request.old["status"]["phase"].string == "Bound" else {
      throw request.forbidden("Only bound persistent volume claims can be expanded")
    }
    let name: String = request.object["spec"]["storageClassName"].string ?? ""
    let found: JSONValue? = name.isEmpty ? nil : try await storageClasses.object(namespace: "", name: name)
    guard found?["allowVolumeExpansion"].bool == true else {
      throw request.forbidden(
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize")
    }
  }
}
