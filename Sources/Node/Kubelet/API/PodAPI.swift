// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta
import Logging

/// What the kubelet does to pods in the API. Without an API server nothing happens and nothing fails.
protocol PodAPI: Sendable {
  /// Writes a pod's status and gives the pod as it is then; nil where the pod is gone or is another one.
  func writeStatus(_ pod: Pod, _ status: PodStatus) async throws -> Pod?
  /// Removes a pod that has ended.
  func remove(_ pod: Pod) async throws
  /// Makes the object that shows a static pod.
  func createMirror(_ pod: Pod) async throws -> Pod?
  /// Whether there is an API server.
  var isConnected: Bool { get }
}

/// Records events about pods.
protocol PodEventSink: Sendable {
  func record(_ pod: Pod, type: String, reason: String, message: String, fieldPath: String)
}

/// Pods in the API, through a client.
struct ClientPodAPI: PodAPI {
  let client: KubeClient
  var isConnected: Bool { true }

  func writeStatus(_ pod: Pod, _ status: PodStatus) async throws -> Pod? {
    var base: Pod = pod
    // Others write conditions too: on a conflict theirs are read anew and kept.
    for _ in 0..<5 {
      var object: Pod = base
      object.status = Self.merged(status, foreign: base.status)
      do {
        return try await client.updateStatus(object)
      } catch {
        if error.isNotFound { return nil }
        guard error.isConflict else { throw error }
      }
      guard let fresh: Pod = try await read(pod), fresh.metadata.uid == pod.metadata.uid else { return nil }
      base = fresh
    }
    throw KubeletError(.runtime, "the status of pod \(pod.display) is changed by others all the time")
  }

  /// The pod of this name now; nil where there is none.
  private func read(_ pod: Pod) async throws -> Pod? {
    do {
      return try await client.get(Pod.self, namespace: pod.metadata.namespace, name: pod.metadata.name)
    } catch {
      guard error.isNotFound else { throw error }
      return nil
    }
  }

  /// Our status, with the conditions that others have written since.
  static func merged(_ status: PodStatus, foreign: PodStatus) -> PodStatus {
    var result: PodStatus = status
    var ours: Set<String> = PodStatusBuilder.ownConditions
    // Whoever ends a pod says why; the kubelet does only where it is the one.
    if !status.conditions.contains(where: { $0.type == "DisruptionTarget" }) { ours.remove("DisruptionTarget") }
    result.conditions =
      status.conditions.filter { ours.contains($0.type) } + foreign.conditions.filter { !ours.contains($0.type) }
    result.nominatedNodeName = foreign.nominatedNodeName
    if !foreign.hasNominatedNodeName { result.clearNominatedNodeName() }
    return result
  }

  func remove(_ pod: Pod) async throws {
    do {
      try await client.delete(
        Pod.self, namespace: pod.metadata.namespace, name: pod.metadata.name,
        options: DeleteOptions(gracePeriodSeconds: 0, uid: pod.metadata.uid))
    } catch {
      guard error.isNotFound || error.isConflict else { throw error }
      // It is gone, or another pod has its name by now: either way this one is no more.
    }
  }

  func createMirror(_ pod: Pod) async throws -> Pod? {
    do {
      return try await client.create(pod)
    } catch {
      guard error.isAlreadyExists else { throw error }
      return try await client.get(Pod.self, namespace: pod.metadata.namespace, name: pod.metadata.name)
    }
  }
}

/// Events through a recorder.
struct RecorderEventSink: PodEventSink {
  let recorder: EventRecorder

  func record(_ pod: Pod, type: String, reason: String, message: String, fieldPath: String) {
    recorder.record(
      pod.reference(fieldPath: fieldPath), type == "Warning" ? .warning : .normal, reason: reason, message: message)
  }
}

/// No API server: static pods run all the same.
struct NoPodAPI: PodAPI, PodEventSink {
  var isConnected: Bool { false }
  func writeStatus(_ pod: Pod, _ status: PodStatus) async throws -> Pod? {
    var pod: Pod = pod
    pod.status = status
    return pod
  }
  func remove(_ pod: Pod) async throws {}
  func createMirror(_ pod: Pod) async throws -> Pod? { nil }
  func record(_ pod: Pod, type: String, reason: String, message: String, fieldPath: String) {}
}
