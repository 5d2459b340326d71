// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import Synchronization

/// Tells of every object of every resource that is gone. The garbage collector hears of them all; others need not
/// watch a resource for that alone.
final class DeletionFeed: Sendable {
  typealias Listener = @Sendable (ResourceType, ObjectKey) -> Void

  private let listeners: Mutex<[Listener]> = Mutex([])

  /// Calls the listener for every object that goes from now on.
  func listen(_ listener: @escaping Listener) { listeners.withLock { $0.append(listener) } }

  /// An object is gone.
  func tell(_ type: ResourceType, _ key: ObjectKey) {
    for listener: Listener in listeners.withLock({ $0 }) { listener(type, key) }
  }
}
