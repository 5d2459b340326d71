// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Kernel
import KubeCore
import KubeMeta
import KubeValues
import Logging
import SwiftProtobuf

/// The control groups of classes of service and pods: `kubepods/{burstable,besteffort}/pod<uid>`.
///
/// Containers get theirs from the runtime, below the pod's.
struct PodCgroups: Sendable {
  let configuration: KubeletConfiguration
  let logger: Logger
  /// The node's memory in bytes, by which the readiness to be killed is scaled.
  let memoryCapacity: Int64
  let hierarchy: CgroupFolders

  /// The group of a class of service.
  private func classGroup(_ qos: QOSClass) -> String {
    let root: String = configuration.cgroupRoot == "/" ? "" : configuration.cgroupRoot
    switch qos {
    case .guaranteed: return "\(root)/kubepods"
    case .burstable: return "\(root)/kubepods/burstable"
    case .bestEffort: return "\(root)/kubepods/besteffort"
    }
  }

  /// The path of a pod's group in the hierarchy.
  func path(of pod: Pod) -> String { "\(classGroup(pod.qosClass))/pod\(pod.metadata.uid)" }

  /// The pod's group as the runtime wants it named.
  func parent(of pod: Pod) -> String {
    guard configuration.cgroupsPerQOS else { return "" }
    guard configuration.cgroupDriver == "systemd" else { return path(of: pod) }
    let uid: String = String(pod.metadata.uid.map { $0 == "-" ? "_" : $0 })
    switch pod.qosClass {
    case .guaranteed: return "kubepods-pod\(uid).slice"
    case .burstable: return "kubepods-burstable-pod\(uid).slice"
    case .bestEffort: return "kubepods-besteffort-pod\(uid).slice"
    }
  }

  /// Makes the groups above the pods'.
  func makeClasses() {
    guard configuration.cgroupsPerQOS, configuration.cgroupDriver == "cgroupfs" else { return }
    for qos: QOSClass in [.guaranteed, .burstable, .bestEffort] { hierarchy.make(classGroup(qos)) }
    hierarchy.set(classGroup(.bestEffort), shares: 2)
  }

  /// Makes a pod's group with its limits.
  func make(for pod: Pod) {
    guard configuration.cgroupsPerQOS, configuration.cgroupDriver == "cgroupfs" else { return }
    let group: String = path(of: pod)
    hierarchy.make(group)
    let resources: CRILinuxContainerResources = resources(of: pod)
    hierarchy.set(
      group, shares: resources.cpuShares, quota: resources.cpuQuota, period: resources.cpuPeriod,
      memory: resources.memoryLimitInBytes, pids: configuration.podPidsLimit)
  }

  /// Makes a pod's group at least as large as the pod may become; what it has beyond that it keeps.
  func widen(for pod: Pod) {
    guard configuration.cgroupsPerQOS, configuration.cgroupDriver == "cgroupfs" else { return }
    let resources: CRILinuxContainerResources = resources(of: pod)
    hierarchy.widen(path(of: pod), quota: resources.cpuQuota, period: resources.cpuPeriod, memory: resources.memoryLimitInBytes)
  }

  /// Removes a pod's group; what is left in it keeps it until later.
  func remove(for uid: PodUID) {
    guard configuration.cgroupsPerQOS, configuration.cgroupDriver == "cgroupfs" else { return }
    for qos: QOSClass in [.guaranteed, .burstable, .bestEffort] { hierarchy.remove("\(classGroup(qos))/pod\(uid)") }
  }

  /// The pods that have groups.
  func podsWithGroups() -> Set<PodUID> {
    guard configuration.cgroupsPerQOS, configuration.cgroupDriver == "cgroupfs" else { return [] }
    var found: Set<PodUID> = []
    for qos: QOSClass in [.guaranteed, .burstable, .bestEffort] {
      for name: String in hierarchy.children(classGroup(qos)) where name.hasPrefix("pod") {
        found.insert(PodUID(String(name.dropFirst(3))))
      }
    }
    return found
  }

