// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues
import Logging
import Synchronization

/// Scales workloads so that their metrics come to the targets of their HorizontalPodAutoscalers.
///
/// Each autoscaler is looked at when it changes and then once in every period, as metrics change without an event.
final class HorizontalPodAutoscalerController: Controller {
  static let name: String = "horizontal-pod-autoscaler-controller"
  static let account: String = "horizontal-pod-autoscaler"

  /// What is remembered of one autoscaler.
  private struct Memory: Sendable {
    var history: ScalingHistory
    /// The selector of its workload's pods.
    var selector: LabelSelector?
  }

  /// An autoscaler in the middle of a pass.
  private struct Pass: Sendable {
    let original: HorizontalPodAutoscaler
    var changed: HorizontalPodAutoscaler
    var current: Int32 = 0

    init(_ autoscaler: HorizontalPodAutoscaler) {
      (original, changed) = (autoscaler, autoscaler)
    }

    var range: ClosedRange<Int32> {
      let least: Int32 = original.spec.hasMinReplicas ? original.spec.minReplicas : 1
      return least...max(least, original.spec.maxReplicas)
    }
    var behavior: HorizontalPodAutoscalerBehavior? {
      original.spec.hasBehavior ? original.spec.behavior : nil
    }

    mutating func set(_ type: String, _ holds: Bool, _ reason: String, _ message: String) {
      let status: String = holds ? "True" : "False"
      let index: Int? = changed.status.conditions.firstIndex { $0.type == type }
      var condition: HorizontalPodAutoscalerCondition =
        index.map { changed.status.conditions[$0] } ?? HorizontalPodAutoscalerCondition()
      if condition.status != status { condition.lastTransitionTime = .now }
      condition.type = type
      condition.status = status
      condition.reason = reason
      condition.message = message
      if let index { changed.status.conditions[index] = condition } else { changed.status.conditions.append(condition) }
    }
  }

  private let context: ControllerContext
  private let autoscalers: Informer<HorizontalPodAutoscaler>
  private let pods: Informer<Pod>
  private let recorder: EventRecorder
  private let targets: ScaleTargets
  private let queue: WorkQueue<ObjectKey> = WorkQueue()
  private let memories: Mutex<[ObjectKey: Memory]> = Mutex([:])

  private var settings: AutoscalingConfiguration { context.configuration.autoscaling }

  init(_ context: ControllerContext) {
    self.context = context
    autoscalers = context.informers.informer(HorizontalPodAutoscaler.self)
    pods = context.informers.informer(Pod.self)
    recorder = EventRecorder(client: context.client, component: "horizontal-pod-autoscaler")
    targets = ScaleTargets(client: context.client)
    autoscalers.addHandler { [queue] event in
      if case .updated(let old, let new) = event, old.spec == new.spec { return }
      queue.add(event.object.key)
    }
  }

  func run() async throws {
    try await context.together([
      { [self] in try await recorder.run() },
      { [self] in
        try await context.run(queue, name: Self.name) { [self] key in
          defer { if autoscalers.get(key) != nil { queue.add(key, after: settings.period) } }
          try await reconcile(key)
        }
      },
    ])
  }

  // MARK: A pass

  private func reconcile(_ key: ObjectKey) async throws {
    guard let autoscaler: HorizontalPodAutoscaler = autoscalers.get(key) else {
      memories.withLock { $0[key] = nil }
      return
    }
    var pass: Pass = Pass(autoscaler)
    let target: ScaleTargets.Target
    do {
      target = try await targets.find(autoscaler.spec.scaleTargetRef, namespace: key.namespace)
    } catch {
      recorder.record(autoscaler, .warning, reason: "FailedGetScale", message: "\(error)")
      pass.set(
        "AbleToScale", false, "FailedGetScale",
        "the HPA controller was unable to get the target's current scale: \(error)")
      return try await save(pass)
    }
    pass.set(
      "AbleToScale", true, "SucceededGetScale", "the HPA controller was able to get the target's current scale")
    pass.current = target.wanted
    memories.withLock { memories in
      if memories[key] == nil { memories[key] = Memory(history: ScalingHistory(replicas: target.wanted, now: .now)) }
    }
    guard let (desired, reason, metrics): (Int32, String, [MetricStatus]) = try await decide(&pass, target) else { return }
    try await scale(&pass, target, to: desired, reason, metrics)
  }

