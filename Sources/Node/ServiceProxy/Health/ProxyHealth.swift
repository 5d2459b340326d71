// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import Synchronization

/// What the proxy says about itself, for those who ask over HTTP.
final class ProxyHealth: Sendable {
  /// A Service whose load balancer asks each node whether it has endpoints.
  struct NodePort: Hashable, Sendable {
    var service: ObjectKey
    var localEndpoints: Int
  }

  struct Snapshot: Sendable {
    var isHealthy: Bool = false
    var lastUpdated: ContinuousClock.Instant?
    var rounds: Int = 0
    var secondsTotal: Double = 0
    var failures: Int = 0
    var serviceCount: Int = 0
    /// By port.
    var nodePorts: [UInt16: NodePort] = [:]
  }

  private let state: Mutex<Snapshot> = Mutex(Snapshot())
  private let signal: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation) =
    AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))

  var snapshot: Snapshot { state.withLock { $0 } }
  /// Gives a signal when the node ports to serve may have changed; one consumer.
  var nodePortChanges: AsyncStream<Void> { signal.stream }

  /// Notes the end of a round.
  func note(_ known: [ObjectKey: ServiceProxyState.Known], isHealthy: Bool, duration: Duration?) {
    var nodePorts: [UInt16: NodePort]?
    if duration != nil {
      var fresh: [UInt16: NodePort] = [:]
      for (key, entry) in known where entry.service.healthCheckNodePort > 0 {
        fresh[entry.service.healthCheckNodePort] = NodePort(
          service: key, localEndpoints: entry.endpoints.localReadyCount)
      }
      nodePorts = fresh
    }
    let hasChanged: Bool = state.withLock { state in
      state.isHealthy = isHealthy
      state.lastUpdated = .now
      if !isHealthy { state.failures += 1 }
      state.serviceCount = known.count
      if let duration {
        state.rounds += 1
        state.secondsTotal += Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
      }
      guard let nodePorts, nodePorts != state.nodePorts else { return false }
      state.nodePorts = nodePorts
      return true
    }
    if hasChanged { signal.continuation.yield() }
  }
}
