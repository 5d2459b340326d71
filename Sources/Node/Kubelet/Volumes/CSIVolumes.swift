// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CSI
import Crypto
import GRPCCore
import GRPCSockets
import JSON
import Kernel
import KubeCore
import KubeGroups
import KubeMeta
import Logging
import SwiftProtobuf

/// Volumes of CSI drivers on this node: attached (by the control plane), staged once, published to each pod.
///
/// What was done is written beside the mount point (`vol_data.json`, upstream's format) before the driver is called, so
/// that it can be undone after a crash without the API.
struct CSIVolumes: Sendable {
  private static let callTimeout: Duration = .seconds(120)

  let paths: PodPaths
  let nodeName: String
  let objects: any PodObjects
  let drivers: CSIDrivers
  let logger: Logger

  /// One volume of a driver, as the calls need it.
  private struct Request {
    var driver: String
    var handle: String
    var specName: String
    var context: [String: String]
    var capability: CSIVolumeCapability
    var stageSecret: SecretReference?
    var publishSecret: SecretReference?
    var publishContext: [String: String] = [:]
    var isReadOnly: Bool = false
    var isEphemeral: Bool = false
    var isBlock: Bool = false
  }

  /// Publishes a persistent volume to a pod.
  func setUp(_ volume: PersistentVolume, readOnly: Bool, _ pod: Pod) async throws -> PreparedVolume {
    let source: CSIPersistentVolumeSource = volume.spec.persistentVolumeSource.csi
    var request: Request = Request(
      driver: source.driver, handle: source.volumeHandle, specName: volume.metadata.name,
      context: source.volumeAttributes, capability: Self.capability(volume))
    request.isReadOnly = readOnly || source.readOnly
    request.isBlock = volume.spec.volumeMode == "Block"
    if source.hasNodeStageSecretRef { request.stageSecret = source.nodeStageSecretRef }
    if source.hasNodePublishSecretRef { request.publishSecret = source.nodePublishSecretRef }
    let driver: StorageCSIDriver? = try await objects.driver(name: source.driver)
    if !isPublished(request, pod), Self.needsAttachment(driver) {
      request.publishContext = try await attachment(request)
    }
    return try await publish(request, driver, pod)
  }

  /// Publishes a volume that lives and dies with the pod.
  func setUpInline(_ source: CSIVolumeSource, named name: String, _ pod: Pod) async throws -> PreparedVolume {
    let digest: String = Self.hash("\(pod.metadata.namespace)/\(pod.metadata.name)/\(pod.metadata.uid)/\(name)")
    var request: Request = Request(
      driver: source.driver, handle: "csi-\(digest)", specName: name, context: source.volumeAttributes,
      capability: .with {
        $0.mount.fsType = source.fsType
        $0.accessMode.mode = .singleNodeWriter
      })
    request.isReadOnly = source.readOnly
    request.isEphemeral = true
    if source.hasNodePublishSecretRef {
      request.publishSecret = .with {
        $0.name = source.nodePublishSecretRef.name
        $0.namespace = pod.metadata.namespace
      }
    }
    return try await publish(request, try await objects.driver(name: source.driver), pod)
  }

  /// Volumes are attached unless the driver says that they need not be.
  private static func needsAttachment(_ driver: StorageCSIDriver?) -> Bool {
    guard let driver, driver.spec.hasAttachRequired else { return true }
    return driver.spec.attachRequired
  }

  private static func capability(_ volume: PersistentVolume) -> CSIVolumeCapability {
    .with {
      if volume.spec.volumeMode == "Block" {
        $0.block = CSIVolumeCapability.BlockVolume()
      } else {
        $0.mount.fsType = volume.spec.persistentVolumeSource.csi.fsType
        $0.mount.mountFlags = volume.spec.mountOptions
      }
      let modes: [String] = volume.spec.accessModes
      $0.accessMode.mode =
        modes.contains("ReadWriteMany") ? .multiNodeMultiWriter
        : modes.contains("ReadOnlyMany") ? .multiNodeReaderOnly : .singleNodeWriter
    }
  }

  /// What the driver's controller side said when it attached the volume to this node.
  private func attachment(_ request: Request) async throws -> [String: String] {
    let name: String = "csi-\(Self.hash(request.handle + request.driver + nodeName))"
    let attachment: StorageVolumeAttachment
    do {
      attachment = try await objects.attachment(name: name)
    } catch let error as KubeletError {
      guard error.code == .notFound else { throw error }
      throw KubeletError(.mount, "volume \(request.handle) is not attached to this node yet (\(name) does not exist)")
    }
    guard attachment.status.attached else {
      let why: String = attachment.status.attachError.message
      throw KubeletError(.mount, "volume \(request.handle) is not attached to this node yet\(why.isEmpty ? "" : ": \(why)")")
    }
    return attachment.status.attachmentMetadata
  }

