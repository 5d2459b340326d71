// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import Logging

/// Brings one pod to what its object says, and to its end. One worker a pod, one thing at a time.
///
///     syncing ──► terminating ──► terminated ──► (worker ends when the object is gone)
///        │             ▲
///        └─ looks, decides (PodPlan), acts, reports; again on every event
///
/// Level-triggered: every pass reads what the runtime has and decides anew, so that it does not matter which event
/// woke it, or whether the kubelet was away in between.
actor PodWorker {
  /// Where the pod is in its life.
  enum Stage: Sendable, Equatable {
    /// Its containers shall run.
    case syncing
    /// Its containers are being stopped, for good.
    case terminating
    /// Nothing of it runs any more.
    case terminated
  }

  /// A pass that failed is repeated after this at first, and then after twice as long each time.
  static let retryMin: Duration = .milliseconds(200)
  static let retryMax: Duration = .seconds(20)

  nonisolated let uid: PodUID
  nonisolated let services: PodServices
  nonisolated let sender: PodStatusSender
  /// Raised when something may have changed.
  nonisolated let wake: WakeSignal = WakeSignal()
  /// Raised when what is being done is to be left.
  nonisolated let interruption: WakeSignal = WakeSignal()

  var pod: Pod
  var stage: Stage = .syncing
  /// The pod is to end: deleted, finished, or evicted.
  var isEnding: Bool = false
  /// The object is gone from the API, or the static pod's manifest from its directory.
  var isGone: Bool = false
  /// The grace period that the pod ends with, once it is decided.
  var graceSeconds: Int64?
  var verdict: PodStatusBuilder.Verdict?
  var observer: PodObserver
  var observed: PodObservation = PodObservation()
  var waiting: [String: PodStatusBuilder.Waiting] = [:]
  var backOff: BackOff
  var volumes: [String: PreparedVolume] = [:]
  var hasVolumes: Bool = false
  var volumeFailures: Int = 0
  var sandboxFailures: Int = 0
  /// Earliest time of the next pass, as passes find it.
  var nextLook: ContinuousClock.Instant?
  var isRemovedFromAPI: Bool = false
  var resizing: Resizing

  init(pod: Pod, services: PodServices) {
    self.uid = pod.uid
    self.pod = pod
    self.services = services
    self.sender = PodStatusSender(pod: pod, api: services.api, logger: services.logger)
    self.observer = PodObserver(uid: pod.uid)
    self.backOff = BackOff(maximum: services.configuration.crashLoopBackOffMax)
    self.resizing = Resizing(pod)
    services.room.give(pod.with(resizing.allocation).totalRequests, to: pod.uid)
    isEnding = pod.metadata.hasDeletionTimestamp || pod.isTerminal
    if pod.metadata.hasDeletionGracePeriodSeconds { graceSeconds = pod.metadata.deletionGracePeriodSeconds }
  }

  /// Works until the pod is gone.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.sender.run() }
      group.addTask { await self.loop() }
      await group.next()
      group.cancelAll()
    }
  }

  private func loop() async {
    while !Task.isCancelled {
      nextLook = nil
      switch stage {
      case .syncing:
        if isEnding {
          stage = .terminating
          continue
        }
        await untilInterrupted { await self.sync() }
        if isEnding { continue }
      case .terminating:
        await untilInterrupted { await self.terminate() }
        if stage == .terminated { continue }
      case .terminated:
        if await finish() { return }
      }
      await wake.wait(until: nextLook)
    }
  }

  /// Runs a pass, and cancels it when an interruption comes.
  private func untilInterrupted(_ pass: @Sendable @escaping () async -> Void) async {
    // What was raised before this pass is known to it.
    interruption.lower()
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await pass() }
      group.addTask { await self.interruption.wait() }
      await group.next()
      group.cancelAll()
    }
  }

  // MARK: Inputs

  /// Takes the object's new state.
  func update(_ new: Pod) {
    let old: Pod = pod
    pod = new
    if !new.isStatic { sender.learn(new) }
    if new.metadata.hasDeletionTimestamp || new.isTerminal { end(grace: new.metadata.hasDeletionGracePeriodSeconds ? new.metadata.deletionGracePeriodSeconds : nil) }
    if Self.differs(old, new) { wake.raise() }
  }

  /// Takes the state of the mirror pod: the status goes there.
  func updateMirror(_ mirror: Pod) {
    sender.learn(mirror)
    wake.raise()
  }

  /// The object is gone: whatever still runs is ended.
  func removed(grace: Int64?) {
    isGone = true
    end(grace: grace ?? (pod.spec.hasTerminationGracePeriodSeconds ? pod.spec.terminationGracePeriodSeconds : nil))
    wake.raise()
  }

  /// Ends the pod with a verdict, as evictions do.
  func end(with verdict: PodStatusBuilder.Verdict, grace: Int64) {
    guard !isEnding else { return }
    self.verdict = verdict
    end(grace: grace)
    wake.raise()
  }

  private func end(grace: Int64?) {
    let isSooner: Bool = grace.map { $0 < (graceSeconds ?? Int64.max) } ?? false
    if let grace, isSooner || graceSeconds == nil { graceSeconds = grace }
    let isNew: Bool = !isEnding
    isEnding = true
    // A pass that starts things is left; stopping is begun anew where there is less time than before.
    if isNew || (isSooner && stage == .terminating) { interruption.raise() }
    wake.raise()
  }

  /// Whether a change of the object is more than the echo of our own status.
  private static func differs(_ old: Pod, _ new: Pod) -> Bool {
    if old.spec != new.spec || old.metadata.deletionTimestamp != new.metadata.deletionTimestamp { return true }
    if old.metadata.labels != new.metadata.labels || old.metadata.annotations != new.metadata.annotations { return true }
    func foreign(_ pod: Pod) -> [PodCondition] {
      pod.status.conditions.filter { !PodStatusBuilder.ownConditions.contains($0.type) }
    }
    return foreign(old) != foreign(new)
  }

  // MARK: Used by the passes

  func look(after delay: Duration) {
    let instant: ContinuousClock.Instant = .now + delay
    if let known: ContinuousClock.Instant = nextLook, known <= instant { return }
    nextLook = instant
  }

  nonisolated func tell(_ pod: Pod, _ type: String, _ reason: String, _ message: String, fieldPath: String = "") {
    services.events.record(pod, type: type, reason: reason, message: message, fieldPath: fieldPath)
  }

  /// Reads what the runtime has; false where it cannot be asked.
  func observe() async -> Bool {
    do {
      var observer: PodObserver = self.observer
      observed = try await observer.observe(services.runtime)
      self.observer = observer
      return true
    } catch {
      services.logger.warning("cannot ask the runtime about a pod", metadata: ["pod": "\(pod.display)", "error": "\(error)"])
      look(after: .seconds(1))
      return false
    }
  }

  /// Makes the status and hands it in.
  func report(isTerminated: Bool = false) {
    var base: Pod = pod
    base.status = sender.current
    let probes: ProbeRunner.Findings = services.probes.findings(uid)
    let builder: PodStatusBuilder = PodStatusBuilder(
      pod: base, observed: observed, waiting: waiting, ready: readyContainers(probes), started: startedContainers(probes),
      verdict: verdict, isTerminated: isTerminated, resizing: resizing, hostIPs: services.node.hostIPs,
      runtimeName: services.node.runtimeName, now: services.now)
    sender.submit(builder.build())
  }

  /// The status as it stands, for the kubelet's own /pods.
  func currentPod() -> Pod {
    var result: Pod = pod
    result.status = sender.current
    return result
  }

  func startedContainers(_ probes: ProbeRunner.Findings) -> Set<String> {
    var ids: Set<String> = []
    for role: ContainerRole in pod.roles {
      guard let latest = observed.latest(role.name), latest.isRunning else { continue }
      if !role.container.hasStartupProbe || probes.started.contains(latest.id) { ids.insert(latest.id) }
    }
    return ids
  }

  private func readyContainers(_ probes: ProbeRunner.Findings) -> Set<String> {
    let started: Set<String> = startedContainers(probes)
    var ids: Set<String> = []
    for role: ContainerRole in pod.roles {
      guard let latest = observed.latest(role.name), started.contains(latest.id) else { continue }
      if !role.container.hasReadinessProbe || probes.ready.contains(latest.id) { ids.insert(latest.id) }
    }
    return ids
  }
}