  /// How many replicas there should be, and why; nil where that cannot be said, which is told then.
  private func decide(
    _ pass: inout Pass, _ target: ScaleTargets.Target
  ) async throws -> (replicas: Int32, reason: String, metrics: [MetricStatus])? {
    let current: Int32 = pass.current
    if current == 0 {
      pass.set(
        "ScalingActive", false, "ScalingDisabled",
        "scaling is disabled since the replica count of the target is zero")
      return (0, "", [])
    }
    if current > pass.original.spec.maxReplicas {
      return (pass.original.spec.maxReplicas, "Current number of replicas above Spec.MaxReplicas", [])
    }
    if current < pass.range.lowerBound {
      return (pass.range.lowerBound, "Current number of replicas below Spec.MinReplicas", [])
    }
    let (proposed, name, metrics): (Int32?, String, [MetricStatus]) = try await evaluate(&pass, target)
    guard let proposed else {
      setCounts(&pass, desired: pass.original.status.desiredReplicas, metrics)
      try await save(pass)
      return nil
    }
    let decision: ScalingHistory.Decision? = memories.withLock { [pass, settings] memories in
      memories[pass.original.key]?.history.decide(
        proposed, current: current, range: pass.range, behavior: pass.behavior, window: settings.downscaleWindow, now: .now)
    }
    // The autoscaler has gone meanwhile.
    guard let decision else { return nil }
    pass.set("AbleToScale", true, decision.ability.reason, decision.ability.message)
    pass.set("ScalingLimited", decision.isLimited, decision.limit.reason, decision.limit.message)
    let reason: String = proposed > current ? "\(name) above target" : "All metrics below target"
    return (decision.replicas, reason, metrics)
  }

  /// What the metrics call for: the most that any of them does. Nil where none is known, or where one that is not
  /// known might call for more than the others leave.
  private func evaluate(
    _ pass: inout Pass, _ target: ScaleTargets.Target
  ) async throws -> (replicas: Int32?, name: String, metrics: [MetricStatus]) {
    let autoscaler: HorizontalPodAutoscaler = pass.original
    let selected: [Pod]
    do throws(AutoscalingError) {
      selected = try select(&pass, target)
    } catch {
      recorder.record(autoscaler, .warning, reason: "FailedComputeMetricsReplicas", message: "\(error)")
      return (nil, "", [])
    }
    let evaluation: MetricEvaluation = MetricEvaluation(
      reader: MetricsReader(client: context.client), namespace: autoscaler.metadata.namespace,
      selector: target.selector,
      proposal: ReplicaProposal(
        pods: selected, current: pass.current, tolerance: tolerance(pass), startPeriod: settings.startPeriod,
        readinessDelay: settings.readinessDelay),
      observed: target.observed, resourceName: { [targets] in try await targets.resource(of: $0).description })
    var best: MetricEvaluation.Result?
    var failures: [MetricEvaluation.Failure] = []
    var statuses: [MetricStatus] = []
    for metric: MetricSpec in autoscaler.spec.metrics {
      do throws(MetricEvaluation.Failure) {
        let result: MetricEvaluation.Result = try await evaluation.evaluate(metric)
        statuses.append(result.status)
        if best == nil || result.replicas > best?.replicas ?? 0 { best = result }
      } catch {
        recorder.record(autoscaler, .warning, reason: error.reason, message: error.message)
        // One that is not known keeps its place in the list.
        statuses.append(MetricStatus())
        failures.append(error)
      }
    }
    if let first: MetricEvaluation.Failure = failures.first, best.map({ $0.replicas < pass.current }) ?? true {
      pass.set(
        "ScalingActive", false, first.reason,
        "the HPA was unable to compute the replica count: \(first.message)")
      recorder.record(
        autoscaler, .warning, reason: "FailedComputeMetricsReplicas",
        message: "invalid metrics (\(failures.count) invalid out of \(autoscaler.spec.metrics.count)), "
          + "first error is: \(first.summary)")
      return (nil, "", statuses)
    }
    guard let best else { return (nil, "", statuses) }
    pass.set(
      "ScalingActive", true, "ValidMetricFound",
      "the HPA was able to successfully calculate a replica count from \(best.name)")
    return (best.replicas, best.name, statuses)
  }

