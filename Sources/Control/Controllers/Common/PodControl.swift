// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta
import KubeValues

/// Creates and deletes pods for controllers, and records the events that `kubectl describe` shows.
struct PodControl: Sendable {
  /// One batch of creations is at most this large, upstream's BurstReplicas.
  static let burst: Int = 500

  let client: KubeClient
  let recorder: EventRecorder

  /// The pod that a template describes, for an owner.
  static func pod<Owner: KubeObject>(from template: PodTemplateSpec, for owner: Owner) -> Pod {
    var pod: Pod = Pod()
    pod.metadata.namespace = owner.metadata.namespace
    pod.metadata.generateName = owner.metadata.name + "-"
    pod.metadata.labels = template.metadata.labels
    pod.metadata.annotations = template.metadata.annotations
    pod.metadata.finalizers = template.metadata.finalizers
    pod.metadata.ownerReferences = [MetaOwnerReference(controller: owner)]
    pod.spec = template.spec
    return pod
  }

  @discardableResult
  func create<Owner: KubeObject>(_ pod: Pod, for owner: Owner) async throws(KubeClientError) -> Pod {
    do throws(KubeClientError) {
      let made: Pod = try await client.create(pod)
      recorder.record(owner, .normal, reason: "SuccessfulCreate", message: "Created pod: \(made.metadata.name)")
      return made
    } catch {
      if !error.isNamespaceTerminating {
        recorder.record(owner, .warning, reason: "FailedCreate", message: "Error creating: \(error.message)")
      }
      throw error
    }
  }

  func delete<Owner: KubeObject>(_ pod: Pod, for owner: Owner) async throws(KubeClientError) {
    do throws(KubeClientError) {
      try await client.delete(
        Pod.self, namespace: pod.metadata.namespace, name: pod.metadata.name,
        options: DeleteOptions(uid: pod.metadata.uid))
      recorder.record(owner, .normal, reason: "SuccessfulDelete", message: "Deleted pod: \(pod.metadata.name)")
    } catch {
      guard !error.isNotFound else { return }
      recorder.record(owner, .warning, reason: "FailedDelete", message: "Error deleting: \(error.message)")
      throw error
    }
  }

  /// Does something several times, in batches of 1, 2, 4... that end with the first failure.
  ///
  /// Much that fails fails for all alike (a quota, a bad image policy): this way few requests find that out.
  /// - Returns: how often it succeeded, and the first error.
  static func slowStart(
    _ count: Int, _ work: @escaping @Sendable (Int) async throws(KubeClientError) -> Void
  ) async -> (successes: Int, error: KubeClientError?) {
    var done: Int = 0
    var successes: Int = 0
    var size: Int = 1
    while done < count {
      let first: Int = done
      let batch: Int = min(size, count - done)
      let errors: [KubeClientError] = await withTaskGroup(of: KubeClientError?.self) { group in
        for place: Int in first..<first + batch {
          group.addTask {
            do throws(KubeClientError) {
              try await work(place)
              return nil
            } catch {
              return error
            }
          }
        }
        return await group.reduce(into: []) { errors, error in if let error { errors.append(error) } }
      }
      done += batch
      successes += batch - errors.count
      if let error: KubeClientError = errors.first { return (successes, error) }
      size *= 2
    }
    return (successes, nil)
  }
}

extension Pod {
  /// When the pod became ready; nil if it is not.
  var readySince: Timestamp? {
    guard let ready: PodCondition = condition("Ready"), ready.status == "True" else { return nil }
    return Timestamp(ready.lastTransitionTime)
  }

  /// Whether the pod has been ready for some seconds.
  func isAvailable(minReadySeconds: Int32, now: Timestamp) -> Bool {
    guard let since: Timestamp = readySince else { return false }
    return minReadySeconds == 0 || now - since >= .seconds(Int64(minReadySeconds))
  }

  /// How often containers have been restarted.
  var restartCount: Int32 { status.containerStatuses.map(\.restartCount).max() ?? 0 }
}

/// Which of a controller's pods are deleted first: upstream's `ActivePodsWithRanks`.
enum DeletionOrder {
  private static func phaseRank(_ pod: Pod) -> Int {
    switch pod.status.phase {
    case "Pending": 0
    case "Unknown": 1
    default: 2
    }
  }

  private static func cost(_ pod: Pod) -> Int64 {
    pod.metadata.annotations["controller.kubernetes.io/pod-deletion-cost"].flatMap { Int64($0) } ?? 0
  }

  /// The pods, the first to go first.
  ///
  /// - Parameter related: how many pods of the same kin are on each node; crowded nodes are relieved first.
  static func sorted(_ pods: [Pod], related: [String: Int]) -> [Pod] {
    pods.sorted { left, right in
      if left.spec.nodeName.isEmpty != right.spec.nodeName.isEmpty { return left.spec.nodeName.isEmpty }
      if phaseRank(left) != phaseRank(right) { return phaseRank(left) < phaseRank(right) }
      if left.isReady != right.isReady { return !left.isReady }
      if cost(left) != cost(right) { return cost(left) < cost(right) }
      let ranks: (Int, Int) = (related[left.spec.nodeName] ?? 0, related[right.spec.nodeName] ?? 0)
      if ranks.0 != ranks.1 { return ranks.0 > ranks.1 }
      if let mine: Timestamp = left.readySince, let theirs: Timestamp = right.readySince, mine != theirs {
        return mine > theirs
      }
      if left.restartCount != right.restartCount { return left.restartCount > right.restartCount }
      return left.metadata.creationTimestamp.seconds > right.metadata.creationTimestamp.seconds
    }
  }
}
