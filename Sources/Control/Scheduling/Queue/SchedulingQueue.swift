// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore

/// A pod that waits for a node.
struct QueuedPod: Sendable {
  var info: PodInfo
  /// When the pod came into the queue for the first time.
  var arrived: ContinuousClock.Instant
  var attempts: Int = 0
  /// When it was last found not to fit.
  var failedAt: ContinuousClock.Instant
  /// The node that preemption makes room on.
  var nominatedNode: String = ""
}

/// The pods that wait. Pure: time is a parameter.
///
/// ```
/// add ──> active ──pop──> (scheduling) ──fits──> (bound)
///           ^  ^               │ does not fit
///   back-off│  │moved, and     v
///    is over│  │back-off over  unschedulable
///         backingOff <──moved───┘
/// ```
///
/// `active` is ordered by priority, then by arrival. Something that changes in the cluster moves what did not fit.
struct SchedulingQueue: Sendable {
  /// Upstream's podInitialBackoffSeconds and podMaxBackoffSeconds.
  static let firstPause: Duration = .seconds(1)
  static let lastPause: Duration = .seconds(10)
  /// What did not fit is tried again after this time even if nothing changes.
  static let unschedulableMax: Duration = .seconds(300)

  private struct HeapEntry: Sendable {
    var uid: String
    var priority: Int32
    var arrived: ContinuousClock.Instant
    var sequence: UInt64

    func isBefore(_ other: HeapEntry) -> Bool {
      if priority != other.priority { return priority > other.priority }
      if arrived != other.arrived { return arrived < other.arrived }
      return sequence < other.sequence
    }
  }

  private(set) var active: [String: QueuedPod] = [:]
  private(set) var backingOff: [String: (pod: QueuedPod, until: ContinuousClock.Instant)] = [:]
  private(set) var unschedulable: [String: QueuedPod] = [:]
  /// Pods whose gates are still closed.
  private(set) var gated: [String: QueuedPod] = [:]
  private var heap: [HeapEntry] = []
  private var sequence: UInt64 = 0

  var isEmpty: Bool { active.isEmpty }

  /// Takes in a new pod, or the new state of one that waits.
  ///
  /// - Parameter wakes: whether the change may let a pod fit that did not.
  mutating func set(_ info: PodInfo, wakes: Bool, now: ContinuousClock.Instant) {
    let uid: String = info.uid
    var pod: QueuedPod =
      remove(uid: uid, keepsPlace: true) ?? QueuedPod(info: info, arrived: now, failedAt: now)
    let previous: Place? = removedFrom
    pod.info = info
    if pod.nominatedNode.isEmpty { pod.nominatedNode = info.pod.status.nominatedNodeName }
    guard info.pod.spec.schedulingGates.isEmpty else {
      gated[uid] = pod
      return
    }
    switch previous {
    case .unschedulable where !wakes: unschedulable[uid] = pod
    case .backingOff(let until) where until > now: backingOff[uid] = (pod, until)
    case .unschedulable: wake(pod, now: now)
    default: activate(pod)
    }
  }

  private enum Place: Sendable {
    case active
    case unschedulable
    case gated
    case backingOff(until: ContinuousClock.Instant)
  }

  /// Where `remove` found its pod.
  private var removedFrom: Place?

  @discardableResult
  mutating func remove(uid: String, keepsPlace: Bool = false) -> QueuedPod? {
    removedFrom = nil
    if let pod: QueuedPod = active.removeValue(forKey: uid) {
      removedFrom = .active
      return pod
    }
    if let pod: QueuedPod = unschedulable.removeValue(forKey: uid) {
      removedFrom = .unschedulable
      return pod
    }
    if let pod: QueuedPod = gated.removeValue(forKey: uid) {
      removedFrom = .gated
      return pod
    }
    guard let entry: (pod: QueuedPod, until: ContinuousClock.Instant) = backingOff.removeValue(forKey: uid) else {
      return nil
    }
    removedFrom = .backingOff(until: entry.until)
    return entry.pod
  }

  /// The pod that is next.
  mutating func pop() -> QueuedPod? {
    while let entry: HeapEntry = popHeap() {
      // Entries of pods that were taken out, or came in again, are stale.
      guard let pod: QueuedPod = active[entry.uid], pod.arrived == entry.arrived else { continue }
      active[entry.uid] = nil
      return pod
    }
    return nil
  }

  /// Puts a pod back that did not fit.
  mutating func putBack(_ pod: QueuedPod, now: ContinuousClock.Instant) {
    var pod: QueuedPod = pod
    pod.attempts += 1
    pod.failedAt = now
    unschedulable[pod.info.uid] = pod
  }

  /// Puts a pod back whose binding failed: it is tried again after its back-off.
  mutating func retry(_ pod: QueuedPod, now: ContinuousClock.Instant) {
    var pod: QueuedPod = pod
    pod.attempts += 1
    pod.failedAt = now
    wake(pod, now: now)
  }

  /// Something changed in the cluster: what did not fit is tried again.
  mutating func moveAll(now: ContinuousClock.Instant, where predicate: (QueuedPod) -> Bool = { _ in true }) {
    for (uid, pod) in unschedulable where predicate(pod) {
      unschedulable[uid] = nil
      wake(pod, now: now)
    }
  }

  /// Activates what has waited long enough; returns when to look again.
  mutating func flush(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    var next: ContinuousClock.Instant?
    for (uid, entry) in backingOff {
      if entry.until <= now {
        backingOff[uid] = nil
        activate(entry.pod)
      } else {
        next = min(next ?? entry.until, entry.until)
      }
    }
    for (uid, pod) in unschedulable {
      let until: ContinuousClock.Instant = pod.failedAt + Self.unschedulableMax
      if until <= now {
        unschedulable[uid] = nil
        activate(pod)
      } else {
        next = min(next ?? until, until)
      }
    }
    return next
  }

  private mutating func wake(_ pod: QueuedPod, now: ContinuousClock.Instant) {
    let pause: Duration = min(Self.firstPause * (1 << min(max(pod.attempts - 1, 0), 10)), Self.lastPause)
    let until: ContinuousClock.Instant = pod.failedAt + pause
    if pod.attempts == 0 || until <= now {
      activate(pod)
    } else {
      backingOff[pod.info.uid] = (pod, until)
    }
  }

  private mutating func activate(_ pod: QueuedPod) {
    active[pod.info.uid] = pod
    sequence += 1
    heap.append(
      HeapEntry(uid: pod.info.uid, priority: pod.info.priority, arrived: pod.arrived, sequence: sequence))
    var place: Int = heap.count - 1
    while place > 0, heap[place].isBefore(heap[(place - 1) / 2]) {
      heap.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  private mutating func popHeap() -> HeapEntry? {
    guard let first: HeapEntry = heap.first else { return nil }
    let last: HeapEntry = heap.removeLast()
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var place: Int = 0
    while true {
      let left: Int = 2 * place + 1
      guard left < heap.count else { return first }
      let right: Int = left + 1
      let child: Int = right < heap.count && heap[right].isBefore(heap[left]) ? right : left
      guard heap[child].isBefore(heap[place]) else { return first }
      heap.swapAt(place, child)
      place = child
    }
  }
}