  private func tolerance(_ pass: Pass) -> ScalingTolerance {
    func own(_ rules: HPAScalingRules?) -> Double {
      guard let rules, rules.hasTolerance else { return settings.tolerance }
      return Double(ResourceQuantity(rules.tolerance).nanounits) / 1e9
    }
    return ScalingTolerance(down: own(pass.behavior?.scaleDown), up: own(pass.behavior?.scaleUp))
  }

  /// The pods of a workload, which must be nobody else's to scale.
  private func select(_ pass: inout Pass, _ target: ScaleTargets.Target) throws(AutoscalingError) -> [Pod] {
    let autoscaler: HorizontalPodAutoscaler = pass.original
    func refuse(_ event: String, _ reason: String, _ text: String, _ condition: String? = nil) -> AutoscalingError {
      recorder.record(autoscaler, .warning, reason: event, message: text)
      pass.set("ScalingActive", false, reason, condition ?? text)
      return AutoscalingError(text)
    }
    guard !target.selector.isEmpty else {
      throw refuse(
        "SelectorRequired", "InvalidSelector", "selector is required", "the HPA target's scale is missing a selector")
    }
    let selector: LabelSelector
    do {
      selector = try LabelSelector(parsing: target.selector)
    } catch {
      throw refuse(
        "InvalidSelector", "InvalidSelector",
        "couldn't convert selector into a corresponding internal selector object: \(error)")
    }
    let key: ObjectKey = autoscaler.key
    let selected: [Pod] = pods.list(namespace: key.namespace).filter { selector.matches($0.metadata.labels) }
    let rivals: [ObjectKey] = memories.withLock { memories in
      memories[key]?.selector = selector
      return memories.filter { other, memory in
        other.namespace == key.namespace && selected.contains { memory.selector?.matches($0.metadata.labels) ?? false }
      }.keys.sorted()
    }
    guard rivals.count <= 1 else {
      let names: String = rivals.map { "{\($0.name) \($0.namespace)}" }.joined(separator: " ")
      throw refuse(
        "AmbiguousSelector", "AmbiguousSelector",
        "pods by selector \(target.selector) are controlled by multiple HPAs: [\(names)]")
    }
    return selected
  }

  // MARK: What comes of it

  private func scale(
    _ pass: inout Pass, _ target: ScaleTargets.Target, to desired: Int32, _ reason: String, _ metrics: [MetricStatus]
  ) async throws {
    guard desired != pass.current else {
      setCounts(&pass, desired: desired, metrics)
      return try await save(pass)
    }
    do {
      try await targets.scale(target, namespace: pass.original.metadata.namespace, to: desired)
    } catch {
      recorder.record(
        pass.original, .warning, reason: "FailedRescale",
        message: "New size: \(desired); reason: \(reason); error: \(error)")
      pass.set(
        "AbleToScale", false, "FailedUpdateScale", "the HPA controller was unable to update the target scale: \(error)")
      setCounts(&pass, desired: pass.original.status.desiredReplicas, metrics)
      return try await save(pass)
    }
    pass.set(
      "AbleToScale", true, "SucceededRescale", "the HPA controller was able to update the target scale to \(desired)")
    recorder.record(
      pass.original, .normal, reason: "SuccessfulRescale", message: "New size: \(desired); reason: \(reason)")
    memories.withLock { [pass] memories in
      memories[pass.original.key]?.history.changed(
        from: pass.current, to: desired, behavior: pass.behavior, now: .now)
    }
    setCounts(&pass, desired: desired, metrics)
    pass.changed.status.lastScaleTime = .now
    try await save(pass)
  }

  private func setCounts(_ pass: inout Pass, desired: Int32, _ metrics: [MetricStatus]) {
    pass.changed.status.currentReplicas = pass.current
    pass.changed.status.desiredReplicas = desired
    pass.changed.status.currentMetrics = metrics
    pass.changed.status.clearObservedGeneration()
  }

  private func save(_ pass: Pass) async throws {
    guard pass.changed.status != pass.original.status else { return }
    do throws(KubeClientError) {
      autoscalers.remember(try await context.client.updateStatus(pass.changed))
    } catch {
      guard !error.isNotFound else { return }
      recorder.record(pass.original, .warning, reason: "FailedUpdateStatus", message: "\(error)")
      throw error
    }
  }
}
