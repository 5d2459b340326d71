// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Kernel
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import Logging

extension PodWorker {
  /// One pass: look, decide, act, report.
  func sync() async {
    guard await observe() else { return }
    services.probes.reconcile(pod, observed) { [wake] in wake.raise() }
    if isPastDeadline() {
      end(
        with: .init(phase: "Failed", reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline"),
        grace: pod.spec.terminationGracePeriodSeconds)
      tell(pod, "Normal", "DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
      return
    }
    let probes: ProbeRunner.Findings = services.probes.findings(uid)
    let resized: Set<String> = await resize()
    if Task.isCancelled { return }
    let plan: PodPlan = PodPlan.decide(
      pod: pod, observed: observed,
      verdicts: .init(
        unhealthy: probes.unhealthy, unstarted: probes.unstarted, resized: resized, started: startedContainers(probes)))
    forgetReasons(plan)
    report()
    if plan.isFinished {
      isEnding = true
      return
    }
    for stop: PodPlan.Stop in plan.stops {
      await stopContainer(stop.id, named: stop.name, message: stop.message, grace: stop.graceSeconds)
    }
    if plan.replacesSandbox {
      tell(pod, "Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
      await stopEverything(grace: pod.spec.terminationGracePeriodSeconds)
    }
    if Task.isCancelled { return }
    guard await prepare(plan) else {
      report()
      return
    }
    await start(plan.starts, sandboxAttempt: plan.sandboxAttempt)
    if Task.isCancelled { return }
    guard await observe() else { return }
    linkLogs()
    services.probes.reconcile(pod, observed) { [wake] in wake.raise() }
    settle()
    report()
    look(after: services.configuration.syncFrequency)
  }

  private func forgetReasons(_ plan: PodPlan) {
    let keep: Set<String> = Set(plan.starts)
    waiting = waiting.filter { keep.contains($0.key) }
  }

  private func isPastDeadline() -> Bool {
    guard pod.spec.hasActiveDeadlineSeconds, sender.current.hasStartTime else { return false }
    let left: Duration =
      Timestamp(sender.current.startTime) + .seconds(pod.spec.activeDeadlineSeconds) - services.now
    if left <= .zero { return true }
    look(after: left)
    return false
  }

  // MARK: Sandbox and volumes

  /// Makes sandbox and volumes, side by side; false where containers must wait.
  private func prepare(_ plan: PodPlan) async -> Bool {
    let needsSandbox: Bool = plan.sandboxAttempt != nil
    // Contents follow their objects while the pod runs.
    async let volumesAreReady: Bool = setUpVolumes()
    async let sandboxIsReady: Bool = needsSandbox ? makeSandbox(attempt: plan.sandboxAttempt ?? 0) : true
    let (haveVolumes, haveSandbox): (Bool, Bool) = await (volumesAreReady, sandboxIsReady)
    return haveVolumes && haveSandbox && !Task.isCancelled
  }

  private func makeSandbox(attempt: UInt32) async -> Bool {
    services.groups.make(for: allocated)
    do {
      let handler: String =
        pod.spec.runtimeClassName.isEmpty ? "" : try await services.classes.handler(for: pod.spec.runtimeClassName)
      let users: CRIIDMapping? = try services.users.mapping(of: pod)
      if users != nil { try await requireUserNamespaces(handler) }
      let config: CRIPodSandboxConfig = services.sandboxes.make(for: allocated, attempt: attempt, users: users)
      let id: String = try await services.runtime.runPodSandbox(config, handler: handler)
      Failpoints.reach("PodWorker.sandbox")
      sandboxFailures = 0
      guard await observe() else { return false }
      if observed.readySandbox?.id != id {
        services.logger.warning("a new sandbox is not ready", metadata: ["pod": "\(pod.display)", "sandbox": "\(id)"])
        look(after: Self.retryMin)
        return false
      }
      report()
      return true
    } catch {
      if Task.isCancelled { return false }
      sandboxFailures += 1
      tell(pod, "Warning", "FailedCreatePodSandBox", "Failed to create pod sandbox: \(error)")
      services.logger.warning("cannot make a sandbox", metadata: ["pod": "\(pod.display)", "error": "\(error)"])
      look(after: Self.retryDelay(sandboxFailures))
      return false
    }
  }

  /// A runtime that does not know user namespaces would run the pod with the host's users.
  private func requireUserNamespaces(_ handler: String) async throws {
    let handlers: [CRIRuntimeHandler] = try await services.runtime.status().runtimeHandlers
    guard handlers.first(where: { $0.name == handler })?.features.userNamespaces == true else {
      throw KubeletError(.configuration, "runtime handler \"\(handler)\" does not support user namespaces")
    }
  }

  static func retryDelay(_ failures: Int) -> Duration {
    min(retryMin * (1 << min(max(failures - 1, 0), 10)), retryMax)
  }

  private func setUpVolumes() async -> Bool {
    do {
      volumes = try await services.volumes.setUp(pod, fields: services.fields(pod, podIPs: observed.podIPs))
      hasVolumes = true
      volumeFailures = 0
      return true
    } catch {
      if Task.isCancelled { return hasVolumes }
      volumeFailures += 1
      // A claim that is about to be bound or attached is no failure yet: it is told when it has taken a while.
      if volumeFailures >= 4 || !"\(error)".contains("not bound") && !"\(error)".contains("not attached") {
        tell(pod, "Warning", "FailedMount", "\(error)")
      }
      services.logger.info("volumes of a pod are not ready", metadata: ["pod": "\(pod.display)", "error": "\(error)"])
      look(after: Self.retryDelay(volumeFailures))
      // Running containers keep the contents they have.
      return hasVolumes
    }
  }
}
