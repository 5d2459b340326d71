// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta
import KubeValues

extension PodStatusBuilder {
  /// The pod's phase, from the states of its containers.
  func phase(_ status: PodStatus) -> String {
    var pendingInit: Int = 0
    var failedInit: Int = 0
    for (container, state) in zip(pod.spec.initContainers, status.initContainerStatuses) {
      if container.isSidecar {
        if state.state.hasTerminated || state.state.hasRunning || state.lastState.hasTerminated { continue }
        pendingInit += 1
        continue
      }
      if state.state.hasRunning {
        pendingInit += 1
      } else if state.state.hasTerminated {
        if state.state.terminated.exitCode != 0 { failedInit += 1 }
      } else if state.state.hasWaiting {
        if state.lastState.hasTerminated {
          if state.lastState.terminated.exitCode != 0 { failedInit += 1 }
        } else {
          pendingInit += 1
        }
      }
    }
    var waiting: Int = 0
    var running: Int = 0
    var stopped: Int = 0
    var succeeded: Int = 0
    for state: ContainerStatus in status.containerStatuses {
      if state.state.hasRunning {
        running += 1
      } else if state.state.hasTerminated {
        stopped += 1
        if state.state.terminated.exitCode == 0 { succeeded += 1 }
      } else if state.lastState.hasTerminated {
        stopped += 1
      } else {
        waiting += 1
      }
    }
    if failedInit > 0 && pod.restartPolicy == "Never" { return "Failed" }
    let hasStartedAny: Bool = running + stopped > 0
    if pendingInit > 0 && !hasStartedAny { return isTerminated ? "Failed" : "Pending" }
    if failedInit > 0 && !hasStartedAny { return isTerminated ? "Failed" : "Pending" }
    if waiting > 0 { return isTerminated ? "Failed" : "Pending" }
    if running > 0 { return isTerminated ? "Failed" : "Running" }
    if stopped > 0 {
      if isTerminated { return succeeded == stopped ? "Succeeded" : "Failed" }
      if pod.restartPolicy == "Always" { return "Running" }
      if stopped == succeeded { return "Succeeded" }
      if pod.restartPolicy == "Never" { return "Failed" }
      return "Running"
    }
    return isTerminated ? "Failed" : "Pending"
  }

  /// Adds the kubelet's conditions; those of others stay as they are.
  func addConditions(_ status: inout PodStatus) {
    let isEnded: Bool = status.phase == "Failed" || status.phase == "Succeeded"
    let unready: [String] = unreadyContainers(status)
    let initialized: Condition = initializedCondition(status)
    var containersReady: Condition = Condition("ContainersReady", unready.isEmpty)
    if isEnded {
      containersReady = Condition(
        "ContainersReady", false, status.phase == "Failed" ? "PodFailed" : "PodCompleted", "")
    } else if !unready.isEmpty {
      containersReady = Condition(
        "ContainersReady", false, "ContainersNotReady", "containers with unready status: [\(unready.joined(separator: " "))]")
    }
    var ready: Condition = containersReady
    ready.type = "Ready"
    if containersReady.isTrue {
      let missing: [String] = pod.spec.readinessGates.map(\.conditionType).filter { gate in
        !status.conditions.contains { $0.type == gate && $0.status == "True" }
      }
      if !missing.isEmpty {
        let text: [String] = missing.map { gate in
          status.conditions.contains { $0.type == gate }
            ? "the status of pod readiness gate \"\(gate)\" is not \"True\", but False"
            : "corresponding condition of pod readiness gate \"\(gate)\" does not exist."
        }
        ready = Condition("Ready", false, "ReadinessGatesNotReady", text.joined(separator: ", "))
      }
    }
    let hasNetwork: Bool = observed.readySandbox != nil && (pod.spec.hostNetwork || !observed.podIPs.isEmpty)
    var ours: [Condition] = [
      Condition("PodReadyToStartContainers", hasNetwork), initialized, ready, containersReady,
      Condition("PodScheduled", true),
    ]
    if let verdict, verdict.reason == "Evicted" {
      ours.append(Condition("DisruptionTarget", true, "TerminationByKubelet", verdict.message))
    }
    ours += resizeConditions()
    let types: Set<String> = Set(ours.map(\.type))
    let old: [PodCondition] = status.conditions.filter { !Self.resizeConditions.contains($0.type) || types.contains($0.type) }
    var result: [PodCondition] = ours.map { $0.merged(into: old, pod.metadata.generation, now) }
    result += old.filter { condition in !ours.contains { $0.type == condition.type } }
    status.conditions = result
  }

