// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeCore

/// How far a change of a running pod's CPU and memory has come.
struct Resizing: Sendable, Equatable {
  /// What the pod was given: what it asks for, once the node had room for it.
  var allocation: Allocation
  /// What its containers run with.
  var actual: Allocation
  /// Why the node does not give what is asked for: `Deferred` or `Infeasible`, and the message.
  var pending: PodStatusBuilder.Waiting?
  /// Containers do not yet run with what the pod was given.
  var isInProgress: Bool = false
  /// Why they do not.
  var failure: String?
  /// The settings of containers (by id) that were changed or looked at.
  var applied: [String: CRILinuxContainerResources] = [:]

  init(_ pod: Pod) {
    allocation = pod.remembered
    actual = allocation
  }
}

extension PodWorker {
  /// A change that found no room is tried again after this.
  private static let resizeRetry: Duration = .seconds(3)

  /// The pod with the CPU and memory that it was given.
  var allocated: Pod { pod.with(resizing.allocation) }

  /// Gives the pod what it asks for by now, and its running containers what the pod has.
  ///
  /// - Returns: the ids of containers that are to be started anew for it.
  func resize() async -> Set<String> {
    allocate()
    return await actuate()
  }

  private func allocate() {
    let wanted: Allocation = pod.wanted
    guard wanted != resizing.allocation else {
      resizing.pending = nil
      return
    }
    let needs: ResourceAmounts = pod.totalRequests
    switch services.room.resize(uid, to: needs, allocatable: services.node.allocatable) {
    case .fits:
      resizing.allocation = wanted
      resizing.pending = nil
    case .later(let why): refuse("Deferred", why)
    case .never(let why): refuse("Infeasible", why)
    }
  }

  private func refuse(_ reason: String, _ message: String) {
    if resizing.pending?.reason != reason { tell(pod, "Warning", "Resize\(reason)", "Pod resize \(reason): \(message)") }
    resizing.pending = .init(reason: reason, message: message)
    look(after: Self.resizeRetry)
  }

  private struct Change {
    var container: ObservedContainer
    var role: ContainerRole
    var names: Set<String>
    var resources: CRILinuxContainerResources
  }

  /// The running containers that have other settings than they shall have.
  private func changes(_ target: Pod) -> [Change] {
    var changes: [Change] = []
    for role: ContainerRole in target.roles where role.kind != .ephemeral {
      guard let latest = observed.latest(role.name), latest.isRunning else { continue }
      let want: CRILinuxContainerResources = services.groups.resources(of: role.container, in: target)
      // A runtime that does not say what a container has is believed to have done what it was told.
      let told: CRILinuxContainerResources = latest.status.resources.hasLinux ? latest.status.resources.linux : want
      let have: CRILinuxContainerResources = resizing.applied[latest.id] ?? told
      resizing.applied[latest.id] = have
      let names: Set<String> = Container.differences(have, want)
      if names.isEmpty {
        resizing.actual[role.name] = role.container.resources
      } else {
        changes.append(Change(container: latest, role: role, names: names, resources: want))
      }
    }
    return changes
  }

  private func actuate() async -> Set<String> {
    let target: Pod = allocated
    let running: Set<String> = Set(observed.containers.map(\.id))
    resizing.applied = resizing.applied.filter { running.contains($0.key) }
    let changes: [Change] = changes(target)
    guard !changes.isEmpty else {
      resizing.failure = nil
      settle()
      return []
    }
    if !resizing.isInProgress {
      resizing.isInProgress = true
      tell(pod, "Normal", "ResizeStarted", "Pod resize started")
      report()
    }
    // The pod's group is wide enough for its containers at every moment: it grows first and shrinks last.
    services.groups.widen(for: target)
    resizing.failure = nil
    var restarts: Set<String> = []
    for change: Change in changes {
      if change.role.container.restarts(onChangeOf: change.names) {
        restarts.insert(change.container.id)
        continue
      }
      do {
        try await services.runtime.updateContainer(change.container.id, resources: change.resources)
        resizing.applied[change.container.id] = change.resources
        resizing.actual[change.role.name] = change.role.container.resources
      } catch {
        if Task.isCancelled { return [] }
        resizing.failure = "\(error)"
        tell(pod, "Warning", "ResizeError", "Error resizing container \(change.role.name): \(error)", fieldPath: change.role.fieldPath)
        look(after: Self.resizeRetry)
      }
    }
    if restarts.isEmpty, resizing.failure == nil { settle() }
    return restarts
  }

  /// Looks whether all containers run with what they were given, and lets the pod's group be as small as it may.
  func settle() {
    guard resizing.isInProgress, resizing.failure == nil else { return }
    let target: Pod = allocated
    guard changes(target).isEmpty else { return }
    services.groups.make(for: target)
    resizing.isInProgress = false
    tell(pod, "Normal", "ResizeCompleted", "Pod resize completed")
  }
}
