// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import SwiftProtobuf

/// Makes a pod's status from its object, what the runtime has, and what the kubelet knows beside. Pure.
struct PodStatusBuilder: Sendable {
  /// Why a container could not be started.
  struct Waiting: Sendable, Equatable {
    var reason: String
    var message: String
  }
  /// A verdict on the pod as a whole.
  struct Verdict: Sendable, Equatable {
    var phase: String
    var reason: String
    var message: String
    /// The pod was refused before anything of it was begun.
    var isRefusal: Bool = false
  }

  var pod: Pod
  var observed: PodObservation
  /// Why containers wait, by name.
  var waiting: [String: Waiting] = [:]
  /// Containers (by id) that are ready.
  var ready: Set<String> = []
  /// Containers (by id) that are started.
  var started: Set<String> = []
  /// Set where the pod was ended by the kubelet: evicted, past its deadline.
  var verdict: Verdict?
  /// All processes of the pod are gone for good.
  var isTerminated: Bool = false
  /// What the containers were given and have, where that may be other than what they ask for.
  var resizing: Resizing?
  var hostIPs: [String] = []
  /// The runtime's name, which heads container IDs.
  var runtimeName: String = "containerd"
  var now: Timestamp

  /// The status, with what others wrote into it kept.
  func build() -> PodStatus {
    var status: PodStatus = pod.status
    status.observedGeneration = pod.metadata.generation
    status.initContainerStatuses = pod.spec.initContainers.map {
      containerStatus(ContainerRole(container: $0, kind: $0.isSidecar ? .sidecar : .initial), in: pod.status.initContainerStatuses)
    }
    status.containerStatuses = pod.spec.containers.map {
      containerStatus(ContainerRole(container: $0, kind: .ordinary), in: pod.status.containerStatuses)
    }
    status.ephemeralContainerStatuses = pod.spec.ephemeralContainers.map {
      containerStatus(
        ContainerRole(container: Container(common: $0.ephemeralContainerCommon), kind: .ephemeral),
        in: pod.status.ephemeralContainerStatuses)
    }
    if verdict?.isRefusal == true {
      // Of containers that never were there is nothing to tell.
      status.initContainerStatuses = []
      status.containerStatuses = []
      status.ephemeralContainerStatuses = []
    }
    let phase: String = phase(status)
    // An ended pod does not come back to life.
    if status.phase != "Failed" && status.phase != "Succeeded" { status.phase = phase }
    if let verdict, isTerminated || verdict.reason != "" {
      status.phase = verdict.phase
      status.reason = verdict.reason
      status.message = verdict.message
    }
    status.qosClass = pod.qosClass.rawValue
    if !status.hasStartTime { status.startTime = MetaTime(now) }
    if let first: String = hostIPs.first {
      status.hostIp = first
      status.hostIps = hostIPs.map { ip in .with { $0.ip = ip } }
    }
    let podIPs: [String] = pod.spec.hostNetwork ? hostIPs : observed.podIPs
    if !podIPs.isEmpty {
      status.podIp = podIPs[0]
      status.podIps = podIPs.map { ip in .with { $0.ip = ip } }
    }
    addConditions(&status)
    return status
  }

  // MARK: Containers

  private func containerStatus(_ role: ContainerRole, in old: [ContainerStatus]) -> ContainerStatus {
    let before: ContainerStatus? = old.first { $0.name == role.name }
    var status: ContainerStatus = ContainerStatus()
    status.name = role.name
    status.image = role.container.image
    status.restartCount = before?.restartCount ?? 0
    let latest: ObservedContainer? = observed.latest(role.name)
    if let latest {
      fill(&status, from: latest)
      let previous: ObservedContainer? = observed.previous(role.name)
      if let previous {
        status.lastState.terminated = terminated(previous)
      } else if let before, before.containerID == status.containerID, before.hasLastState {
        status.lastState = before.lastState
      } else if let before, before.containerID != status.containerID, before.state.hasTerminated {
        status.lastState.terminated = before.state.terminated
      }
    } else if let before, isTerminated || !before.containerID.isEmpty {
      // The runtime has lost it, or it was removed: what is known stays known.
      status = before
      status.ready = false
      if status.state.hasRunning {
        status.state = ContainerState()
        status.state.terminated = .with {
          $0.exitCode = 137
          $0.reason = "ContainerStatusUnknown"
          $0.message = "The container could not be located when the pod was terminated"
          $0.containerID = before.containerID
        }
      }
    }
    applyWaiting(&status, role, latest)
    status.ready = isReady(role, status, latest)
    if role.kind != .ephemeral {
      status.started = latest.map { $0.isRunning && started.contains($0.id) } ?? false
    }
    addResources(&status, role, latest)
    status.volumeMounts = role.container.volumeMounts.map { mount in
      .with {
        $0.name = mount.name
        $0.mountPath = mount.mountPath
        if mount.readOnly {
          $0.readOnly = true
          $0.recursiveReadOnly = mount.recursiveReadOnly.isEmpty ? "Disabled" : mount.recursiveReadOnly
        }
      }
    }
    return status
  }

