// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeGroups
import KubeMeta
import KubeValues
import Logging

/// Lets one of several equal daemons work at a time, by a Lease.
public struct LeaderElector: Sendable {
  /// The times of an election.
  public struct Timing: Sendable {
    /// How long others wait before they take a lease that is not renewed.
    public var leaseDuration: Duration = .seconds(15)
    /// How long the leader tries to renew before it gives up.
    public var renewDeadline: Duration = .seconds(10)
    /// The pause between tries.
    public var retryPeriod: Duration = .seconds(2)

    /// Upstream's defaults.
    public init() {}
  }

  private let client: KubeClient
  private let key: ObjectKey
  private let identity: String
  private let timing: Timing

  /// An elector for the Lease `namespace/name`; the identity must differ from every other candidate's.
  public init(
    client: KubeClient, namespace: String = "kube-system", name: String, identity: String, timing: Timing = Timing()
  ) {
    self.client = client
    key = ObjectKey(namespace: namespace, name: name)
    self.identity = identity
    self.timing = timing
  }

  /// Waits for leadership, then runs the work; throws when leadership is lost, so that the daemon ends.
  public func run(_ work: @escaping @Sendable () async throws -> Void) async throws {
    var observed: (lease: LeaseSpec, at: ContinuousClock.Instant)?
    while try await !acquire(&observed) { try await Task.sleep(for: timing.retryPeriod) }
    client.logger.info("became leader", metadata: ["lease": "\(key)", "identity": "\(identity)"])
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await work() }
      group.addTask { try await renew() }
      try await group.next()
      group.cancelAll()
    }
    await release()
  }

  private func acquire(_ observed: inout (lease: LeaseSpec, at: ContinuousClock.Instant)?) async throws -> Bool {
    do throws(KubeClientError) {
      var lease: Lease
      do throws(KubeClientError) {
        lease = try await client.get(Lease.self, key)
      } catch  where error.isNotFound {
        lease = Lease()
        lease.metadata.namespace = key.namespace
        lease.metadata.name = key.name
        take(&lease)
        try await client.create(lease)
        return true
      }
      if observed == nil || observed?.lease != lease.spec { observed = (lease.spec, .now) }
      let isHeld: Bool = !lease.spec.holderIdentity.isEmpty && lease.spec.holderIdentity != identity
      let duration: Duration = .seconds(Int64(lease.spec.leaseDurationSeconds))
      if isHeld, let seen: ContinuousClock.Instant = observed?.at, ContinuousClock.now - seen < duration {
        return false
      }
      take(&lease)
      try await client.update(lease)
      return true
    } catch {
      client.logger.debug("cannot acquire the lease \(key)", metadata: ["error": "\(error)"])
      return false
    }
  }

  private func take(_ lease: inout Lease) {
    let now: MetaMicroTime = MetaMicroTime(Timestamp.now)
    if lease.spec.holderIdentity != identity {
      if lease.spec.hasHolderIdentity { lease.spec.leaseTransitions += 1 }
      lease.spec.acquireTime = now
    }
    lease.spec.holderIdentity = identity
    lease.spec.leaseDurationSeconds = Int32(timing.leaseDuration.components.seconds)
    lease.spec.renewTime = now
  }

  private func renew() async throws {
    var renewedAt: ContinuousClock.Instant = .now
    while true {
      try await Task.sleep(for: timing.retryPeriod)
      do {
        var lease: Lease = try await client.get(Lease.self, key)
        guard lease.spec.holderIdentity == identity else {
          throw KubeClientError(.status, "leadership of \(key) was lost to \(lease.spec.holderIdentity)")
        }
        take(&lease)
        try await client.update(lease)
        renewedAt = .now
      } catch {
        let isLost: Bool = error.asKubeClientError.map { $0.code == .status && $0.httpStatus == 0 } ?? false
        if isLost || ContinuousClock.now - renewedAt > timing.renewDeadline { throw error }
      }
    }
  }

  /// Gives the lease up, so that the next leader need not wait; failure only costs that wait.
  private func release() async {
    _ = try? await client.modify(Lease.self, namespace: key.namespace, name: key.name) { lease in
      guard lease.spec.holderIdentity == identity else { return false }
      lease.spec.holderIdentity = ""
      lease.spec.leaseDurationSeconds = 1
      return true
    }
  }
}