  private func resizeConditions() -> [Condition] {
    guard let resizing, verdict == nil else { return [] }
    var conditions: [Condition] = []
    if let pending = resizing.pending {
      conditions.append(Condition("PodResizePending", true, pending.reason, pending.message))
    }
    if resizing.isInProgress {
      conditions.append(
        Condition("PodResizeInProgress", true, resizing.failure == nil ? "" : "Error", resizing.failure ?? ""))
    }
    return conditions
  }

  private func unreadyContainers(_ status: PodStatus) -> [String] {
    var names: [String] = zip(pod.spec.initContainers, status.initContainerStatuses)
      .filter { $0.0.isSidecar && !$0.1.ready }.map(\.0.name)
    names += status.containerStatuses.filter { !$0.ready }.map(\.name)
    return names
  }

  private func initializedCondition(_ status: PodStatus) -> Condition {
    if status.phase == "Succeeded" { return Condition("Initialized", true, "PodCompleted", "") }
    let hasStarted: Bool = status.containerStatuses.contains {
      $0.state.hasRunning || $0.state.hasTerminated || $0.lastState.hasTerminated
    }
    if hasStarted { return Condition("Initialized", true) }
    let incomplete: [String] = zip(pod.spec.initContainers, status.initContainerStatuses).filter {
      $0.0.isSidecar ? !$0.1.started : !($0.1.state.hasTerminated && $0.1.state.terminated.exitCode == 0)
    }.map(\.0.name)
    if incomplete.isEmpty { return Condition("Initialized", true) }
    return Condition(
      "Initialized", false, "ContainersNotInitialized",
      "containers with incomplete status: [\(incomplete.joined(separator: " "))]")
  }

  /// One condition that the kubelet owns.
  struct Condition {
    var type: String
    var isTrue: Bool
    var reason: String
    var message: String

    init(_ type: String, _ isTrue: Bool, _ reason: String = "", _ message: String = "") {
      self.type = type
      self.isTrue = isTrue
      self.reason = reason
      self.message = message
    }

    /// The condition, with the old one's time where its status did not change.
    func merged(into old: [PodCondition], _ generation: Int64, _ now: Timestamp) -> PodCondition {
      let before: PodCondition? = old.first { $0.type == type }
      let status: String = isTrue ? "True" : "False"
      // The scheduler wrote it first; it is only kept true.
      if type == "PodScheduled", let before, before.status == status { return before }
      var condition: PodCondition = PodCondition()
      condition.type = type
      condition.status = status
      if generation != 0 { condition.observedGeneration = generation }
      if let before, before.status == status, before.hasLastTransitionTime {
        condition.lastTransitionTime = before.lastTransitionTime
      } else {
        condition.lastTransitionTime = MetaTime(now)
      }
      if !reason.isEmpty { condition.reason = reason }
      if !message.isEmpty { condition.message = message }
      return condition
    }
  }
}

extension PodStatusBuilder {
  /// The conditions that the kubelet writes; it never touches others.
  static let ownConditions: Set<String> = resizeConditions.union([
    "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled", "DisruptionTarget",
  ])

  /// Those that are there only while a change of CPU or memory is under way.
  static let resizeConditions: Set<String> = ["PodResizePending", "PodResizeInProgress"]
}
