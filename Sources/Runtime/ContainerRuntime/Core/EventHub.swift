// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Synchronization

/// Hands container events to everybody who listens.
final class EventHub: Sendable {
  /// A listener that is this far behind loses the oldest events: it has to list anyway.
  private static let backlogMax: Int = 1024

  private struct State {
    var nextID: Int = 0
    var listeners: [Int: AsyncStream<CRIContainerEventResponse>.Continuation] = [:]
  }

  private let state: Mutex<State> = Mutex(State())

  /// The events from now on.
  func listen() -> AsyncStream<CRIContainerEventResponse> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: CRIContainerEventResponse.self, bufferingPolicy: .bufferingNewest(Self.backlogMax))
    let id: Int = state.withLock { state in
      state.nextID += 1
      state.listeners[state.nextID] = continuation
      return state.nextID
    }
    continuation.onTermination = { [self] _ in state.withLock { _ = $0.listeners.removeValue(forKey: id) } }
    return stream
  }

  /// Whether anybody listens.
  var hasListeners: Bool { state.withLock { !$0.listeners.isEmpty } }

  /// Tells an event.
  func tell(_ event: CRIContainerEventResponse) {
    let listeners = state.withLock { Array($0.listeners.values) }
    for listener in listeners { listener.yield(event) }
  }
}