  /// What the whole pod may use: limits hold only where every container has one.
  func resources(of pod: Pod) -> CRILinuxContainerResources {
    let requests: ResourceAmounts = pod.totals { container in
      container.resources.limitAmounts.merging(container.resources.requestAmounts) { _, request in request }
    }
    let limits: ResourceAmounts = pod.totalLimits
    let all: [Container] = pod.spec.containers + pod.spec.initContainers
    let hasCPULimit: Bool = all.allSatisfy { !($0.resources.limits["cpu"]?.amount.isZero ?? true) }
    let hasMemoryLimit: Bool = all.allSatisfy { !($0.resources.limits["memory"]?.amount.isZero ?? true) }
    return .with {
      $0.cpuPeriod = CgroupShare.period
      $0.cpuShares = CgroupShare.shares(milliCPU: requests["cpu"]?.milliValue ?? 0)
      if hasCPULimit, configuration.cpuCFSQuota { $0.cpuQuota = CgroupShare.quota(milliCPU: limits["cpu"]?.milliValue ?? 0) }
      if hasMemoryLimit { $0.memoryLimitInBytes = limits["memory"]?.value ?? 0 }
    }
  }

  /// What one container may use.
  func resources(of container: Container, in pod: Pod) -> CRILinuxContainerResources {
    let limits: ResourceAmounts = container.resources.limitAmounts
    let requests: ResourceAmounts = limits.merging(container.resources.requestAmounts) { _, request in request }
    return .with {
      $0.cpuPeriod = CgroupShare.period
      $0.cpuShares = CgroupShare.shares(milliCPU: requests["cpu"]?.milliValue ?? 0)
      if configuration.cpuCFSQuota { $0.cpuQuota = CgroupShare.quota(milliCPU: limits["cpu"]?.milliValue ?? 0) }
      $0.memoryLimitInBytes = limits["memory"]?.value ?? 0
      $0.oomScoreAdj = CgroupShare.oomScoreAdjust(pod: pod, container: container, memoryCapacity: memoryCapacity)
      if hierarchy.isUnified {
        // Without swap for containers: memory and swap together are the memory limit.
        $0.memorySwapLimitInBytes = $0.memoryLimitInBytes
        $0.unified["memory.oom.group"] = "1"
      }
    }
  }
}

/// The cgroup file systems of this machine, v1, v2 or hybrid, as far as the kubelet needs them.
struct CgroupFolders: Sendable {
  /// Folders of the controllers that pods' groups are made in.
  let folders: [String: String]
  /// Whether there is the one hierarchy of v2 alone.
  let isUnified: Bool
  let logger: Logger

  init(root: String = "/sys/fs/cgroup", logger: Logger) {
    self.logger = logger
    let isUnified: Bool = Files.exists("\(root)/cgroup.controllers")
    self.isUnified = isUnified
    if isUnified {
      folders = ["": root]
    } else {
      var folders: [String: String] = [:]
      for name: String in ["cpu", "cpuset", "cpuacct", "memory", "pids", "blkio", "hugetlb", "freezer", "devices", "net_cls", "perf_event"] {
        if Files.exists("\(root)/\(name)") { folders[name] = "\(root)/\(name)" }
      }
      self.folders = folders
    }
  }

  func make(_ group: String) {
    for (name, folder) in folders {
      do {
        try makeGroup(group, in: folder, named: name)
      } catch {
        logger.warning("cannot make a control group", metadata: ["group": "\(folder)\(group)", "error": "\(error)"])
      }
    }
  }

