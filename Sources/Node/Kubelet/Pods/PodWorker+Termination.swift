// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Kernel
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import Logging

extension PodWorker {
  /// The least time that containers get after a preStop hook has used up the grace period.
  private static let graceAfterHook: Duration = .seconds(2)

  /// Ends the pod: containers, sandbox, status, volumes.
  func terminate() async {
    guard await observe() else { return }
    let grace: Int64 = graceSeconds ?? (pod.spec.hasTerminationGracePeriodSeconds ? pod.spec.terminationGracePeriodSeconds : 30)
    services.probes.terminating(uid)
    if verdict != nil { report() }
    let isStopped: Bool = await stopEverything(grace: grace)
    if Task.isCancelled { return }
    guard await observe() else { return }
    // A container that was made and never started stays so: it ends with its sandbox's removal.
    if !isStopped || observed.containers.contains(where: \.isRunning) || observed.sandboxes.contains(where: { $0.state == .sandboxReady }) {
      look(after: Self.retryMin)
      return
    }
    Failpoints.reach("PodWorker.stopped")
    services.probes.stop(uid)
    waiting = [:]
    report(isTerminated: true)
    do {
      try await services.volumes.tearDown(uid)
    } catch {
      tell(pod, "Warning", "FailedUnMount", "UnmountVolume.TearDown failed: \(error)")
      services.logger.warning("cannot take a pod's volumes down", metadata: ["pod": "\(pod.display)", "error": "\(error)"])
      volumeFailures += 1
      look(after: Self.retryDelay(volumeFailures))
      return
    }
    services.groups.remove(for: uid)
    services.room.release(uid)
    hasVolumes = false
    stage = .terminated
  }

  /// After the end: the object is removed where it is deleted, and what the runtime keeps of the pod with it.
  ///
  /// - Returns: true when nothing is left to do.
  func finish() async -> Bool {
    guard pod.metadata.hasDeletionTimestamp || isGone else { return false }
    if !isGone, !isRemovedFromAPI {
      await sender.flush()
      do {
        try await services.api.remove(pod)
        isRemovedFromAPI = true
        Failpoints.reach("PodWorker.removedFromAPI")
      } catch {
        services.logger.warning("cannot remove a pod that has ended", metadata: ["pod": "\(pod.display)", "error": "\(error)"])
        look(after: .milliseconds(500))
        return false
      }
    }
    guard await removeRemains() else {
      look(after: Self.retryMin)
      return false
    }
    // Finalizers keep the object: it says when it is gone.
    return isGone
  }

  /// Removes containers, sandboxes and logs; says whether nothing is left.
  private func removeRemains() async -> Bool {
    guard await observe() else { return false }
    guard !observed.isEmpty || Files.exists(services.sandboxes.logDirectory(pod)) else { return true }
    for container: ObservedContainer in observed.containers {
      // The link may never have been made.
      try? Files.remove(logLink(container.name, container.id))
    }
    for sandbox: CRIPodSandboxStatus in observed.sandboxes {
      do {
        try await services.runtime.removePodSandbox(sandbox.id)
      } catch {
        services.logger.warning("cannot remove a sandbox", metadata: ["sandbox": "\(sandbox.id)", "error": "\(error)"])
        return false
      }
    }
    Failpoints.reach("PodWorker.removedSandboxes")
    do {
      try Files.removeTree(services.sandboxes.logDirectory(pod))
    } catch {
      services.logger.debug("cannot remove a pod's logs", metadata: ["error": "\(error)"])
    }
    return true
  }

  // MARK: Stopping

  /// Stops every container, sidecars last, and then the sandboxes.
  ///
  /// - Returns: whether the sandboxes are stopped. One that is not ready may still have its network and its groups:
  ///   an earlier call has failed half way.
  @discardableResult
  func stopEverything(grace: Int64) async -> Bool {
    let deadline: ContinuousClock.Instant = .now + .seconds(grace)
    let sidecars: [String] = pod.spec.initContainers.filter(\.isSidecar).map(\.name)
    let running: [ObservedContainer] = observed.running
    let first: [ObservedContainer] = running.filter { !sidecars.contains($0.name) }
    await withTaskGroup(of: Void.self) { group in
      for container: ObservedContainer in first {
        group.addTask { await self.stopContainer(container.id, named: container.name, message: nil, until: deadline) }
      }
    }
    for name: String in sidecars.reversed() {
      for container: ObservedContainer in running where container.name == name {
        await stopContainer(container.id, named: name, message: nil, until: deadline)
      }
    }
    if Task.isCancelled { return false }
    var isStopped: Bool = true
    for sandbox: CRIPodSandboxStatus in observed.sandboxes {
      do {
        try await services.runtime.stopPodSandbox(sandbox.id)
      } catch {
        isStopped = false
        services.logger.warning("cannot stop a sandbox", metadata: ["sandbox": "\(sandbox.id)", "error": "\(error)"])
      }
    }
    return isStopped
  }

  /// Stops one container of a pod that goes on.
  func stopContainer(_ id: String, named name: String, message: String?, grace: Int64?) async {
    let seconds: Int64 = grace ?? (pod.spec.hasTerminationGracePeriodSeconds ? pod.spec.terminationGracePeriodSeconds : 30)
    await stopContainer(id, named: name, message: message, until: .now + .seconds(seconds))
  }

  /// Runs the preStop hook and stops a container, both by the deadline.
  private func stopContainer(
    _ id: String, named name: String, message: String?, until deadline: ContinuousClock.Instant
  ) async {
    let role: ContainerRole? = pod.role(named: name)
    tell(pod, "Normal", "Killing", message ?? "Stopping container \(name)", fieldPath: role?.fieldPath ?? "")
    var left: Duration = max(deadline - .now, .zero)
    let isRunning: Bool = observed.containers.first { $0.id == id }?.isRunning ?? false
    if let role, isRunning, role.container.lifecycle.hasPreStop, left > .zero {
      await preStop(role, id, within: left)
      left = max(deadline - .now, Self.graceAfterHook)
    }
    if Task.isCancelled { return }
    do {
      try await services.runtime.stopContainer(id, grace: left)
    } catch {
      if Task.isCancelled { return }
      services.logger.warning("cannot stop a container", metadata: ["container": "\(id)", "error": "\(error)"])
    }
  }

  private func preStop(_ role: ContainerRole, _ id: String, within limit: Duration) async {
    let pod: Pod = self.pod
    let podIPs: [String] = observed.podIPs
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        do {
          try await self.services.hooks.run(role.container.lifecycle.preStop, role.container, id, pod, podIPs: podIPs)
        } catch {
          if Task.isCancelled { return }
          self.tell(pod, "Warning", "FailedPreStopHook", "PreStopHook failed", fieldPath: role.fieldPath)
          self.services.logger.info("a preStop hook failed", metadata: ["pod": "\(pod.display)", "error": "\(error)"])
        }
      }
      group.addTask {
        // Cancelled when the hook ends first.
        try? await Task.sleep(for: limit)
      }
      await group.next()
      group.cancelAll()
    }
  }
}