  private func directory(_ request: Request, _ pod: Pod) -> String {
    paths.volume(pod.uid, plugin: "csi", name: request.specName)
  }

  private func target(_ request: Request, _ pod: Pod) -> String { directory(request, pod) + "/mount" }

  private func isPublished(_ request: Request, _ pod: Pod) -> Bool {
    let target: String = target(request, pod)
    return (try? Mounts.all().contains { $0.target == target }) ?? false
  }

  private func publish(_ request: Request, _ driver: StorageCSIDriver?, _ pod: Pod) async throws -> PreparedVolume {
    let target: String = target(request, pod)
    let prepared: PreparedVolume = PreparedVolume(path: target, isReadOnly: request.isReadOnly)
    if isPublished(request, pod) { return prepared }
    guard let endpoint: CSIDrivers.Registered = drivers.registered(request.driver) else {
      throw KubeletError(
        .mount, "kubernetes.io/csi: driver name \(request.driver) not found in the list of registered CSI drivers")
    }
    var data: JSONValue = [
      "driverName": .string(request.driver), "volumeHandle": .string(request.handle), "nodeName": .string(nodeName),
      "specVolID": .string(request.specName), "attachmentID": "",
      "volumeLifecycleMode": .string(request.isEphemeral ? "Ephemeral" : "Persistent"),
    ]
    var staging: String = ""
    if endpoint.stages && !request.isEphemeral {
      let folder: String = paths.staging(driver: request.driver, handleHash: Self.hash(request.handle))
      staging = folder + "/globalmount"
      data["staging"] = .string(staging)
      try await stage(request, folder, endpoint)
    }
    try Files.makeDirectories(directory(request, pod))
    try Files.replace(directory(request, pod) + "/vol_data.json", data.bytes)
    Failpoints.reach("CSIVolumes.recorded")
    let call: CSINodePublishVolumeRequest = try await publishCall(request, staging, target, driver, pod)
    try await self.call(endpoint, "NodePublishVolume") { node, options in
      _ = try await node.nodePublishVolume(call, options: options)
    }
    let security: PodSecurityContext = pod.spec.securityContext
    let policy: String = driver?.spec.fsGroupPolicy ?? "ReadWriteOnceWithFSType"
    let takesGroup: Bool =
      policy == "File" || (policy != "None" && !request.capability.mount.fsType.isEmpty && !request.isReadOnly)
    if security.hasFsGroup, takesGroup, !request.isBlock {
      try VolumeOwnership.set(target, group: UInt32(clamping: security.fsGroup), policy: security.fsGroupChangePolicy)
    }
    return prepared
  }

  private func publishCall(
    _ request: Request, _ staging: String, _ target: String, _ driver: StorageCSIDriver?, _ pod: Pod
  ) async throws -> CSINodePublishVolumeRequest {
    var context: [String: String] = request.context
    if driver?.spec.podInfoOnMount == true {
      context["csi.storage.k8s.io/pod.name"] = pod.metadata.name
      context["csi.storage.k8s.io/pod.namespace"] = pod.metadata.namespace
      context["csi.storage.k8s.io/pod.uid"] = pod.metadata.uid
      context["csi.storage.k8s.io/serviceAccount.name"] = pod.spec.serviceAccountName
      context["csi.storage.k8s.io/ephemeral"] = request.isEphemeral ? "true" : "false"
    }
    if let tokens: [StorageTokenRequest] = driver?.spec.tokenRequests, !tokens.isEmpty {
      var all: JSONValue = [:]
      for token: StorageTokenRequest in tokens {
        let seconds: Int64 = token.hasExpirationSeconds ? token.expirationSeconds : 3600
        all[token.audience] = ["token": .string(try await objects.token(for: pod, audience: token.audience, seconds: seconds))]
      }
      context["csi.storage.k8s.io/serviceAccount.tokens"] = all.text
    }
    let secrets: [String: String] = try await secrets(request.publishSecret)
    return .with {
      $0.volumeID = request.handle
      $0.publishContext = request.publishContext
      $0.stagingTargetPath = staging
      $0.targetPath = target
      $0.volumeCapability = request.capability
      $0.readonly = request.isReadOnly
      $0.secrets = secrets
      $0.volumeContext = context
    }
  }

