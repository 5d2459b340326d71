// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeGroups
import KubeMeta
import KubeValues

/// Deletes Jobs some time after their end, where they say so.
final class TTLAfterFinishedController: Controller {
  static let name: String = "ttl-after-finished-controller"

  private let context: ControllerContext
  private let jobs: Informer<Job>
  private let queue: WorkQueue<ObjectKey> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    jobs = context.informers.informer(Job.self)
    jobs.addHandler { [queue] event in
      if event.object.spec.hasTtlSecondsAfterFinished, event.object.isFinished { queue.add(event.object.key) }
    }
  }

  func run() async throws {
    try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) }
  }

  private func reconcile(_ key: ObjectKey) async throws {
    guard let job: Job = jobs.get(key), !job.metadata.isBeingDeleted, job.spec.hasTtlSecondsAfterFinished,
      let end: JobCondition = job.condition("Complete") ?? job.condition("Failed")
    else { return }
    let due: Timestamp = Timestamp(end.lastTransitionTime) + .seconds(Int64(job.spec.ttlSecondsAfterFinished))
    let remaining: Duration = due - .now
    guard remaining <= .zero else { return queue.add(key, after: remaining) }
    do throws(KubeClientError) {
      try await context.client.delete(
        Job.self, namespace: key.namespace, name: key.name,
        options: DeleteOptions(propagation: .foreground, uid: job.metadata.uid))
    } catch {
      guard error.isNotFound || error.isConflict else { throw error }
    }
  }
}
