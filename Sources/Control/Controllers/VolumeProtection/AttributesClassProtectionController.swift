// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta

/// Keeps VolumeAttributesClasses while a claim or a volume names them.
final class AttributesClassProtectionController: Controller {
  static let name: String = "volumeattributesclass-protection-controller"
  private static let finalizer: String = "kubernetes.io/vac-protection"
  private static let index: String = "attributesClasses"

  private let context: ControllerContext
  private let classes: Informer<StorageVolumeAttributesClass>
  private let claims: Informer<PersistentVolumeClaim>
  private let volumes: Informer<PersistentVolume>
  private let queue: WorkQueue<String> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    classes = context.informers.informer(StorageVolumeAttributesClass.self)
    claims = context.informers.informer(PersistentVolumeClaim.self)
    volumes = context.informers.informer(PersistentVolume.self)
    claims.addIndex(Self.index, Self.names)
    volumes.addIndex(Self.index, Self.names)
    classes.addHandler { [queue] event in queue.add(event.object.metadata.name) }
    claims.addHandler { [queue] event in
      switch event {
      case .updated(let old, _), .deleted(let old): for name: String in Self.names(old) { queue.add(name) }
      default: break
      }
    }
    volumes.addHandler { [queue] event in
      switch event {
      case .updated(let old, _), .deleted(let old): for name: String in Self.names(old) { queue.add(name) }
      default: break
      }
    }
  }

  private static func names(_ claim: PersistentVolumeClaim) -> [String] {
    let status: PersistentVolumeClaimStatus = claim.status
    let all: Set<String> = [
      claim.spec.volumeAttributesClassName, status.currentVolumeAttributesClassName,
      status.modifyVolumeStatus.targetVolumeAttributesClassName,
    ]
    return all.filter { !$0.isEmpty }
  }

  private static func names(_ volume: PersistentVolume) -> [String] {
    let name: String = volume.spec.volumeAttributesClassName
    return name.isEmpty ? [] : [name]
  }

  func run() async throws {
    try await context.run(queue, name: Self.name) { [self] name in try await reconcile(name) }
  }

  private func reconcile(_ name: String) async throws {
    guard var changed: StorageVolumeAttributesClass = classes.get(name: name) else { return }
    let isProtected: Bool = changed.metadata.finalizers.contains(Self.finalizer)
    if !changed.metadata.isBeingDeleted {
      guard !isProtected else { return }
      changed.metadata.finalizers.append(Self.finalizer)
    } else {
      guard isProtected, claims.indexed(Self.index, name).isEmpty, volumes.indexed(Self.index, name).isEmpty else { return }
      changed.metadata.finalizers.removeAll { $0 == Self.finalizer }
    }
    do throws(KubeClientError) {
      classes.remember(try await context.client.update(changed))
    } catch {
      guard error.isNotFound else { throw error }
    }
  }
}
