// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta

/// Keeps claims while pods use them, and volumes while they are bound: each has a finalizer that goes when nobody does.
final class VolumeProtectionController: Controller {
  static let name: String = "persistentvolumeclaim-protection-controller"
  static let account: String = "pvc-protection-controller"
  private static let claimFinalizer: String = "kubernetes.io/pvc-protection"

  private let context: ControllerContext
  private let pods: Informer<Pod>
  private let claims: Informer<PersistentVolumeClaim>
  private let queue: WorkQueue<ObjectKey> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    pods = context.informers.informer(Pod.self)
    claims = context.informers.informer(PersistentVolumeClaim.self)
    claims.addHandler { [queue] event in queue.add(event.object.key) }
    pods.addHandler { [queue] event in
      let pod: Pod = event.object
      if case .updated(let old, let new) = event, old.isTerminal == new.isTerminal,
        old.spec.nodeName == new.spec.nodeName
      {
        return
      }
      for name: String in Self.claimNames(pod) { queue.add(ObjectKey(namespace: pod.metadata.namespace, name: name)) }
    }
  }

  static func claimNames(_ pod: Pod) -> [String] {
    pod.spec.volumes.compactMap { volume in
      let source: VolumeSource = volume.volumeSource
      if source.hasPersistentVolumeClaim { return source.persistentVolumeClaim.claimName }
      return source.hasEphemeral ? "\(pod.metadata.name)-\(volume.name)" : nil
    }
  }

  func run() async throws {
    try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) }
  }

  private func reconcile(_ key: ObjectKey) async throws {
    guard let claim: PersistentVolumeClaim = claims.get(key) else { return }
    let isProtected: Bool = claim.metadata.finalizers.contains(Self.claimFinalizer)
    var changed: PersistentVolumeClaim = claim
    if !claim.metadata.isBeingDeleted {
      guard !isProtected else { return }
      changed.metadata.finalizers.append(Self.claimFinalizer)
    } else {
      guard isProtected, !isUsed(key) else { return }
      changed.metadata.finalizers.removeAll { $0 == Self.claimFinalizer }
    }
    do throws(KubeClientError) {
      claims.remember(try await context.client.update(changed))
    } catch {
      guard error.isNotFound else { throw error }
    }
  }

  private func isUsed(_ key: ObjectKey) -> Bool {
    pods.list(namespace: key.namespace).contains { pod in
      !pod.spec.nodeName.isEmpty && !pod.isTerminal && Self.claimNames(pod).contains(key.name)
    }
  }
}

/// Keeps volumes while they are bound.
final class VolumeInUseController: Controller {
  static let name: String = "persistentvolume-protection-controller"
  static let account: String = "pv-protection-controller"
  private static let finalizer: String = "kubernetes.io/pv-protection"

  private let context: ControllerContext
  private let volumes: Informer<PersistentVolume>
  private let queue: WorkQueue<String> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    volumes = context.informers.informer(PersistentVolume.self)
    volumes.addHandler { [queue] event in queue.add(event.object.metadata.name) }
  }

  func run() async throws {
    try await context.run(queue, name: Self.name) { [self] name in try await reconcile(name) }
  }

  private func reconcile(_ name: String) async throws {
    guard let volume: PersistentVolume = volumes.get(name: name) else { return }
    let isProtected: Bool = volume.metadata.finalizers.contains(Self.finalizer)
    var changed: PersistentVolume = volume
    if !volume.metadata.isBeingDeleted {
      guard !isProtected else { return }
      changed.metadata.finalizers.append(Self.finalizer)
    } else {
      guard isProtected, volume.status.phase != "Bound" else { return }
      changed.metadata.finalizers.removeAll { $0 == Self.finalizer }
    }
    do throws(KubeClientError) {
      volumes.remember(try await context.client.update(changed))
    } catch {
      guard error.isNotFound else { throw error }
    }
  }
}
