// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta

/// Makes the claims of pods' ephemeral volumes.
final class EphemeralVolumeController: Controller {
  static let name: String = "ephemeral-volume-controller"

  private let context: ControllerContext
  private let pods: Informer<Pod>
  private let claims: Informer<PersistentVolumeClaim>
  private let recorder: EventRecorder
  private let queue: WorkQueue<ObjectKey> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    pods = context.informers.informer(Pod.self)
    claims = context.informers.informer(PersistentVolumeClaim.self)
    recorder = EventRecorder(client: context.client, component: "ephemeral_volume")
    pods.addHandler { [queue] event in
      if case .added(let pod) = event, pod.spec.volumes.contains(where: \.volumeSource.hasEphemeral) {
        queue.add(pod.key)
      }
    }
  }

  func run() async throws {
    try await context.together([
      { [self] in try await recorder.run() },
      { [self] in try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) } },
    ])
  }

  private func reconcile(_ key: ObjectKey) async throws {
    guard let pod: Pod = pods.get(key), !pod.metadata.isBeingDeleted else { return }
    for volume: Volume in pod.spec.volumes where volume.volumeSource.hasEphemeral {
      let name: String = "\(pod.metadata.name)-\(volume.name)"
      guard claims.get(namespace: key.namespace, name: name) == nil else { continue }
      let template: PersistentVolumeClaimTemplate = volume.volumeSource.ephemeral.volumeClaimTemplate
      var claim: PersistentVolumeClaim = PersistentVolumeClaim()
      claim.metadata.namespace = key.namespace
      claim.metadata.name = name
      claim.metadata.labels = template.metadata.labels
      claim.metadata.annotations = template.metadata.annotations
      claim.metadata.ownerReferences = [MetaOwnerReference(controller: pod)]
      claim.spec = template.spec
      do throws(KubeClientError) {
        try await context.client.create(claim)
      } catch {
        guard !error.isAlreadyExists else { continue }
        recorder.record(
          pod, .warning, reason: "FailedBinding", message: "ephemeral volume \(volume.name): \(error.message)")
        throw error
      }
    }
  }
}
