// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta
import Logging
import Synchronization

/// Writes one pod's status to the API: at once, one write a change, the newest only.
final class PodStatusSender: Sendable {
  private static let retryMin: Duration = .milliseconds(100)
  private static let retryMax: Duration = .seconds(5)

  private struct State {
    /// The object as the API has it, as far as is known; nil for a static pod without its mirror.
    var base: Pod?
    /// The status to be written.
    var pending: PodStatus?
    /// The status that was handed in last.
    var current: PodStatus
    var isWriting: Bool = false
    var isGone: Bool = false
  }

  private let api: any PodAPI
  private let logger: Logger
  private let state: Mutex<State>
  private let signal: WakeSignal = WakeSignal()
  private let written: WakeSignal = WakeSignal()

  init(pod: Pod, api: any PodAPI, logger: Logger) {
    self.api = api
    self.logger = logger
    state = Mutex(State(base: pod.isStatic ? nil : pod, current: pod.status))
  }

  /// The newest status, written or not: the next one is made from it.
  var current: PodStatus { state.withLock { $0.current } }

  /// Takes a status to write; false where it says nothing new.
  @discardableResult
  func submit(_ status: PodStatus) -> Bool {
    let isNew: Bool = state.withLock { state in
      guard status != state.current else { return false }
      state.current = status
      state.pending = status
      return true
    }
    if isNew { signal.raise() }
    return isNew
  }

  /// Learns the object's newest state in the API: what others wrote in its status is kept from then on.
  func learn(_ pod: Pod) {
    state.withLock { state in
      // A mirror pod that was deleted comes back as another object, without any status.
      let isFirst: Bool = state.base?.metadata.uid != pod.metadata.uid
      if let base: Pod = state.base, base.metadata.uid == pod.metadata.uid,
        let old: UInt64 = UInt64(base.metadata.resourceVersion), let new: UInt64 = UInt64(pod.metadata.resourceVersion), new < old
      {
        // The watch tells of a state that our own write has overtaken.
        return
      }
      if isFirst { state.isGone = false }
      state.base = pod
      state.current = ClientPodAPI.merged(state.current, foreign: pod.status)
      // A mirror shows nothing yet; and what others wrote over our part of a status is put right.
      let isChanged: Bool = !state.isWriting && Self.disagree(state.current, pod.status)
      if isFirst || isChanged { state.pending = state.current }
    }
    signal.raise()
  }

  /// Whether the API tells something else of the pod than the kubelet does: a node that was not ready for a moment
  /// has its pods marked so by the control plane, and only the kubelet can tell that they are well.
  private static func disagree(_ ours: PodStatus, _ theirs: PodStatus) -> Bool {
    func conditions(_ status: PodStatus) -> [String: String] {
      let own: [PodCondition] = status.conditions.filter { PodStatusBuilder.ownConditions.contains($0.type) }
      return Dictionary(own.map { ($0.type, $0.status) }) { first, _ in first }
    }
    return ours.phase != theirs.phase || conditions(ours) != conditions(theirs)
  }

  /// Writes until cancelled.
  func run() async {
    var wait: Duration = Self.retryMin
    while !Task.isCancelled {
      let job: (base: Pod, status: PodStatus)? = state.withLock { state in
        guard let base: Pod = state.base, let status: PodStatus = state.pending, !state.isGone else {
          if state.isGone { state.pending = nil }
          state.isWriting = false
          return nil
        }
        state.pending = nil
        state.isWriting = true
        return (base, status)
      }
      guard let job else {
        written.raise()
        await signal.wait()
        continue
      }
      do {
        if job.base.status != job.status {
          let result: Pod? = try await api.writeStatus(job.base, job.status)
          state.withLock { state in
            if let result { state.base = result } else { state.isGone = true }
          }
        }
        wait = Self.retryMin
      } catch {
        logger.warning("cannot write a pod's status", metadata: ["pod": "\(job.base.display)", "error": "\(error)"])
        state.withLock { state in if state.pending == nil { state.pending = job.status } }
        // Cancelled: the next look ends the loop.
        try? await Task.sleep(for: wait)
        wait = min(wait * 2, Self.retryMax)
      }
    }
  }

  /// Returns when everything that was handed in is written, or the pod is gone.
  func flush() async {
    while !Task.isCancelled {
      let isDone: Bool = state.withLock { ($0.pending == nil && !$0.isWriting) || $0.isGone || $0.base == nil }
      if isDone { return }
      await written.wait()
    }
  }
}
