// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Kernel

/// What a group may use; nil leaves a limit as it is.
public struct CgroupLimits: Sendable, Hashable {
  /// A page size with its limit, such as `2MB`.
  public struct HugePages: Sendable, Hashable {
    /// The page size as in the file names: `2MB`, `1GB`.
    public var pageSize: String
    /// The limit.
    public var bytes: UInt64

    /// Makes a limit.
    public init(pageSize: String, bytes: UInt64) {
      self.pageSize = pageSize
      self.bytes = bytes
    }
  }

  /// The weight against others, 2 to 262144; 1024 is one CPU's worth.
  public var cpuShares: UInt64?
  /// The time in a period; negative means no limit.
  public var cpuQuotaMicroseconds: Int64?
  /// The period of the quota.
  public var cpuPeriodMicroseconds: UInt64?
  /// The CPUs, such as `0-1,4`.
  public var cpuset: String?
  /// The memory nodes.
  public var memoryNodes: String?
  /// The memory; negative means no limit.
  public var memoryBytes: Int64?
  /// Memory and swap together; negative means no limit.
  public var memoryAndSwapBytes: Int64?
  /// The number of processes; negative means no limit.
  public var processesMax: Int64?
  /// Limits of huge pages.
  public var hugePages: [HugePages] = []
  /// Files of the unified hierarchy and what to write into them.
  public var unified: [String: String] = [:]

  /// No limits.
  public init() {}
}

extension Cgroup {
  /// Sets limits. Lowering memory below what is used fails with EBUSY.
  public func apply(_ limits: CgroupLimits) throws(SystemError) {
    if let unified: String = hierarchy.unified {
      try applyUnified(limits, unified + path)
    } else {
      try applyCPU(limits)
      try applyMemory(limits)
      if let maximum: Int64 = limits.processesMax, let directory: String = directory("pids") {
        try Files.writeControl(directory + "/pids.max", maximum < 0 ? "max" : String(maximum))
      }
      if let directory: String = directory("hugetlb") {
        for pages: CgroupLimits.HugePages in limits.hugePages {
          try Files.writeControl(directory + "/hugetlb.\(pages.pageSize).limit_in_bytes", String(pages.bytes))
        }
      }
    }
  }

  private func applyCPU(_ limits: CgroupLimits) throws(SystemError) {
    if let directory: String = directory("cpu") {
      if let shares: UInt64 = limits.cpuShares, shares > 0 {
        try Files.writeControl(directory + "/cpu.shares", String(shares))
      }
      if let period: UInt64 = limits.cpuPeriodMicroseconds, period > 0 {
        try Files.writeControl(directory + "/cpu.cfs_period_us", String(period))
      }
      if let quota: Int64 = limits.cpuQuotaMicroseconds, quota != 0 {
        try Files.writeControl(directory + "/cpu.cfs_quota_us", String(quota))
      }
    }
    if let directory: String = directory("cpuset") {
      if let cpus: String = limits.cpuset, !cpus.isEmpty { try Files.writeControl(directory + "/cpuset.cpus", cpus) }
      if let nodes: String = limits.memoryNodes, !nodes.isEmpty {
        try Files.writeControl(directory + "/cpuset.mems", nodes)
      }
    }
  }

  private func applyMemory(_ limits: CgroupLimits) throws(SystemError) {
    guard let directory: String = directory("memory") else { return }
    let limitFile: String = directory + "/memory.limit_in_bytes"
    let swapFile: String = directory + "/memory.memsw.limit_in_bytes"
    let hasSwapFile: Bool = Files.exists(swapFile)
    if let memory: Int64 = limits.memoryBytes, memory != 0 {
      // A group that may not swap goes on so: both limits change together.
      let mayNotSwap: Bool = hasSwapFile && CgroupFigures.number(swapFile) == CgroupFigures.number(limitFile)
      let swap: Int64? = limits.memoryAndSwapBytes ?? (mayNotSwap ? memory : nil)
      // Memory with swap may never be below memory alone: raise the one first, or lower the other first.
      if hasSwapFile, let swap, swap != 0 {
        do throws(SystemError) { try Files.writeControl(limitFile, String(memory)) } catch {
          guard error.errno == .invalidArgument else { throw error }
          try Files.writeControl(swapFile, String(swap))
          try Files.writeControl(limitFile, String(memory))
          return
        }
        try Files.writeControl(swapFile, String(swap))
      } else {
        try Files.writeControl(limitFile, String(memory))
      }
    }
  }

  private func applyUnified(_ limits: CgroupLimits, _ directory: String) throws(SystemError) {
    if let shares: UInt64 = limits.cpuShares, shares > 0 {
      try Files.writeControl(directory + "/cpu.weight", String(Self.weight(shares: shares)))
    }
    if limits.cpuQuotaMicroseconds != nil || limits.cpuPeriodMicroseconds != nil {
      let quota: Int64 = limits.cpuQuotaMicroseconds ?? -1
      let period: UInt64 = limits.cpuPeriodMicroseconds ?? 100_000
      try Files.writeControl(directory + "/cpu.max", "\(quota > 0 ? String(quota) : "max") \(period == 0 ? 100_000 : period)")
    }
    if let cpus: String = limits.cpuset, !cpus.isEmpty { try Files.writeControl(directory + "/cpuset.cpus", cpus) }
    if let nodes: String = limits.memoryNodes, !nodes.isEmpty {
      try Files.writeControl(directory + "/cpuset.mems", nodes)
    }
    if let memory: Int64 = limits.memoryBytes, memory != 0 {
      try Files.writeControl(directory + "/memory.max", memory < 0 ? "max" : String(memory))
      if let both: Int64 = limits.memoryAndSwapBytes, both != 0, Files.exists(directory + "/memory.swap.max") {
        try Files.writeControl(directory + "/memory.swap.max", both < 0 ? "max" : String(max(both - memory, 0)))
      }
    }
    if let maximum: Int64 = limits.processesMax {
      try Files.writeControl(directory + "/pids.max", maximum < 0 ? "max" : String(maximum))
    }
    for pages: CgroupLimits.HugePages in limits.hugePages {
      try Files.writeControl(directory + "/hugetlb.\(pages.pageSize).max", String(pages.bytes))
    }
    for (file, text) in limits.unified.sorted(by: { $0.key < $1.key }) {
      guard !file.contains("/") else { throw SystemError(.invalidArgument, "open", file) }
      try Files.writeControl(directory + "/" + file, text)
    }
  }

  /// The weight 1 to 10000 of the unified hierarchy for shares 2 to 262144, as runc and the kubelet convert it.
  public static func weight(shares: UInt64) -> UInt64 {
    let bounded: UInt64 = min(max(shares, 2), 262_144)
    return 1 + ((bounded - 2) * 9999) / 262_142
  }

  /// Lets the processes of a v1 group open only these devices, as `c 1:3 rwm`; an empty list allows all.
  public func allowDevices(_ rules: [String]) throws(SystemError) {
    guard !hierarchy.isUnified, let directory: String = directory("devices") else { return }
    if rules.isEmpty { return try Files.writeControl(directory + "/devices.allow", "a") }
    try Files.writeControl(directory + "/devices.deny", "a")
    for rule: String in rules { try Files.writeControl(directory + "/devices.allow", rule) }
  }
}
