// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeCore
import KubeValues
import Logging
import Synchronization

/// Probes the containers of all pods and keeps what was found.
final class ProbeRunner: Sendable {
  /// The three kinds of probes.
  enum Kind: String, Sendable, Hashable {
    case startup = "Startup"
    case readiness = "Readiness"
    case liveness = "Liveness"
  }

  /// What was found about a pod's containers, by their ids.
  struct Findings: Sendable, Equatable {
    var started: Set<String> = []
    var ready: Set<String> = []
    var unhealthy: Set<String> = []
    var unstarted: Set<String> = []
  }

  private struct Key: Hashable {
    var container: String
    var kind: Kind
  }
  private struct PodState {
    var findings: Findings = Findings()
    var tasks: [Key: Nursery.Handle] = [:]
    var isTerminating: Bool = false
  }

  private let state: Mutex<[PodUID: PodState]> = Mutex([:])
  private let nursery: Nursery
  private let prober: Prober
  private let events: any PodEventSink
  private let logger: Logger

  init(nursery: Nursery, prober: Prober, events: any PodEventSink, logger: Logger) {
    self.nursery = nursery
    self.prober = prober
    self.events = events
    self.logger = logger
  }

  func findings(_ uid: PodUID) -> Findings { state.withLock { $0[uid]?.findings ?? Findings() } }

  /// Starts the probes of containers that run now and ends those of others.
  func reconcile(_ pod: Pod, _ observed: PodObservation, changed: @Sendable @escaping () -> Void) {
    var wanted: [Key: (Container, Probe, ObservedContainer)] = [:]
    let known: Findings = findings(pod.uid)
    for role: ContainerRole in pod.roles where role.kind == .ordinary || role.kind == .sidecar {
      guard let latest: ObservedContainer = observed.latest(role.name), latest.isRunning else { continue }
      let container: Container = role.container
      if container.hasStartupProbe, !known.started.contains(latest.id) {
        wanted[Key(container: latest.id, kind: .startup)] = (container, container.startupProbe, latest)
        continue
      }
      if container.hasReadinessProbe {
        wanted[Key(container: latest.id, kind: .readiness)] = (container, container.readinessProbe, latest)
      }
      if container.hasLivenessProbe {
        wanted[Key(container: latest.id, kind: .liveness)] = (container, container.livenessProbe, latest)
      }
    }
    let running: Set<String> = Set(observed.containers.filter(\.isRunning).map(\.id))
    let fresh: [Key] = state.withLock { all in
      var entry: PodState = all.removeValue(forKey: pod.uid) ?? PodState()
      for (key, handle) in entry.tasks where wanted[key] == nil {
        handle.cancel()
        entry.tasks[key] = nil
      }
      entry.findings.started.formIntersection(running)
      entry.findings.ready.formIntersection(running)
      entry.findings.unhealthy.formIntersection(running)
      entry.findings.unstarted.formIntersection(running)
      let fresh: [Key] = wanted.keys.filter { entry.tasks[$0] == nil }
      if !entry.tasks.isEmpty || !wanted.isEmpty || entry.findings != Findings() { all[pod.uid] = entry }
      return fresh
    }
    for key: Key in fresh {
      guard let (container, probe, target) = wanted[key] else { continue }
      let loop: ProbeLoop = ProbeLoop(
        pod: pod, container: container, probe: probe, kind: key.kind, target: target, podIP: pod.spec.hostNetwork ? nil : observed.podIPs.first)
      let handle: Nursery.Handle = nursery.start { [self] in await run(loop, changed) }
      state.withLock { $0[pod.uid, default: PodState()].tasks[key] = handle }
    }
  }

  /// The pod is ending: only its readiness is still of interest.
  func terminating(_ uid: PodUID) {
    state.withLock { all in
      guard var pod: PodState = all[uid] else { return }
      pod.isTerminating = true
      for (key, handle) in pod.tasks where key.kind != .readiness {
        handle.cancel()
        pod.tasks[key] = nil
      }
      all[uid] = pod
    }
  }

  /// A pod that ends fails its probes; nobody needs to be told.
  private func isTerminating(_ uid: PodUID) -> Bool { state.withLock { $0[uid]?.isTerminating ?? true } }

  /// The pod has ended.
  func stop(_ uid: PodUID) {
    let old: PodState? = state.withLock { $0.removeValue(forKey: uid) }
    for handle: Nursery.Handle in old?.tasks.values.map(\.self) ?? [] { handle.cancel() }
  }

