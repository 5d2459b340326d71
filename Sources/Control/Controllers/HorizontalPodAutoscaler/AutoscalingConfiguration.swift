// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// How autoscalers work where they do not say so themselves; upstream's defaults.
public struct AutoscalingConfiguration: Sendable {
  /// How often each autoscaler's metrics are looked at.
  public var period: Duration = .seconds(15)
  /// By how much the ratio of usage and target may differ from one.
  public var tolerance: Double = 0.1
  /// How long a higher number of replicas holds against a lower one.
  public var downscaleWindow: Duration = .seconds(300)
  /// For how long after its start a pod's processor time counts only while it is ready.
  public var startPeriod: Duration = .seconds(300)
  /// Until when after its start a pod's first change of readiness counts as part of its start.
  public var readinessDelay: Duration = .seconds(30)

  /// Upstream's defaults.
  public init() {}
}
