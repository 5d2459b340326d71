// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Binds claims to volumes, makes volumes for claims by their storage class's driver, and reclaims volumes.
final class PersistentVolumeController: Controller {
  static let name: String = "persistentvolume-binder-controller"
  static let account: String = "persistent-volume-binder"

  let context: ControllerContext
  let claims: Informer<PersistentVolumeClaim>
  let volumes: Informer<PersistentVolume>
  let classes: Informer<StorageStorageClass>
  let nodes: Informer<Node>
  let csiNodes: Informer<StorageCSINode>
  let recorder: EventRecorder
  let drivers: StorageDrivers
  let claimQueue: WorkQueue<ObjectKey> = WorkQueue(firstPause: .milliseconds(50), lastPause: .seconds(60))
  let volumeQueue: WorkQueue<String> = WorkQueue(firstPause: .milliseconds(50), lastPause: .seconds(60))

  var client: KubeClient { context.client }

  init(_ context: ControllerContext) {
    self.context = context
    claims = context.informers.informer(PersistentVolumeClaim.self)
    volumes = context.informers.informer(PersistentVolume.self)
    classes = context.informers.informer(StorageStorageClass.self)
    nodes = context.informers.informer(Node.self)
    csiNodes = context.informers.informer(StorageCSINode.self)
    recorder = EventRecorder(client: context.client, component: "persistentvolume-controller")
    drivers = StorageDrivers(context.configuration)
    claims.addHandler { [claimQueue, volumeQueue] event in
      claimQueue.add(event.object.key)
      if !event.object.spec.volumeName.isEmpty { volumeQueue.add(event.object.spec.volumeName) }
      // One that goes before it is bound may leave the volume that was made for it.
      if case .deleted(let claim) = event { volumeQueue.add(Self.volumeName(claim)) }
    }
    volumes.addHandler { [self] event in
      volumeQueue.add(event.object.metadata.name)
      let reference: ObjectReference = event.object.spec.claimRef
      if event.object.spec.hasClaimRef {
        claimQueue.add(ObjectKey(namespace: reference.namespace, name: reference.name))
      } else {
        // A free volume may be what a claim waits for.
        for claim: PersistentVolumeClaim in claims.list()
        where claim.spec.volumeName.isEmpty && claim.spec.storageClassName == event.object.spec.storageClassName {
          claimQueue.add(claim.key)
        }
      }
    }
    classes.addHandler { [self] _ in
      for claim: PersistentVolumeClaim in claims.list() where claim.spec.volumeName.isEmpty {
        claimQueue.add(claim.key)
      }
    }
  }

  func run() async throws {
    try await context.together([
      { [self] in try await recorder.run() },
      { [self] in
        try await context.run(claimQueue, name: "persistentvolumeclaim-binder") { [self] key in
          try await reconcile(claim: key)
        }
      },
      { [self] in
        try await context.run(volumeQueue, name: Self.name) { [self] name in try await reconcile(volume: name) }
      },
    ])
  }

  // MARK: Claims

  private func reconcile(claim key: ObjectKey) async throws {
    guard let claim: PersistentVolumeClaim = claims.get(key) else { return }
    guard !claim.metadata.isBeingDeleted else { return try await finish(claim) }
    if claim.metadata.annotations[VolumeMatching.bindCompleted] != nil { return try await reconcile(bound: claim) }
    if !claim.spec.volumeName.isEmpty {
      guard let volume: PersistentVolume = volumes.get(name: claim.spec.volumeName) else {
        return try await setPhase(claim, "Pending")
      }
      guard !volume.spec.hasClaimRef || VolumeMatching.isReserved(volume, for: claim) else {
        return try await setPhase(claim, "Pending")
      }
      return try await bind(claim, to: volume)
    }
    if try await adoptDefaultClass(claim) { return }
    if let volume: PersistentVolume = VolumeMatching.find(for: claim, in: volumes.list()),
      !waitsForConsumer(claim) || VolumeMatching.isReserved(volume, for: claim)
    {
      return try await bind(claim, to: volume)
    }
    try await provisionOrWait(claim)
  }

  private func waitsForConsumer(_ claim: PersistentVolumeClaim) -> Bool {
    classes.get(name: claim.spec.storageClassName)?.volumeBindingMode == "WaitForFirstConsumer"
      && claim.metadata.annotations[VolumeMatching.selectedNode] == nil
  }

  /// A claim without a class gets the default one as soon as there is one.
  private func adoptDefaultClass(_ claim: PersistentVolumeClaim) async throws -> Bool {
    guard !claim.spec.hasStorageClassName else { return false }
    let defaults: [StorageStorageClass] = classes.list().filter {
      $0.metadata.annotations["storageclass.kubernetes.io/is-default-class"] == "true"
    }
    guard
      let newest: StorageStorageClass = defaults.max(by: { left, right in
        (left.metadata.creationTimestamp.seconds, right.metadata.name) < (
          right.metadata.creationTimestamp.seconds, left.metadata.name
        )
      })
    else { return false }
    var changed: PersistentVolumeClaim = claim
    changed.spec.storageClassName = newest.metadata.name
    claims.remember(try await client.update(changed))
    return true
  }

