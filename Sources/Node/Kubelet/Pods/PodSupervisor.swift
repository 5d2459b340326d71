// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeClient
import KubeCore
import KubeMeta
import Logging

/// Has one worker for every pod that belongs on this node, and for every one that does not any more but still runs.
actor PodSupervisor {
  private let services: PodServices
  private let nursery: Nursery
  private var workers: [PodUID: PodWorker] = [:]
  /// Static pods by `namespace/name`.
  private var statics: [String: Pod] = [:]
  /// Mirror pods by `namespace/name`.
  private var mirrors: [String: Pod] = [:]
  private var hasAPIPods: Bool
  private var hasStaticPods: Bool
  /// The node's object, which owns mirror pods.
  private var nodeReference: MetaOwnerReference?
  /// Called with the pods that are on this node now.
  private let podsChanged: @Sendable ([Pod]) async -> Void

  init(
    services: PodServices, nursery: Nursery, awaitsAPI: Bool, awaitsManifests: Bool,
    podsChanged: @Sendable @escaping ([Pod]) async -> Void
  ) {
    self.services = services
    self.nursery = nursery
    self.hasAPIPods = !awaitsAPI
    self.hasStaticPods = !awaitsManifests
    self.podsChanged = podsChanged
  }

  // MARK: Sources

  /// Takes a change of a pod in the API.
  func take(_ event: InformerEvent<Pod>) async {
    switch event {
    case .added(let pod), .updated(_, let pod):
      if pod.isMirror {
        await takeMirror(pod)
      } else if let worker: PodWorker = workers[pod.uid] {
        await worker.update(pod)
        await podsChanged([pod])
      } else {
        await podsChanged([pod])
        await admit(pod)
      }
    case .deleted(let pod):
      if pod.isMirror {
        mirrors[pod.key.description] = nil
        await ensureMirrors()
      } else {
        await workers[pod.uid]?.removed(
          grace: pod.metadata.hasDeletionGracePeriodSeconds ? pod.metadata.deletionGracePeriodSeconds : nil)
      }
    }
  }

  /// The API's pods have been listed.
  func apiSynced() async {
    hasAPIPods = true
    await ensureMirrors()
  }

  /// Takes the static pods, all of them.
  func take(statics pods: [Pod]) async {
    hasStaticPods = true
    let wanted: Set<PodUID> = Set(pods.map(\.uid))
    for old: Pod in statics.values where !wanted.contains(old.uid) {
      await workers[old.uid]?.removed(grace: old.spec.terminationGracePeriodSeconds)
    }
    statics = Dictionary(pods.map { ($0.key.description, $0) }) { first, _ in first }
    await podsChanged(Array(statics.values))
    await startStatics()
    await ensureMirrors()
  }

  /// Starts static pods; one whose predecessor of the same name still ends waits for it.
  private func startStatics() async {
    for pod: Pod in statics.values where workers[pod.uid] == nil {
      var hasPredecessor: Bool = false
      for worker: PodWorker in workers.values where await worker.pod.key == pod.key { hasPredecessor = true }
      if !hasPredecessor, workers[pod.uid] == nil { add(pod) }
    }
  }

  /// The node has its object: mirror pods can be made.
  func take(node: MetaOwnerReference) async {
    nodeReference = node
    await ensureMirrors()
  }

  /// Starts a pod of the API, or refuses it where the node has no room for it.
  private func admit(_ pod: Pod) async {
    // What ran here before the kubelet was started anew has its place.
    guard !pod.status.hasStartTime, !pod.metadata.hasDeletionTimestamp else { return add(pod) }
    var others: [Pod] = []
    for worker: PodWorker in workers.values where await worker.stage != .terminated && worker.uid != pod.uid {
      others.append(await worker.pod)
    }
    guard workers[pod.uid] == nil else { return }
    let admission: PodAdmission = PodAdmission(allocatable: services.node.allocatable, others: others)
    guard let refusal = admission.refusal(of: pod) else { return add(pod) }
    services.events.record(pod, type: "Warning", reason: refusal.reason, message: refusal.message, fieldPath: "")
    let worker: PodWorker = PodWorker(pod: pod, services: services)
    await worker.end(
      with: .init(phase: "Failed", reason: refusal.reason, message: "Pod was rejected: \(refusal.message)", isRefusal: true),
      grace: 0)
    start(worker)
  }

  private func add(_ pod: Pod) { start(PodWorker(pod: pod, services: services)) }

  private func start(_ worker: PodWorker) {
    workers[worker.uid] = worker
    nursery.start { [self] in
      await worker.run()
      if !Task.isCancelled { await self.ended(worker.uid) }
    }
  }

  private func ended(_ uid: PodUID) async {
    workers[uid] = nil
    services.room.release(uid)
    await podsChanged([])
    await startStatics()
    await ensureMirrors()
  }

  // MARK: Mirrors

  private func takeMirror(_ mirror: Pod) async {
    let key: String = mirror.key.description
    mirrors[key] = mirror
    guard let pod: Pod = statics[key], pod.metadata.annotations[PodAnnotation.hash] == mirror.metadata.annotations[PodAnnotation.mirror],
      !mirror.metadata.hasDeletionTimestamp
    else { return await ensureMirrors() }
    await workers[pod.uid]?.updateMirror(mirror)
  }

  /// Makes missing mirrors and removes those that show nothing.
  private func ensureMirrors() async {
    guard services.api.isConnected, hasAPIPods, hasStaticPods, let owner: MetaOwnerReference = nodeReference else { return }
    for (key, mirror) in mirrors {
      let hash: String? = statics[key]?.metadata.annotations[PodAnnotation.hash]
      if hash == mirror.metadata.annotations[PodAnnotation.mirror], !mirror.metadata.hasDeletionTimestamp { continue }
      await attempt("remove a mirror pod") { try await services.api.remove(mirror) }
    }
    for (key, pod) in statics where mirrors[key] == nil {
      var mirror: Pod = pod
      mirror.metadata.uid = ""
      mirror.metadata.annotations[PodAnnotation.mirror] = pod.metadata.annotations[PodAnnotation.hash]
      mirror.metadata.ownerReferences = [owner]
      mirror.status = PodStatus()
      let worker: PodWorker? = workers[pod.uid]
      await attempt("create a mirror pod") {
        if let created: Pod = try await services.api.createMirror(mirror) {
          mirrors[key] = created
          await worker?.updateMirror(created)
        }
      }
    }
  }

  private func attempt(_ what: String, _ body: () async throws -> Void) async {
    do {
      try await body()
    } catch {
      services.logger.warning("cannot \(what)", metadata: ["error": "\(error)"])
    }
  }

  // MARK: Events and housekeeping

  /// Something happened to a pod's containers.
  func wake(_ uid: PodUID) { workers[uid]?.wake.raise() }

  /// Something happened that may concern every pod.
  func wakeAll() { for worker: PodWorker in workers.values { worker.wake.raise() } }

  /// Wakes the pods for which the test holds.
  func wake(where test: @Sendable (Pod) -> Bool) async {
    for worker: PodWorker in workers.values where test(await worker.pod) { worker.wake.raise() }
  }

  var isReady: Bool { hasAPIPods && hasStaticPods }

  func hasWorker(_ uid: PodUID) -> Bool { workers[uid] != nil }

  /// The pods of this node with their newest status.
  func pods() async -> [Pod] {
    var pods: [Pod] = []
    for worker: PodWorker in workers.values { pods.append(await worker.currentPod()) }
    return pods.sorted { $0.key < $1.key }
  }

  /// The worker of a pod by its name; a static pod is also found by the UID of its mirror.
  func worker(namespace: String, name: String, uid: String? = nil) async -> PodWorker? {
    var found: PodWorker?
    for worker: PodWorker in workers.values {
      let pod: Pod = await worker.pod
      guard pod.metadata.namespace == namespace, pod.metadata.name == name else { continue }
      if let uid, uid == pod.metadata.uid { return worker }
      found = worker
    }
    return found
  }

  /// Ends what still runs of a pod that nobody wants: it was removed while the kubelet was away.
  ///
  /// - Parameter grace: what its containers were promised when they were made, in seconds.
  func adopt(orphan uid: PodUID, name: String, namespace: String, grace: Int64) {
    guard isReady, workers[uid] == nil else { return }
    var pod: Pod = Pod()
    pod.metadata.uid = uid.text
    pod.metadata.name = name
    pod.metadata.namespace = namespace
    pod.metadata.annotations[PodAnnotation.source] = "orphan"
    pod.spec.terminationGracePeriodSeconds = grace
    services.logger.info("ending a pod that is no longer wanted", metadata: ["pod": "\(pod.display)"])
    add(pod)
    let worker: PodWorker? = workers[uid]
    nursery.start { await worker?.removed(grace: nil) }
  }

  /// Ends a pod for want of a resource.
  func evict(_ uid: PodUID, message: String) async {
    await workers[uid]?.end(with: .init(phase: "Failed", reason: "Evicted", message: message), grace: 0)
  }
}
