// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import KubeClient

/// How the scheduler works.
public struct SchedulerConfiguration: Sendable {
  /// How the API server is reached.
  public var client: ClientConfiguration
  /// The names by which pods choose this scheduler.
  public var schedulerNames: Set<String> = ["default-scheduler"]
  /// The percentage of nodes that are found before a search ends; 0 chooses it by the number of nodes.
  public var percentageOfNodesToScore: Int = 0
  /// Whether only one of several schedulers works at a time.
  public var leaderElects: Bool = true
  /// The namespace of the election's Lease.
  public var leaseNamespace: String = "kube-system"
  /// The name of the election's Lease.
  public var leaseName: String = "kube-scheduler"
  /// What this scheduler calls itself in the election; it must differ from every other's.
  public var identity: String

  /// A scheduler with upstream's defaults.
  public init(client: ClientConfiguration, identity: String) {
    self.client = client
    self.identity = identity
  }
}
