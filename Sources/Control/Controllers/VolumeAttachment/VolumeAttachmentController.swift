// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CSI
import Crypto
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Attaches volumes to the nodes of the pods that use them, and detaches them when no pod does.
///
/// It makes the VolumeAttachments and, for drivers with a socket on this machine, does what they ask for. Drivers whose
/// CSIDriver says that nothing is to be attached are left alone.
final class VolumeAttachmentController: Controller {
  static let name: String = "persistentvolume-attach-detach-controller"
  static let account: String = "attachdetach-controller"

  private let context: ControllerContext
  private let pods: Informer<Pod>
  private let claims: Informer<PersistentVolumeClaim>
  private let volumes: Informer<PersistentVolume>
  private let nodes: Informer<Node>
  private let csiNodes: Informer<StorageCSINode>
  private let csiDrivers: Informer<StorageCSIDriver>
  private let attachments: Informer<StorageVolumeAttachment>
  private let drivers: StorageDrivers
  private let recorder: EventRecorder
  private let nodeQueue: WorkQueue<String> = WorkQueue()
  private let attachmentQueue: WorkQueue<String> = WorkQueue(firstPause: .milliseconds(50), lastPause: .seconds(60))

  private var client: KubeClient { context.client }

  init(_ context: ControllerContext) {
    self.context = context
    pods = context.informers.informer(Pod.self)
    claims = context.informers.informer(PersistentVolumeClaim.self)
    volumes = context.informers.informer(PersistentVolume.self)
    nodes = context.informers.informer(Node.self)
    csiNodes = context.informers.informer(StorageCSINode.self)
    csiDrivers = context.informers.informer(StorageCSIDriver.self)
    attachments = context.informers.informer(StorageVolumeAttachment.self)
    drivers = StorageDrivers(context.configuration)
    recorder = EventRecorder(client: context.client, component: "attachdetach-controller")
    pods.addIndex("node") { [$0.spec.nodeName] }
    pods.addHandler { [nodeQueue] event in
      let pod: Pod = event.object
      guard !pod.spec.nodeName.isEmpty,
        pod.spec.volumes.contains(where: { $0.volumeSource.hasPersistentVolumeClaim || $0.volumeSource.hasEphemeral })
      else { return }
      nodeQueue.add(pod.spec.nodeName)
    }
    claims.addHandler { [nodeQueue, pods] event in
      for pod: Pod in pods.list(namespace: event.object.metadata.namespace)
      where !pod.spec.nodeName.isEmpty && !pod.spec.volumes.isEmpty {
        nodeQueue.add(pod.spec.nodeName)
      }
    }
    csiNodes.addHandler { [nodeQueue] event in nodeQueue.add(event.object.metadata.name) }
    nodes.addHandler { [nodeQueue] event in
      if case .updated(let old, let new) = event, old.status.volumesInUse == new.status.volumesInUse,
        old.status.volumesAttached == new.status.volumesAttached
      {
        return
      }
      nodeQueue.add(event.object.metadata.name)
    }
    attachments.addHandler { [nodeQueue, attachmentQueue] event in
      nodeQueue.add(event.object.spec.nodeName)
      attachmentQueue.add(event.object.metadata.name)
    }
  }

  func run() async throws {
    try await context.together([
      { [self] in try await recorder.run() },
      { [self] in try await context.run(nodeQueue, name: Self.name) { [self] name in try await reconcile(node: name) }
      },
      { [self] in
        try await context.run(attachmentQueue, name: "csi-attacher") { [self] name in
          try await reconcile(attachment: name)
        }
      },
    ])
  }