  private func run(_ loop: ProbeLoop, _ changed: @Sendable @escaping () -> Void) async {
    var loop: ProbeLoop = loop
    do {
      try await Task.sleep(for: loop.initialDelay(now: .now))
      while !Task.isCancelled {
        let outcome: Prober.Outcome = await prober.probe(loop)
        if Task.isCancelled { return }
        if !loop.isEarly, !isTerminating(loop.pod.uid) { tell(outcome, of: loop) }
        if let verdict: Bool = loop.count(outcome) {
          if note(loop, verdict) { changed() }
          // The container is going to be stopped, or the next probes take over.
          if loop.kind == .startup || (loop.kind == .liveness && !verdict) { return }
        }
        try await Task.sleep(for: loop.nextWait())
      }
    } catch {
      // Cancelled.
    }
  }

  private func tell(_ outcome: Prober.Outcome, of loop: ProbeLoop) {
    let probe: String = "\(loop.kind.rawValue) probe"
    let (reason, message): (String, String)
    switch outcome {
    case .success: return
    case .warning(let text): (reason, message) = ("ProbeWarning", "\(probe) warning: \(text)")
    case .failure(let text): (reason, message) = ("Unhealthy", "\(probe) failed: \(text)")
    case .unknown(let text): (reason, message) = ("Unhealthy", "\(probe) errored and resulted in unknown state: \(text)")
    }
    events.record(loop.pod, type: "Warning", reason: reason, message: message, fieldPath: loop.fieldPath)
  }

  /// Keeps a verdict; true where it is news.
  private func note(_ loop: ProbeLoop, _ isGood: Bool) -> Bool {
    state.withLock { all in
      guard var pod: PodState = all[loop.pod.uid] else { return false }
      let before: Findings = pod.findings
      let id: String = loop.target.id
      switch (loop.kind, isGood) {
      case (.startup, true): pod.findings.started.insert(id)
      case (.startup, false): pod.findings.unstarted.insert(id)
      case (.readiness, true): pod.findings.ready.insert(id)
      case (.readiness, false): pod.findings.ready.remove(id)
      case (.liveness, true): pod.findings.unhealthy.remove(id)
      case (.liveness, false): pod.findings.unhealthy.insert(id)
      }
      all[loop.pod.uid] = pod
      return pod.findings != before
    }
  }
}

/// Counts a probe's outcomes against its thresholds; pure.
struct ProbeLoop: Sendable {
  let pod: Pod
  let container: Container
  let probe: Probe
  let kind: ProbeRunner.Kind
  let target: ObservedContainer
  let podIP: String?

  /// In the first period a probe over the network comes again quickly after a failure, which is not counted: most
  /// servers listen a moment after they have started, and need not wait for the next period to be ready.
  private var earlyWait: Duration? = .milliseconds(50)
  private var earlySpent: Duration = .zero
  private var successes: Int32 = 0
  private var failures: Int32 = 0
  private var lastVerdict: Bool?
  private var wasEarly: Bool = false

  init(
    pod: Pod, container: Container, probe: Probe, kind: ProbeRunner.Kind, target: ObservedContainer, podIP: String?
  ) {
    self.pod = pod
    self.container = container
    self.probe = probe
    self.kind = kind
    self.target = target
    self.podIP = podIP
    if kind == .liveness || probe.handler.hasExec { earlyWait = nil }
  }

  var fieldPath: String { pod.role(named: container.name)?.fieldPath ?? "" }
  var period: Duration { .seconds(probe.periodSeconds > 0 ? Int64(probe.periodSeconds) : 10) }
  var timeout: Duration { .seconds(probe.timeoutSeconds > 0 ? Int64(probe.timeoutSeconds) : 1) }
  /// Whether the outcome at hand is not counted.
  var isEarly: Bool { earlyWait != nil }

  func initialDelay(now: Timestamp) -> Duration {
    let started: Timestamp = Timestamp(
      seconds: target.status.startedAt / 1_000_000_000, nanoseconds: Int32(target.status.startedAt % 1_000_000_000))
    return max(started + .seconds(Int64(probe.initialDelaySeconds)) - now, .zero)
  }

  /// Counts an outcome; a verdict when a threshold is reached.
  mutating func count(_ outcome: Prober.Outcome) -> Bool? {
    wasEarly = false
    switch outcome {
    case .success, .warning:
      earlyWait = nil
      failures = 0
      successes += 1
      guard successes >= max(probe.successThreshold, 1) else { return nil }
      return verdict(true)
    case .unknown: return nil
    case .failure: break
    }
    if earlyWait != nil {
      wasEarly = true
      return nil
    }
    successes = 0
    failures += 1
    guard failures >= (probe.failureThreshold > 0 ? probe.failureThreshold : 3) else { return nil }
    return verdict(false)
  }

  private mutating func verdict(_ isGood: Bool) -> Bool? {
    defer { lastVerdict = isGood }
    return lastVerdict == isGood ? nil : isGood
  }

  mutating func nextWait() -> Duration {
    guard wasEarly, let wait: Duration = earlyWait else { return period }
    earlySpent += wait
    earlyWait = earlySpent + wait * 2 < period ? wait * 2 : nil
    return wait
  }
}