  private func stage(_ request: Request, _ folder: String, _ endpoint: CSIDrivers.Registered) async throws {
    let path: String = folder + "/globalmount"
    // The call is idempotent: a volume that is staged already stays as it is.
    try Files.makeDirectories(path, mode: 0o750)
    let data: JSONValue = ["driverName": .string(request.driver), "volumeHandle": .string(request.handle)]
    try Files.replace(folder + "/vol_data.json", data.bytes)
    let secrets: [String: String] = try await secrets(request.stageSecret)
    let call: CSINodeStageVolumeRequest = .with {
      $0.volumeID = request.handle
      $0.publishContext = request.publishContext
      $0.stagingTargetPath = path
      $0.volumeCapability = request.capability
      $0.secrets = secrets
      $0.volumeContext = request.context
    }
    try await self.call(endpoint, "NodeStageVolume") { node, options in
      _ = try await node.nodeStageVolume(call, options: options)
    }
  }

  private func secrets(_ reference: SecretReference?) async throws -> [String: String] {
    guard let reference else { return [:] }
    let secret: Secret = try await objects.secret(namespace: reference.namespace, name: reference.name)
    return secret.data.mapValues { String(decoding: $0, as: UTF8.self) }
  }

  // MARK: Taking down

  /// Unpublishes every CSI volume of a pod, and unstages those that no other pod uses.
  func tearDown(_ uid: PodUID) async throws {
    let folder: String = paths.volumes(uid) + "/kubernetes.io~csi"
    guard let names: [String] = try? Files.list(folder) else { return }
    for name: String in names {
      let directory: String = "\(folder)/\(name)"
      guard let bytes: [UInt8] = try? Files.read(directory + "/vol_data.json"),
        let data: JSONValue = try? JSONValue(parsing: bytes), let driver: String = data["driverName"].string,
        let handle: String = data["volumeHandle"].string
      else {
        try Files.removeTree(directory)
        continue
      }
      guard let endpoint: CSIDrivers.Registered = drivers.registered(driver) else {
        throw KubeletError(
          .mount, "kubernetes.io/csi: driver name \(driver) not found in the list of registered CSI drivers")
      }
      let target: String = directory + "/mount"
      try await call(endpoint, "NodeUnpublishVolume") { node, options in
        _ = try await node.nodeUnpublishVolume(
          .with {
            $0.volumeID = handle
            $0.targetPath = target
          }, options: options)
      }
      // A driver that left its mount would keep the directory busy.
      try Mounts.unmount(target)
      try Files.removeTree(directory)
      if let staging: String = data["staging"].string, !staging.isEmpty, !isUsed(handle, driver) {
        try await unstage(endpoint, handle, staging)
      }
    }
  }

  private func unstage(_ endpoint: CSIDrivers.Registered, _ handle: String, _ staging: String) async throws {
    try await call(endpoint, "NodeUnstageVolume") { node, options in
      _ = try await node.nodeUnstageVolume(
        .with {
          $0.volumeID = handle
          $0.stagingTargetPath = staging
        }, options: options)
    }
    try Mounts.unmount(staging)
    if let folder: String = Files.parent(of: staging) { try Files.removeTree(folder) }
  }

  /// Whether any pod of the node still has the volume.
  private func isUsed(_ handle: String, _ driver: String) -> Bool {
    for pod: String in (try? Files.list(paths.pods)) ?? [] {
      let folder: String = paths.volumes(PodUID(pod)) + "/kubernetes.io~csi"
      for name: String in (try? Files.list(folder)) ?? [] {
        guard let bytes: [UInt8] = try? Files.read("\(folder)/\(name)/vol_data.json"),
          let data: JSONValue = try? JSONValue(parsing: bytes)
        else { continue }
        if data["volumeHandle"].string == handle, data["driverName"].string == driver { return true }
      }
    }
    return false
  }

  /// Calls a driver and gives its errors upstream's wording.
  private func call(
    _ driver: CSIDrivers.Registered, _ method: String,
    _ body: @Sendable @escaping (CSINode.Client<UnixGRPCClient.Transport>, CallOptions) async throws -> Void
  ) async throws {
    do {
      try await withUnixGRPCClient(driver.endpoint) { connection in
        var options: CallOptions = .defaults
        options.timeout = Self.callTimeout
        options.waitForReady = false
        try await body(CSINode.Client(wrapping: connection.client), options)
      }
    } catch let error as RPCError {
      throw KubeletError(.mount, "rpc error: code = \(error.code.goName) desc = \(error.message)")
    }
  }

  static func hash(_ text: String) -> String {
    SHA256.hash(data: Array(text.utf8)).map { byte in
      let digits: String = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }
}