  /// The name of the attachment of a volume to a node, which the kubelet works out likewise.
  static func attachmentName(volumeHandle: String, driver: String, node: String) -> String {
    let digits: [Character] = Array("0123456789abcdef")
    let digest: SHA256.Digest = SHA256.hash(data: Array("\(volumeHandle)\(driver)\(node)".utf8))
    return "csi-" + String(digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }

  /// Whether an attachment is one of this controller's; others may make some, too, under any other name.
  static func isOwn(_ name: String) -> Bool { name.hasPrefix("csi-") && name.utf8.count == 4 + 64 }

  private func mustAttach(_ driver: String) -> Bool {
    guard let found: StorageCSIDriver = csiDrivers.get(name: driver) else { return true }
    return found.spec.hasAttachRequired ? found.spec.attachRequired : true
  }

  // MARK: What should be attached

  private func reconcile(node name: String) async throws {
    guard let node: Node = nodes.get(name: name) else { return }
    var wanted: [String: PersistentVolume] = [:]
    for pod: Pod in pods.indexed("node", name) where !pod.isTerminal {
      for volume: PersistentVolume in self.volumes(of: pod) {
        let source: CSIPersistentVolumeSource = volume.spec.persistentVolumeSource.csi
        guard mustAttach(source.driver) else { continue }
        wanted[Self.attachmentName(volumeHandle: source.volumeHandle, driver: source.driver, node: name)] = volume
      }
    }
    let present: [StorageVolumeAttachment] = attachments.list().filter {
      $0.spec.nodeName == name && Self.isOwn($0.metadata.name)
    }
    for (attachment, volume) in wanted where !present.contains(where: { $0.metadata.name == attachment }) {
      guard
        csiNodes.get(name: name)?.spec.drivers.contains(where: {
          $0.name == volume.spec.persistentVolumeSource.csi.driver
        }) ?? false
      else { continue }
      try await create(attachment, volume, name)
    }
    for attachment: StorageVolumeAttachment in present
    where wanted[attachment.metadata.name] == nil && !attachment.metadata.isBeingDeleted {
      guard !isInUse(attachment, node) else { continue }
      do throws(KubeClientError) {
        try await client.delete(StorageVolumeAttachment.self, name: attachment.metadata.name)
      } catch {
        guard error.isNotFound else { throw error }
      }
    }
    try await updateAttached(node, present)
  }

  private func volumes(of pod: Pod) -> [PersistentVolume] {
    pod.spec.volumes.compactMap { volume in
      let source: VolumeSource = volume.volumeSource
      let name: String? =
        source.hasPersistentVolumeClaim
        ? source.persistentVolumeClaim.claimName : source.hasEphemeral ? "\(pod.metadata.name)-\(volume.name)" : nil
      guard let name, let claim: PersistentVolumeClaim = claims.get(namespace: pod.metadata.namespace, name: name),
        let bound: PersistentVolume = volumes.get(name: claim.spec.volumeName), bound.spec.persistentVolumeSource.hasCsi
      else { return nil }
      return bound
    }
  }

  /// The name by which a node's status calls an attached volume.
  private func uniqueName(_ attachment: StorageVolumeAttachment) -> String? {
    guard let volume: PersistentVolume = volumes.get(name: attachment.spec.source.persistentVolumeName) else {
      return nil
    }
    return "kubernetes.io/csi/\(attachment.spec.attacher)^\(volume.spec.persistentVolumeSource.csi.volumeHandle)"
  }

  private func isInUse(_ attachment: StorageVolumeAttachment, _ node: Node) -> Bool {
    uniqueName(attachment).map { node.status.volumesInUse.contains($0) } ?? false
  }

  private func create(_ name: String, _ volume: PersistentVolume, _ node: String) async throws {
    var attachment: StorageVolumeAttachment = StorageVolumeAttachment()
    attachment.metadata.name = name
    attachment.spec.attacher = volume.spec.persistentVolumeSource.csi.driver
    attachment.spec.nodeName = node
    attachment.spec.source.persistentVolumeName = volume.metadata.name
    do throws(KubeClientError) {
      try await client.create(attachment)
    } catch {
      guard error.isAlreadyExists else { throw error }
    }
  }

  private func updateAttached(_ node: Node, _ present: [StorageVolumeAttachment]) async throws {
    var attached: [AttachedVolume] = present.filter { $0.status.attached && !$0.metadata.isBeingDeleted }.compactMap {
      attachment in
      guard let name: String = uniqueName(attachment) else { return nil }
      var result: AttachedVolume = AttachedVolume()
      result.name = name
      result.devicePath = ""
      return result
    }
    attached.sort { $0.name < $1.name }
    guard attached.map(\.name) != node.status.volumesAttached.map(\.name).sorted() else { return }
    var changed: Node = node
    changed.status.volumesAttached = attached
    nodes.remember(try await client.updateStatus(changed))
  }

  // MARK: Attaching

  private func reconcile(attachment name: String) async throws {
    guard let attachment: StorageVolumeAttachment = attachments.get(name: name) else { return }
    let driver: String = attachment.spec.attacher
    // Somebody else does it for drivers that are not here.
    guard await drivers.socket(of: driver) != nil else { return }
    let finalizer: String = "external-attacher/\(driver.replacing(".", with: "-"))"
    let needsCall: Bool = try await drivers.can(driver, .publishUnpublishVolume)
    if attachment.metadata.isBeingDeleted {
      guard attachment.metadata.finalizers.contains(finalizer) else { return }
      if needsCall { try await detach(attachment) }
      var changed: StorageVolumeAttachment = attachment
      changed.metadata.finalizers.removeAll { $0 == finalizer }
      try await client.update(changed)
      return
    }
    guard !attachment.status.attached else { return }
    var changed: StorageVolumeAttachment = attachment
    if !changed.metadata.finalizers.contains(finalizer) {
      changed.metadata.finalizers.append(finalizer)
      changed = try await client.update(changed)
    }
    do {
      if needsCall { changed.status.attachmentMetadata = try await attach(attachment) }
      changed.status.attached = true
      changed.status.clearAttachError()
      attachments.remember(try await client.updateStatus(changed))
    } catch let error as StorageDriverError {
      changed.status.attachError.message = error.message
      changed.status.attachError.time = .now
      try await client.updateStatus(changed)
      throw error
    }
  }

  private func target(_ attachment: StorageVolumeAttachment) throws -> (volume: PersistentVolume, nodeID: String) {
    guard let volume: PersistentVolume = volumes.get(name: attachment.spec.source.persistentVolumeName),
      let driver: StorageCSINodeDriver = csiNodes.get(name: attachment.spec.nodeName)?.spec.drivers.first(where: {
        $0.name == attachment.spec.attacher
      })
    else {
      throw StorageDriverError(
        message: "the volume or the node of the attachment \(attachment.metadata.name) is not known yet", isInDoubt: false)
    }
    return (volume, driver.nodeID)
  }

  private func attach(_ attachment: StorageVolumeAttachment) async throws -> [String: String] {
    let target: (volume: PersistentVolume, nodeID: String) = try target(attachment)
    let source: CSIPersistentVolumeSource = target.volume.spec.persistentVolumeSource.csi
    var request: CSIControllerPublishVolumeRequest = CSIControllerPublishVolumeRequest()
    request.volumeID = source.volumeHandle
    request.nodeID = target.nodeID
    request.readonly = source.readOnly
    request.volumeContext = source.volumeAttributes
    var claim: PersistentVolumeClaim = PersistentVolumeClaim()
    claim.spec.accessModes = target.volume.spec.accessModes
    claim.spec.volumeMode = target.volume.spec.volumeMode
    request.volumeCapability =
      PersistentVolumeController.capabilities(
        claim, fsType: source.fsType, mountFlags: target.volume.spec.mountOptions)[0]
    let given: CSIControllerPublishVolumeRequest = request
    return try await drivers.call(attachment.spec.attacher, "ControllerPublishVolume") { controller, options in
      try await controller.controllerPublishVolume(given, options: options)
    }.publishContext
  }

  private func detach(_ attachment: StorageVolumeAttachment) async throws {
    let target: (volume: PersistentVolume, nodeID: String) = try target(attachment)
    var request: CSIControllerUnpublishVolumeRequest = CSIControllerUnpublishVolumeRequest()
    request.volumeID = target.volume.spec.persistentVolumeSource.csi.volumeHandle
    request.nodeID = target.nodeID
    let given: CSIControllerUnpublishVolumeRequest = request
    _ = try await drivers.call(attachment.spec.attacher, "ControllerUnpublishVolume") { controller, options in
      try await controller.controllerUnpublishVolume(given, options: options)
    }
  }
}
