// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeCore

/// What is to be done to a pod, decided from its object and what the runtime has. Pure: the worker acts on it.
///
///     no sandbox ready ──► make one ──► init containers, one after another ──► sidecars stay
///                                        └──► ordinary containers, all ──► all ended for good ──► finished
struct PodPlan: Sendable, Equatable {
  /// A container to stop, and why.
  struct Stop: Sendable, Equatable {
    var id: String
    var name: String
    /// The message of the event `Killing`.
    var message: String
    /// Set where a probe gives its own grace period.
    var graceSeconds: Int64?
  }

  /// Every container is to be stopped, and the sandbox: it cannot be used any more.
  var replacesSandbox: Bool = false
  /// A sandbox is to be made, with this attempt number.
  var sandboxAttempt: UInt32?
  /// Containers to stop, while the pod goes on.
  var stops: [Stop] = []
  /// Containers to start, in this order; later ones need not wait for earlier ones.
  var starts: [String] = []
  /// Every container has ended and none is to be started again.
  var isFinished: Bool = false

  /// What probes have found; a container that is absent has not been probed.
  struct Verdicts: Sendable, Equatable {
    /// Containers (by id) that failed their liveness probe.
    var unhealthy: Set<String> = []
    /// Containers (by id) that failed their startup probe.
    var unstarted: Set<String> = []
    /// Containers (by id) that have to be started anew for what they were given.
    var resized: Set<String> = []
    /// Containers (by id) that are started: no startup probe, or it succeeded.
    var started: Set<String> = []
  }

  private init() {}

  /// Decides.
  static func decide(pod: Pod, observed: PodObservation, verdicts: Verdicts) -> PodPlan {
    var plan: PodPlan = PodPlan()
    guard let sandbox: CRIPodSandboxStatus = observed.readySandbox else {
      plan.decideWithoutSandbox(pod, observed)
      return plan
    }
    plan.addEphemeral(pod, observed, sandbox.id)
    guard plan.decideInitial(pod, observed, verdicts, sandbox.id) else { return plan }
    var goesOn: Bool = false
    for container: Container in pod.spec.containers {
      goesOn = plan.decideOrdinary(container, pod, observed, verdicts, sandbox.id) || goesOn
    }
    if !goesOn {
      plan.isFinished = true
      plan.starts = []
    }
    return plan
  }

  private mutating func decideWithoutSandbox(_ pod: Pod, _ observed: PodObservation) {
    let ended: Bool =
      !observed.containers.isEmpty
      && pod.spec.containers.allSatisfy { container in
        guard let latest = observed.latest(container.name), latest.isExited else { return false }
        return !RestartRule.shouldRestart(container, pod: pod, exitCode: latest.status.exitCode)
      }
    let initFailed: Bool = pod.spec.initContainers.contains { container in
      guard !container.isSidecar, let latest = observed.latest(container.name), latest.isExited else { return false }
      return latest.status.exitCode != 0
        && !RestartRule.shouldRestart(container, pod: pod, exitCode: latest.status.exitCode)
    }
    if ended || initFailed || (pod.restartPolicy == "Never" && !observed.sandboxes.isEmpty && !observed.containers.isEmpty) {
      isFinished = true
      return
    }
    replacesSandbox = !observed.sandboxes.isEmpty || !observed.running.isEmpty
    sandboxAttempt = observed.sandboxes.first.map { $0.metadata.attempt + 1 } ?? 0
    if let first: Container = pod.spec.initContainers.first {
      starts = [first.name]
    } else {
      starts = pod.spec.containers.filter { container in
        guard let latest = observed.latest(container.name), latest.isExited else { return true }
        return RestartRule.shouldRestart(container, pod: pod, exitCode: latest.status.exitCode)
      }.map(\.name)
    }
  }

  private mutating func addEphemeral(_ pod: Pod, _ observed: PodObservation, _ sandbox: String) {
    for container: EphemeralContainer in pod.spec.ephemeralContainers {
      let name: String = container.ephemeralContainerCommon.name
      if observed.latest(name) == nil { starts.append(name) }
    }
  }

  /// Decides about init containers and sidecars; false where ordinary containers must wait or the pod has failed.
  private mutating func decideInitial(
    _ pod: Pod, _ observed: PodObservation, _ verdicts: Verdicts, _ sandbox: String
  ) -> Bool {
    // Once an ordinary container was made, finished init containers do not run again, whatever became of them.
    let isInitialized: Bool = pod.spec.containers.contains { observed.latest($0.name, in: sandbox) != nil }
    for container: Container in pod.spec.initContainers {
      let latest: ObservedContainer? = observed.latest(container.name, in: sandbox)
      if container.isSidecar {
        let isUp: Bool = decideSidecar(container, latest, verdicts)
        if !isUp && !isInitialized { return false }
        continue
      }
      if isInitialized { continue }
      guard let latest else {
        starts.append(container.name)
        return false
      }
      guard latest.isExited else {
        if latest.status.state == .containerCreated { restart(latest, "Container was created but never started") }
        return false
      }
      if latest.status.exitCode == 0 { continue }
      if RestartRule.shouldRestart(container, pod: pod, exitCode: latest.status.exitCode) {
        starts.append(container.name)
      } else {
        isFinished = true
      }
      return false
    }
    return true
  }