  private func provisionOrWait(_ claim: PersistentVolumeClaim) async throws {
    try await setPhase(claim, "Pending")
    let className: String = claim.spec.storageClassName
    guard !className.isEmpty else {
      recorder.record(
        claim, .normal, reason: "FailedBinding",
        message: "no persistent volumes available for this claim and no storage class is set")
      return
    }
    guard let storageClass: StorageStorageClass = classes.get(name: className) else {
      recorder.record(
        claim, .warning, reason: "ProvisioningFailed", message: "storageclass.storage.k8s.io \"\(className)\" not found"
      )
      return
    }
    if waitsForConsumer(claim) {
      recorder.record(
        claim, .normal, reason: "WaitForFirstConsumer",
        message: "waiting for first consumer to be created before binding")
      return
    }
    guard storageClass.provisioner != "kubernetes.io/no-provisioner" else { return }
    let isOurs: Bool = await drivers.socket(of: storageClass.provisioner) != nil
    let isMarked: Bool = !isOurs || claim.metadata.finalizers.contains(Self.provisioningFinalizer)
    guard isMarked, claim.metadata.annotations[VolumeMatching.storageProvisioner] == storageClass.provisioner else {
      var changed: PersistentVolumeClaim = claim
      changed.metadata.annotations[VolumeMatching.storageProvisioner] = storageClass.provisioner
      changed.metadata.annotations["volume.beta.kubernetes.io/storage-provisioner"] = storageClass.provisioner
      if !isMarked { changed.metadata.finalizers.append(Self.provisioningFinalizer) }
      // The change comes back as an event, and with it this claim.
      claims.remember(try await client.update(changed))
      claimQueue.add(claim.key)
      return
    }
    guard isOurs else {
      recorder.record(
        claim, .normal, reason: "ExternalProvisioning",
        message:
          "Waiting for a volume to be created either by the external provisioner '\(storageClass.provisioner)' or "
          + "manually by the system administrator. If volume creation is delayed, please verify that the provisioner is "
          + "running and correctly registered.")
      // The driver's socket may come at any time.
      return claimQueue.add(claim.key, after: .seconds(1))
    }
    try await provision(claim, storageClass)
  }

  private func setPhase(_ claim: PersistentVolumeClaim, _ phase: String) async throws {
    guard claim.status.phase != phase else { return }
    var changed: PersistentVolumeClaim = claim
    changed.status.phase = phase
    claims.remember(try await client.updateStatus(changed))
  }

  // MARK: Binding

  /// Binds in four steps, each of which may be the first after a restart: volume, its phase, claim, its status.
  func bind(_ claim: PersistentVolumeClaim, to volume: PersistentVolume) async throws {
    var volume: PersistentVolume = volume
    if volume.spec.claimRef.uid != claim.metadata.uid {
      if !volume.spec.hasClaimRef { volume.metadata.annotations[VolumeMatching.boundByController] = "yes" }
      volume.spec.claimRef = claim.reference()
      volume = try await client.update(volume)
      volumes.remember(volume)
    }
    if volume.status.phase != "Bound" {
      volume.status.phase = "Bound"
      volume.status.lastPhaseTransitionTime = .now
      volume = try await client.updateStatus(volume)
      volumes.remember(volume)
    }
    var claim: PersistentVolumeClaim = claim
    if claim.spec.volumeName != volume.metadata.name || claim.metadata.annotations[VolumeMatching.bindCompleted] == nil
      || claim.metadata.finalizers.contains(Self.provisioningFinalizer)
    {
      if claim.spec.volumeName.isEmpty { claim.metadata.annotations[VolumeMatching.boundByController] = "yes" }
      claim.spec.volumeName = volume.metadata.name
      claim.metadata.annotations[VolumeMatching.bindCompleted] = "yes"
      claim.metadata.finalizers.removeAll { $0 == Self.provisioningFinalizer }
      claim = try await client.update(claim)
      claims.remember(claim)
    }
    try await updateBoundStatus(claim, volume)
  }

  private func updateBoundStatus(_ claim: PersistentVolumeClaim, _ volume: PersistentVolume) async throws {
    var changed: PersistentVolumeClaim = claim
    changed.status.phase = "Bound"
    changed.status.accessModes = volume.spec.accessModes
    // After an expansion the node says when the larger size is there.
    if changed.status.capacity["storage"] == nil { changed.status.capacity = volume.spec.capacity }
    guard changed.status != claim.status else { return }
    claims.remember(try await client.updateStatus(changed))
  }

  private func reconcile(bound claim: PersistentVolumeClaim) async throws {
    guard let volume: PersistentVolume = volumes.get(name: claim.spec.volumeName) else {
      guard claim.status.phase != "Lost" else { return }
      // The cache may only be behind.
      do throws(KubeClientError) {
        _ = try await client.get(PersistentVolume.self, name: claim.spec.volumeName)
        return claimQueue.add(claim.key, after: .milliseconds(100))
      } catch {
        guard error.isNotFound else { throw error }
      }
      recorder.record(
        claim, .warning, reason: "ClaimLost",
        message: "Bound claim has lost its PersistentVolume. Data on the volume is lost!")
      return try await setPhase(claim, "Lost")
    }
    guard VolumeMatching.isReserved(volume, for: claim) || !volume.spec.hasClaimRef else {
      recorder.record(
        claim, .warning, reason: "ClaimMisbound",
        message: "Two claims are bound to the same volume, this one is bound incorrectly")
      return try await setPhase(claim, "Lost")
    }
    try await bind(claim, to: volume)
    try await expand(claim, volume)
  }
}