  private func makeGroup(_ group: String, in folder: String, named controller: String) throws {
    var path: String = folder
    for component: Substring in group.split(separator: "/") {
      if isUnified { enableControllers(path) }
      let parent: String = path
      path += "/\(component)"
      let isNew: Bool = !Files.exists(path)
      try Files.makeDirectory(path)
      if isNew && controller == "cpuset" {
        // A new group of cpuset has neither processors nor memory, and takes no process.
        for file: String in ["cpuset.cpus", "cpuset.mems"] {
          try Files.writeControl("\(path)/\(file)", try Files.readText("\(parent)/\(file)"))
        }
      }
    }
  }

  private func enableControllers(_ path: String) {
    guard let text: String = try? Files.readText("\(path)/cgroup.controllers") else { return }
    for controller: Substring in text.split(separator: " ") {
      // A controller that is busy elsewhere is left out.
      try? Files.writeControl("\(path)/cgroup.subtree_control", "+\(controller)")
    }
  }

  func set(
    _ group: String, shares: Int64 = 0, quota: Int64 = 0, period: Int64 = 0, memory: Int64 = 0, pids: Int64 = -1
  ) {
    func write(_ controller: String, _ file: String, _ value: String) {
      guard let folder: String = folders[isUnified ? "" : controller] else { return }
      do {
        try Files.writeControl("\(folder)\(group)/\(file)", value)
      } catch {
        logger.debug("cannot set a limit", metadata: ["file": "\(folder)\(group)/\(file)", "error": "\(error)"])
      }
    }
    if isUnified {
      if shares > 0 { write("", "cpu.weight", "\(1 + ((shares - 2) * 9999) / 262_142)") }
      if period > 0 { write("", "cpu.max", quota > 0 ? "\(quota) \(period)" : "max \(period)") }
      if memory > 0 { write("", "memory.max", "\(memory)") }
      if pids > 0 { write("", "pids.max", "\(pids)") }
    } else {
      if shares > 0 { write("cpu", "cpu.shares", "\(shares)") }
      if quota > 0 {
        write("cpu", "cpu.cfs_period_us", "\(period)")
        write("cpu", "cpu.cfs_quota_us", "\(quota)")
      }
      if memory > 0 { write("memory", "memory.limit_in_bytes", "\(memory)") }
      if pids > 0 { write("pids", "pids.max", "\(pids)") }
    }
  }

  /// Raises the limits of a group that are lower than these.
  func widen(_ group: String, quota: Int64, period: Int64, memory: Int64) {
    let hasQuota: Bool = quota > 0 && isBelow(quota, isUnified ? ("", "cpu.max") : ("cpu", "cpu.cfs_quota_us"), group)
    let hasMemory: Bool = memory > 0 && isBelow(memory, isUnified ? ("", "memory.max") : ("memory", "memory.limit_in_bytes"), group)
    set(group, quota: hasQuota ? quota : 0, period: hasQuota ? period : 0, memory: hasMemory ? memory : 0)
  }

  private func isBelow(_ limit: Int64, _ place: (controller: String, file: String), _ group: String) -> Bool {
    guard let folder: String = folders[place.controller], let text: String = try? Files.readText("\(folder)\(group)/\(place.file)"),
      let word: Substring = text.split(whereSeparator: \.isWhitespace).first, let now: Int64 = Int64(word), now > 0
    else { return false }
    return now < limit
  }

  func remove(_ group: String) {
    for folder: String in folders.values { remove(path: "\(folder)\(group)") }
  }

  private func remove(path: String) {
    guard Files.exists(path), let names: [String] = try? Files.list(path) else { return }
    for name: String in names {
      let child: String = "\(path)/\(name)"
      if (try? Files.status(child, followLinks: false).isDirectory) == true { remove(path: child) }
    }
    // Busy while a process of it still ends; housekeeping comes again.
    try? Files.removeDirectory(path)
  }

  func children(_ group: String) -> [String] {
    guard let folder: String = isUnified ? folders[""] : folders["memory"] ?? folders["cpu"] else { return [] }
    return (try? Files.list("\(folder)\(group)")) ?? []
  }
}
