// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import Logging

/// The one task that knows the cluster and decides.
final class SchedulingLoop {
  /// How many bindings are written at a time; more would only wait in the server.
  private static let bindingsMax: Int = 64

  private let configuration: SchedulerConfiguration
  private let volumes: VolumeView
  private let budgets: Informer<PodDisruptionBudget>
  private let binder: Binder
  private let inbox: SchedulerInbox
  private let logger: Logger
  private let cache: ClusterCache = ClusterCache()
  private var queue: SchedulingQueue = SchedulingQueue()
  private var cycle: SchedulingCycle
  private var nominated: [String: [PodInfo]] = [:]

  init(
    configuration: SchedulerConfiguration, volumes: VolumeView, budgets: Informer<PodDisruptionBudget>, binder: Binder,
    inbox: SchedulerInbox, logger: Logger
  ) {
    self.configuration = configuration
    self.volumes = volumes
    self.budgets = budgets
    self.binder = binder
    self.inbox = inbox
    self.logger = logger
    cycle = SchedulingCycle(percentageOfNodesToScore: configuration.percentageOfNodesToScore)
  }

  /// Reads messages and schedules until the task is cancelled.
  func run() async throws {
    let inbox: SchedulerInbox = inbox
    try await withThrowingTaskGroup(of: Void.self) { group in
      var running: Int = 0
      var due: ContinuousClock.Instant?
      while !Task.isCancelled {
        for message: SchedulerMessage in inbox.take() { hear(message) }
        let next: ContinuousClock.Instant? = queue.flush(now: .now)
        guard let pod: QueuedPod = queue.pop() else {
          if let next, due == nil || next < due ?? next || due ?? next < .now {
            due = next
            // The tick outlives the group only if the loop is cancelled, and then it is, too.
            group.addTask {
              try await Task.sleep(until: next, clock: .continuous)
              inbox.post(.tick)
            }
            running += 1
          }
          await inbox.wait()
          continue
        }
        if let work: @Sendable () async -> Void = decide(pod) {
          group.addTask { await work() }
          running += 1
          while running > Self.bindingsMax {
            try await group.next()
            running -= 1
          }
        }
      }
      group.cancelAll()
    }
    throw CancellationError()
  }

  // MARK: Hearing

  private func hear(_ message: SchedulerMessage) {
    switch message {
    case .pod(let event): hear(pod: event)
    case .node(.deleted(let node)): cache.removeNode(node.metadata.name)
    case .node(.added(let node)):
      cache.set(node)
      queue.moveAll(now: .now)
    case .node(.updated(let old, let node)):
      // Heartbeats change nothing that decides.
      let isRelevant: Bool =
        old.spec != node.spec || old.metadata.labels != node.metadata.labels
        || old.status.allocatable != node.status.allocatable
      if isRelevant || old.status.images != node.status.images { cache.set(node) }
      if isRelevant { queue.moveAll(now: .now) }
    case .namespace(.deleted(let namespace)): cache.setNamespace(namespace.metadata.name, labels: nil)
    case .namespace(let event): cache.setNamespace(event.object.metadata.name, labels: event.object.metadata.labels)
    case .volumes: queue.moveAll(now: .now) { !$0.info.claimNames.isEmpty }
    case .bindingFailed(let pod):
      cache.remove(uid: pod.info.uid)
      queue.retry(pod, now: .now)
      queue.moveAll(now: .now)
    case .tick: break
    }
  }

  private func hear(pod event: InformerEvent<Pod>) {
    let pod: Pod = event.object
    let uid: String = pod.metadata.uid
    if case .deleted = event {
      queue.remove(uid: uid)
      dismiss(uid)
      let wasPlaced: Bool = cache.placed(uid: uid) != nil
      cache.remove(uid: uid)
      if wasPlaced { queue.moveAll(now: .now) }
      return
    }
    if !pod.spec.nodeName.isEmpty {
      queue.remove(uid: uid)
      dismiss(uid)
      if pod.isTerminal {
        guard cache.placed(uid: uid) != nil else { return }
        cache.remove(uid: uid)
        queue.moveAll(now: .now)
      } else {
        hear(placed: PodInfo(pod))
      }
      return
    }
    guard configuration.schedulerNames.contains(pod.spec.schedulerName), !pod.metadata.isBeingDeleted, !pod.isTerminal
    else {
      queue.remove(uid: uid)
      return
    }
    // The pod is assumed on a node already and its binding is on its way.
    guard cache.placed(uid: uid) == nil else { return }
    var wakes: Bool = true
    if case .updated(let old, let new) = event {
      wakes = old.spec != new.spec || old.metadata.labels != new.metadata.labels
    }
    queue.set(PodInfo(pod), wakes: wakes, now: .now)
  }

  private func hear(placed pod: PodInfo) {
    let known: PodInfo? = cache.placed(uid: pod.uid)
    if let known, known.nodeName == pod.nodeName, known.requests == pod.requests, known.labels == pod.labels,
      known.isBeingDeleted == pod.isBeingDeleted
    {
      return
    }
    cache.place(pod, on: pod.nodeName)
    // A pod with new labels, or one that is there at all, can satisfy others' affinity; one that shrank leaves room.
    if known == nil || known?.labels != pod.labels {
      queue.moveAll(now: .now) { $0.info.hasAffinity || !$0.info.hardSpread.isEmpty }
    } else if known?.requests != pod.requests {
      queue.moveAll(now: .now)
    }
  }

  private func dismiss(_ uid: String) {
    guard !nominated.isEmpty else { return }
    for node: String in nominated.keys {
      nominated[node]?.removeAll { $0.uid == uid }
      if nominated[node]?.isEmpty ?? false { nominated[node] = nil }
    }
  }

  // MARK: Deciding

  /// Decides for one pod; what is to be written is the answer.
  private func decide(_ queued: QueuedPod) -> (@Sendable () async -> Void)? {
    let binder: Binder = binder
    switch cycle.schedule(queued, cache: cache, volumes: volumes, nominated: nominated) {
    case .node(let node, let claims):
      cache.place(queued.info, on: node.name)
      dismiss(queued.info.uid)
      let name: String = node.name
      let plan: ClaimPlan = ClaimPlan(claims, on: node, volumes: volumes)
      return { await binder.bind(queued, to: name, plan: plan) }
    case .unschedulable(var failure):
      var queued: QueuedPod = queued
      var victims: [PodInfo] = []
      let preemption: Preemption = Preemption(budgets: budgets.list())
      switch preemption.find(queued, failure: failure, cache: cache, volumes: volumes) {
      case .candidate(let candidate):
        queued.nominatedNode = candidate.node
        victims = candidate.victims
        dismiss(queued.info.uid)
        nominated[candidate.node, default: []].append(queued.info)
      case .none(let reason): failure.preemption = reason
      }
      queue.putBack(queued, now: .now)
      let message: String = failure.message
      logger.debug("no node for \(queued.info.key)", metadata: ["reason": "\(message)"])
      return { [queued, victims] in await binder.tellUnschedulable(queued, message: message, victims: victims) }
    }
  }
}
