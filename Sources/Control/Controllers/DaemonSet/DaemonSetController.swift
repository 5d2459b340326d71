// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Runs one pod of a template on every node that suits.
final class DaemonSetController: Controller {
  static let name: String = "daemonset-controller"
  static let account: String = "daemon-set-controller"

  let context: ControllerContext
  let control: PodControl
  let recorder: EventRecorder
  let expectations: Expectations = Expectations()
  private let sets: Informer<DaemonSet>
  private let nodes: Informer<Node>
  private let ownership: PodOwnership
  private let history: RevisionHistory
  private let queue: WorkQueue<ObjectKey> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    sets = context.informers.informer(DaemonSet.self)
    nodes = context.informers.informer(Node.self)
    ownership = PodOwnership(context)
    history = RevisionHistory(context)
    recorder = EventRecorder(client: context.client, component: Self.name)
    control = PodControl(client: context.client, recorder: recorder)
    sets.addHandler { [queue] event in queue.add(event.object.key) }
    ownership.follow(
      for: sets, queue, expectations, selector: { LabelSelector($0.spec.selector) },
      minReadySeconds: { $0.spec.minReadySeconds })
    nodes.addHandler { [queue, sets] event in
      if case .updated(let old, let new) = event, old.metadata.labels == new.metadata.labels, old.spec == new.spec {
        return
      }
      for set: DaemonSet in sets.list() { queue.add(set.key) }
    }
  }

  func run() async throws {
    try await context.together([
      { [self] in try await recorder.run() },
      { [self] in try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) } },
    ])
  }

  // MARK: Reconciling

  private func reconcile(_ key: ObjectKey) async throws {
    guard let set: DaemonSet = sets.get(key) else { return expectations.forget(key) }
    guard !set.metadata.isBeingDeleted, !LabelSelector(set.spec.selector).isEmpty else { return }
    let revision: ControllerRevision = try await history.current(
      set, template: set.spec.template, labels: set.spec.template.metadata.labels)
    let hash: String = revision.metadata.labels[RevisionHistory.hashLabel] ?? ""
    let pods: [Pod] = try await ownership.claim(for: set, selector: LabelSelector(set.spec.selector))
    var plan: DaemonPlan = DaemonPlan(set: set, nodes: nodes.list(), pods: pods, hash: hash, now: .now)
    if expectations.areSatisfied(key) {
      plan.decide()
      try await carryOut(plan, hash)
      let inUse: Set<String> = Set(
        pods.compactMap { $0.metadata.labels[RevisionHistory.hashLabel] }.map { "\(set.metadata.name)-\($0)" })
      try await history.trim(
        set, limit: set.spec.hasRevisionHistoryLimit ? Int(set.spec.revisionHistoryLimit) : 10,
        inUse: inUse.union([revision.metadata.name]))
    }
    var status: DaemonSetStatus = plan.status
    status.observedGeneration = set.metadata.generation
    if status != set.status {
      var changed: DaemonSet = set
      changed.status = status
      sets.remember(try await context.client.updateStatus(changed))
    }
  }

  private func carryOut(_ plan: DaemonPlan, _ hash: String) async throws {
    let set: DaemonSet = plan.set
    let control: PodControl = control
    if !plan.delete.isEmpty {
      expectations.expectDeletions(set.key, plan.delete.map(\.metadata.uid))
      for pod: Pod in plan.delete {
        do throws(KubeClientError) {
          try await control.delete(pod, for: set)
        } catch {
          expectations.observeDeletion(set.key, pod.metadata.uid)
          throw error
        }
      }
    }
    let targets: [String] = Array(plan.create.prefix(PodControl.burst))
    guard !targets.isEmpty else { return }
    expectations.expectCreations(set.key, targets.count)
    let pods: [Pod] = targets.map { pod(set, node: $0, hash: hash) }
    let result: (successes: Int, error: KubeClientError?) = await PodControl.slowStart(pods.count) {
      place throws(KubeClientError) in
      try await control.create(pods[place], for: set)
    }
    for _ in result.successes..<targets.count { expectations.observeCreation(set.key) }
    if let error: KubeClientError = result.error, !error.isNamespaceTerminating { throw error }
  }

  /// The set's pod for a node: the scheduler puts it there because it may go nowhere else.
  private func pod(_ set: DaemonSet, node: String, hash: String) -> Pod {
    var pod: Pod = PodControl.pod(from: set.spec.template, for: set)
    pod.metadata.labels[RevisionHistory.hashLabel] = hash
    pod.spec.tolerations += DaemonPlan.tolerations(pod.spec)
    var requirement: NodeSelectorRequirement = NodeSelectorRequirement()
    requirement.key = "metadata.name"
    requirement.operator = "In"
    requirement.values = [node]
    var terms: [NodeSelectorTerm] =
      pod.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms
    if terms.isEmpty { terms = [NodeSelectorTerm()] }
    for place: Int in terms.indices { terms[place].matchFields = [requirement] }
    pod.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms = terms
    return pod
  }
}