  private func fill(_ status: inout ContainerStatus, from latest: ObservedContainer) {
    status.containerID = "\(runtimeName)://\(latest.id)"
    status.restartCount = latest.restartCount
    let image: String = latest.status.image.userSpecifiedImage
    if !image.isEmpty { status.image = image } else if !latest.status.image.image.isEmpty { status.image = latest.status.image.image }
    status.imageID = latest.status.imageRef
    switch latest.status.state {
    case .containerRunning:
      status.state.running.startedAt = MetaTime(nanoseconds: latest.status.startedAt)
    case .containerExited:
      status.state.terminated = terminated(latest)
    case .containerCreated:
      // Between creation and start nothing of it runs yet.
      status.state.waiting.reason = "ContainerCreating"
    case .containerUnknown, .UNRECOGNIZED:
      status.state.terminated = .with {
        $0.exitCode = 137
        $0.reason = "ContainerStatusUnknown"
        $0.message = "The container could not be located when the pod was terminated"
        $0.containerID = status.containerID
      }
    }
    if latest.status.user.hasLinux {
      let user: CRILinuxContainerUser = latest.status.user.linux
      status.user.linux = .with {
        $0.uid = user.uid
        $0.gid = user.gid
        $0.supplementalGroups = user.supplementalGroups
      }
    }
  }

  func terminated(_ container: ObservedContainer) -> ContainerStateTerminated {
    let reason: String =
      container.status.reason.isEmpty ? (container.status.exitCode == 0 ? "Completed" : "Error") : container.status.reason
    return .with {
      $0.exitCode = container.status.exitCode
      $0.reason = reason
      if !container.status.message.isEmpty { $0.message = container.status.message }
      $0.startedAt = MetaTime(nanoseconds: container.status.startedAt)
      $0.finishedAt = MetaTime(nanoseconds: container.status.finishedAt)
      $0.containerID = "\(runtimeName)://\(container.id)"
    }
  }

  /// A container that is to be started but is not running waits; an ended one then becomes the last state.
  private func applyWaiting(_ status: inout ContainerStatus, _ role: ContainerRole, _ latest: ObservedContainer?) {
    if latest?.isRunning == true { return }
    if let why: Waiting = waiting[role.name] {
      if status.state.hasTerminated { status.lastState.terminated = status.state.terminated }
      status.state = ContainerState()
      status.state.waiting = .with {
        $0.reason = why.reason
        if !why.message.isEmpty { $0.message = why.message }
      }
      return
    }
    guard !status.state.hasTerminated, !status.state.hasWaiting, !status.state.hasRunning else { return }
    let isInitializing: Bool = role.kind == .ordinary ? !pod.spec.initContainers.isEmpty && !hasInitialized : role.kind != .ephemeral
    status.state.waiting.reason = isInitializing ? "PodInitializing" : "ContainerCreating"
  }

  /// Whether every init container is done and every sidecar is started.
  private var hasInitialized: Bool {
    if pod.spec.containers.contains(where: { observed.latest($0.name) != nil }) { return true }
    return pod.spec.initContainers.allSatisfy { container in
      guard let latest = observed.latest(container.name) else { return false }
      if container.isSidecar { return latest.isRunning && started.contains(latest.id) }
      return latest.isExited && latest.status.exitCode == 0
    }
  }

  private func isReady(_ role: ContainerRole, _ status: ContainerStatus, _ latest: ObservedContainer?) -> Bool {
    switch role.kind {
    case .initial: return status.state.hasTerminated && status.state.terminated.exitCode == 0
    case .ephemeral: return false
    case .ordinary, .sidecar:
      guard let latest, latest.isRunning else { return false }
      return ready.contains(latest.id)
    }
  }

  private func addResources(_ status: inout ContainerStatus, _ role: ContainerRole, _ latest: ObservedContainer?) {
    guard role.kind != .ephemeral else { return }
    if latest != nil {
      let actual: ResourceRequirements = resizing?.actual[role.name] ?? role.container.resources
      status.resources = .with {
        $0.limits = actual.limits
        $0.requests = actual.requests
      }
      status.allocatedResources = (resizing?.allocation[role.name] ?? role.container.resources).requests
    }
  }
}