  /// Decides about one sidecar; true where those after it may start.
  private mutating func decideSidecar(
    _ container: Container, _ latest: ObservedContainer?, _ verdicts: Verdicts
  ) -> Bool {
    guard let latest, !latest.isExited else {
      starts.append(container.name)
      return false
    }
    if latest.status.state == .containerCreated {
      restart(latest, "Container was created but never started")
      return false
    }
    if verdicts.resized.contains(latest.id) {
      restart(latest, "Container \(container.name) resize requires restart")
      return false
    }
    if stopIfUnhealthy(container, latest, verdicts, isInit: true) {
      starts.append(container.name)
      return false
    }
    return verdicts.started.contains(latest.id)
  }

  /// Decides about one ordinary container; true where it runs or shall run.
  private mutating func decideOrdinary(
    _ container: Container, _ pod: Pod, _ observed: PodObservation, _ verdicts: Verdicts, _ sandbox: String
  ) -> Bool {
    guard let latest: ObservedContainer = observed.latest(container.name, in: sandbox) else {
      if let old = observed.latest(container.name), old.isExited,
        !RestartRule.shouldRestart(container, pod: pod, exitCode: old.status.exitCode)
      {
        return false
      }
      starts.append(container.name)
      return true
    }
    if latest.isExited {
      guard RestartRule.shouldRestart(container, pod: pod, exitCode: latest.status.exitCode) else { return false }
      starts.append(container.name)
      return true
    }
    if latest.status.state == .containerCreated {
      restart(latest, "Container was created but never started")
      return true
    }
    if let hash: String = latest.status.annotations[RuntimeLabel.hash], !hash.isEmpty, hash != container.specHash,
      latest.status.annotations[PodAnnotation.ours] != nil
    {
      restart(latest, "Container \(container.name) definition changed")
      return true
    }
    if verdicts.resized.contains(latest.id) {
      restart(latest, "Container \(container.name) resize requires restart")
      return true
    }
    if stopIfUnhealthy(container, latest, verdicts, isInit: false) {
      if pod.restartPolicy != "Never" || container.restartPolicy == "Always" { starts.append(container.name) }
      return true
    }
    return true
  }

  private mutating func restart(_ container: ObservedContainer, _ message: String) {
    stops.append(Stop(id: container.id, name: container.name, message: "\(message), will be restarted"))
    starts.append(container.name)
  }

  private mutating func stopIfUnhealthy(
    _ container: Container, _ latest: ObservedContainer, _ verdicts: Verdicts, isInit: Bool
  ) -> Bool {
    let word: String = isInit ? "Init container" : "Container"
    if verdicts.unhealthy.contains(latest.id) {
      let probe: Probe = container.livenessProbe
      stops.append(
        Stop(
          id: latest.id, name: container.name,
          message: "\(word) \(container.name) failed liveness probe, will be restarted",
          graceSeconds: probe.hasTerminationGracePeriodSeconds ? probe.terminationGracePeriodSeconds : nil))
      return true
    }
    if verdicts.unstarted.contains(latest.id) {
      let probe: Probe = container.startupProbe
      stops.append(
        Stop(
          id: latest.id, name: container.name,
          message: "\(word) \(container.name) failed startup probe, will be restarted",
          graceSeconds: probe.hasTerminationGracePeriodSeconds ? probe.terminationGracePeriodSeconds : nil))
      return true
    }
    return false
  }
}

extension PodAnnotation {
  /// On containers that this kubelet made: its hash of the specification is the one to compare with.
  static let ours: String = "apus.io/kubelet"
}

/// Whether a container that has ended is started again.
enum RestartRule {
  /// The container's own rules first, then its policy, then the pod's.
  static func shouldRestart(_ container: Container, pod: Pod, exitCode: Int32) -> Bool {
    for rule: ContainerRestartRule in container.restartPolicyRules where rule.hasExitCodes {
      let isListed: Bool = rule.exitCodes.values.contains(exitCode)
      if rule.exitCodes.operator == (isListed ? "In" : "NotIn") { return true }
    }
    let policy: String = container.restartPolicy.isEmpty ? pod.restartPolicy : container.restartPolicy
    switch policy {
    case "Never": return false
    case "OnFailure": return exitCode != 0
    default:
      // A finished init container has done its work also where the pod is always restarted.
      return exitCode != 0 || !pod.spec.initContainers.contains { $0.name == container.name && !$0.isSidecar }
    }
  }
}
