// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import Synchronization

/// What the scheduling loop hears.
enum SchedulerMessage: Sendable {
  case pod(InformerEvent<Pod>)
  case node(InformerEvent<Node>)
  case namespace(InformerEvent<Namespace>)
  /// A claim, a volume or a storage class changed.
  case volumes
  /// A binding was refused; the pod is to be tried again.
  case bindingFailed(QueuedPod)
  /// The next time at which something is due has come.
  case tick
}

/// The messages that the scheduling loop has not read yet.
final class SchedulerInbox: Sendable {
  private struct State {
    var messages: [SchedulerMessage] = []
    var reader: CheckedContinuation<Void, Never>?
    var isClosed: Bool = false
  }

  private let state: Mutex<State> = Mutex(State())

  func post(_ message: SchedulerMessage) {
    let reader: CheckedContinuation<Void, Never>? = state.withLock { state in
      state.messages.append(message)
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume()
  }

  /// All messages, without waiting.
  func take() -> [SchedulerMessage] {
    state.withLock { state in
      guard !state.messages.isEmpty else { return [] }
      defer { state.messages = [] }
      return state.messages
    }
  }

  /// Returns when there is a message, or when the task is cancelled.
  func wait() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isReady: Bool = state.withLock { state in
          if state.isClosed || !state.messages.isEmpty { return true }
          state.reader = continuation
          return false
        }
        if isReady { continuation.resume() }
      }
    } onCancel: {
      let reader: CheckedContinuation<Void, Never>? = state.withLock { state in
        state.isClosed = true
        defer { state.reader = nil }
        return state.reader
      }
      reader?.resume()
    }
  }
}
