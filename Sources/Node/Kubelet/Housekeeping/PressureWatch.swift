// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Kernel
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import Logging
import Synchronization

/// Tells what the machine lacks, and ends a pod where it lacks it: the one that uses most beyond its request first.
struct PressureWatch: Sendable {
  let services: PodServices
  let supervisor: PodSupervisor
  let keeper: NodeKeeper
  private let memory: PressureMemory = PressureMemory()

  init(services: PodServices, supervisor: PodSupervisor, keeper: NodeKeeper) {
    self.services = services
    self.supervisor = supervisor
    self.keeper = keeper
  }

  /// Looks once.
  func run() async {
    var pressure: NodeStatusBuilder.Pressure = .init()
    var shortage: (signal: String, resource: String, threshold: Int64, available: Int64)?
    for threshold: KubeletConfiguration.EvictionThreshold in services.configuration.evictionHard {
      guard let (available, whole): (Int64, Int64) = Self.measure(threshold.signal, services.configuration) else { continue }
      let limit: Int64 = threshold.amount(of: whole)
      guard available < limit else { continue }
      if threshold.signal.hasPrefix("memory") { pressure.memory = true } else { pressure.disk = true }
      shortage = shortage ?? (
        threshold.signal, threshold.signal.hasPrefix("memory") ? "memory" : "ephemeral-storage", limit, available
      )
    }
    keeper.set(pressure: memory.lasting(pressure, for: services.configuration.evictionPressureTransitionPeriod, now: .now))
    guard let shortage else { return }
    services.logger.warning(
      "the machine lacks something", metadata: ["signal": "\(shortage.signal)", "available": "\(shortage.available)"])
    await evict(for: shortage.resource, threshold: shortage.threshold, available: shortage.available)
  }

  /// What is available of a signal's resource, and of how much; nil where it cannot be told.
  private static func measure(_ signal: String, _ configuration: KubeletConfiguration) -> (available: Int64, whole: Int64)? {
    switch signal {
    case "memory.available":
      let memory: [String: Int64] = MachineFacts.memoryInfo()
      guard let available: Int64 = memory["MemAvailable"], let total: Int64 = memory["MemTotal"] else { return nil }
      return (available, total)
    case "nodefs.available", "imagefs.available":
      guard let usage: Files.FileSystemUsage = try? Files.usage(of: configuration.rootDirectory) else { return nil }
      return (Int64(clamping: usage.availableBytes), Int64(clamping: usage.totalBytes))
    case "nodefs.inodesFree":
      guard let usage: Files.FileSystemUsage = try? Files.usage(of: configuration.rootDirectory), usage.totalInodes > 0
      else { return nil }
      return (Int64(clamping: usage.freeInodes), Int64(clamping: usage.totalInodes))
    default: return nil
    }
  }

  private func evict(for resource: String, threshold: Int64, available: Int64) async {
    let candidates: [Pod] = await supervisor.pods().filter { !$0.isCritical && !$0.isTerminal && !$0.metadata.hasDeletionTimestamp }
    let used: [PodUID: Int64] = await resource == "memory" ? memoryUsage() : diskUsage(candidates)
    func rank(_ pod: Pod) -> (Int, Int32, Int64) {
      let request: Int64 = pod.totalRequests[resource]?.value ?? 0
      let usage: Int64 = used[pod.uid] ?? 0
      // Those above their request first, then those of low priority, then the largest.
      return (usage > request ? 0 : 1, pod.spec.priority, request - usage)
    }
    guard let victim: Pod = candidates.min(by: { rank($0) < rank($1) }) else { return }
    let message: String =
      "The node was low on resource: \(resource). Threshold quantity: \(ResourceQuantity(threshold, format: .binarySI)), available: \(ResourceQuantity(available / 1024 * 1024, format: .binarySI)). "
    services.events.record(victim, type: "Warning", reason: "Evicted", message: message, fieldPath: "")
    services.logger.warning("evicting a pod", metadata: ["pod": "\(victim.display)"])
    await supervisor.evict(victim.uid, message: message)
  }

  /// The disk that pods use: what their containers wrote, their logs, and their empty directories.
  private func diskUsage(_ pods: [Pod]) async -> [PodUID: Int64] {
    var used: [PodUID: Int64] = [:]
    // Who cannot be asked counts as using nothing; what is on disk is seen all the same.
    for stats: CRIContainerStats in (try? await services.runtime.containerStats()) ?? [] {
      guard let uid: String = stats.attributes.labels[RuntimeLabel.podUID] else { continue }
      used[PodUID(uid), default: 0] += Int64(clamping: stats.writableLayer.usedBytes.value)
    }
    for pod: Pod in pods {
      used[pod.uid, default: 0] += Self.bytes(below: services.paths.volumes(pod.uid) + "/kubernetes.io~empty-dir")
      used[pod.uid, default: 0] += Self.bytes(below: services.sandboxes.logDirectory(pod))
    }
    return used
  }

  /// What a tree occupies; no links are followed, and what vanishes meanwhile counts nothing.
  private static func bytes(below path: String, depth: Int = 0) -> Int64 {
    guard depth < depthMax, let names: [String] = try? Files.list(path) else { return 0 }
    return names.reduce(0) { sum, name in
      guard let status: Files.Status = try? Files.status("\(path)/\(name)", followLinks: false) else { return sum }
      return sum + status.allocatedBytes + (status.isDirectory ? bytes(below: "\(path)/\(name)", depth: depth + 1) : 0)
    }
  }

  /// Deeper directories are not measured.
  private static let depthMax: Int = 64

  /// The memory that pods use.
  private func memoryUsage() async -> [PodUID: Int64] {
    var used: [PodUID: Int64] = [:]
    for stats: CRIContainerStats in (try? await services.runtime.containerStats()) ?? [] {
      guard let uid: String = stats.attributes.labels[RuntimeLabel.podUID] else { continue }
      used[PodUID(uid), default: 0] += Int64(clamping: stats.memory.workingSetBytes.value)
    }
    return used
  }
}

/// Keeps what was lacking for a while, so that the node does not waver, and those who look later still see it.
final class PressureMemory: Sendable {
  private let seen: Mutex<(memory: ContinuousClock.Instant?, disk: ContinuousClock.Instant?)> = Mutex((nil, nil))

  /// What lacks now, or did within the period.
  func lasting(
    _ now: NodeStatusBuilder.Pressure, for period: Duration, now time: ContinuousClock.Instant
  ) -> NodeStatusBuilder.Pressure {
    seen.withLock { seen in
      if now.memory { seen.memory = time }
      if now.disk { seen.disk = time }
      var result: NodeStatusBuilder.Pressure = now
      result.memory = seen.memory.map { $0.duration(to: time) < period } ?? false
      result.disk = seen.disk.map { $0.duration(to: time) < period } ?? false
      return result
    }
  }
}
