// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Kernel

/// What a group uses.
public struct CgroupFigures: Sendable, Hashable {
  /// The CPU time used since the group was made.
  public var cpuNanoseconds: UInt64 = 0
  /// CPU time in user mode.
  public var cpuUserNanoseconds: UInt64 = 0
  /// CPU time in the kernel.
  public var cpuSystemNanoseconds: UInt64 = 0
  /// Periods of the CPU quota that have passed.
  public var cpuPeriods: UInt64 = 0
  /// Periods in which the group was held back.
  public var cpuThrottledPeriods: UInt64 = 0
  /// The time for which it was held back.
  public var cpuThrottledNanoseconds: UInt64 = 0
  /// Memory in use, with page cache.
  public var memoryBytes: UInt64 = 0
  /// Memory in use without the page cache that can be dropped at once.
  public var workingSetBytes: UInt64 = 0
  /// Anonymous memory.
  public var residentBytes: UInt64 = 0
  /// Page cache.
  public var cacheBytes: UInt64 = 0
  /// Mapped files.
  public var mappedFileBytes: UInt64 = 0
  /// Kernel memory.
  public var kernelBytes: UInt64 = 0
  /// The limit; nil where there is none.
  public var memoryLimitBytes: UInt64?
  /// The most memory that was ever in use.
  public var memoryPeakBytes: UInt64 = 0
  /// How often an allocation met the limit.
  public var memoryFailures: UInt64 = 0
  /// Swap in use.
  public var swapBytes: UInt64 = 0
  /// The limit of swap; nil where there is none.
  public var swapLimitBytes: UInt64?
  /// Page faults.
  public var pageFaults: UInt64 = 0
  /// Page faults that read from a disk.
  public var majorPageFaults: UInt64 = 0
  /// Processes and threads in it.
  public var processes: UInt64 = 0
  /// The limit of processes; nil where there is none.
  public var processesLimit: UInt64?
  /// Kills for want of memory.
  public var outOfMemoryKills: UInt64 = 0

  /// All zero.
  public init() {}

  /// Reads lines of `name number`.
  static func keyed(_ text: String) -> [Substring: UInt64] {
    var found: [Substring: UInt64] = [:]
    for line: Substring in text.split(separator: "\n") {
      let words: [Substring] = line.split(separator: " ")
      if words.count == 2, let number = UInt64(words[1]) { found[words[0]] = number }
    }
    return found
  }

  /// A file with one number; nil for `max`, for a limit that is none, and where the file is missing.
  static func number(_ path: String) -> UInt64? {
    guard let text: String = try? Files.readText(path), let number = UInt64(text) else { return nil }
    // v1 writes "no limit" as the largest multiple of the page size.
    return number >= 0x7fff_ffff_ffff_f000 ? nil : number
  }
}

extension Cgroup {
  /// What it uses now. A controller that the machine lacks leaves zeroes; a group that is gone throws ENOENT.
  public func figures() throws(SystemError) -> CgroupFigures {
    guard let first: String = directories.first else { return CgroupFigures() }
    _ = try Files.status(first)
    return hierarchy.isUnified ? unifiedFigures(first) : legacyFigures()
  }

  private func legacyFigures() -> CgroupFigures {
    var figures: CgroupFigures = CgroupFigures()
    if let directory: String = directory("cpuacct") {
      figures.cpuNanoseconds = CgroupFigures.number(directory + "/cpuacct.usage") ?? 0
      let parts = CgroupFigures.keyed((try? Files.readText(directory + "/cpuacct.stat")) ?? "")
      // In ticks of 1/100 s.
      figures.cpuUserNanoseconds = (parts["user"] ?? 0) * 10_000_000
      figures.cpuSystemNanoseconds = (parts["system"] ?? 0) * 10_000_000
    }
    if let directory: String = directory("cpu") {
      let parts = CgroupFigures.keyed((try? Files.readText(directory + "/cpu.stat")) ?? "")
      figures.cpuPeriods = parts["nr_periods"] ?? 0
      figures.cpuThrottledPeriods = parts["nr_throttled"] ?? 0
      figures.cpuThrottledNanoseconds = parts["throttled_time"] ?? 0
    }
    if let directory: String = directory("memory") {
      figures.memoryBytes = CgroupFigures.number(directory + "/memory.usage_in_bytes") ?? 0
      figures.memoryLimitBytes = CgroupFigures.number(directory + "/memory.limit_in_bytes")
      figures.memoryPeakBytes = CgroupFigures.number(directory + "/memory.max_usage_in_bytes") ?? 0
      figures.memoryFailures = CgroupFigures.number(directory + "/memory.failcnt") ?? 0
      figures.kernelBytes = CgroupFigures.number(directory + "/memory.kmem.usage_in_bytes") ?? 0
      let parts = CgroupFigures.keyed((try? Files.readText(directory + "/memory.stat")) ?? "")
      let inactive: UInt64 = parts["total_inactive_file"] ?? 0
      figures.workingSetBytes = figures.memoryBytes > inactive ? figures.memoryBytes - inactive : 0
      figures.residentBytes = parts["total_rss"] ?? 0
      figures.cacheBytes = parts["total_cache"] ?? 0
      figures.mappedFileBytes = parts["total_mapped_file"] ?? 0
      figures.swapBytes = parts["total_swap"] ?? 0
      figures.pageFaults = parts["total_pgfault"] ?? 0
      figures.majorPageFaults = parts["total_pgmajfault"] ?? 0
    }
    if let directory: String = directory("pids") {
      figures.processes = CgroupFigures.number(directory + "/pids.current") ?? 0
      figures.processesLimit = CgroupFigures.number(directory + "/pids.max")
    }
    figures.outOfMemoryKills = outOfMemoryKills()
    return figures
  }

  private func unifiedFigures(_ directory: String) -> CgroupFigures {
    var figures: CgroupFigures = CgroupFigures()
    let cpu = CgroupFigures.keyed((try? Files.readText(directory + "/cpu.stat")) ?? "")
    figures.cpuNanoseconds = (cpu["usage_usec"] ?? 0) * 1000
    figures.cpuUserNanoseconds = (cpu["user_usec"] ?? 0) * 1000
    figures.cpuSystemNanoseconds = (cpu["system_usec"] ?? 0) * 1000
    figures.cpuPeriods = cpu["nr_periods"] ?? 0
    figures.cpuThrottledPeriods = cpu["nr_throttled"] ?? 0
    figures.cpuThrottledNanoseconds = (cpu["throttled_usec"] ?? 0) * 1000
    figures.memoryBytes = CgroupFigures.number(directory + "/memory.current") ?? 0
    figures.memoryLimitBytes = CgroupFigures.number(directory + "/memory.max")
    figures.memoryPeakBytes = CgroupFigures.number(directory + "/memory.peak") ?? 0
    figures.swapBytes = CgroupFigures.number(directory + "/memory.swap.current") ?? 0
    figures.swapLimitBytes = CgroupFigures.number(directory + "/memory.swap.max")
    let memory = CgroupFigures.keyed((try? Files.readText(directory + "/memory.stat")) ?? "")
    let inactive: UInt64 = memory["inactive_file"] ?? 0
    figures.workingSetBytes = figures.memoryBytes > inactive ? figures.memoryBytes - inactive : 0
    figures.residentBytes = memory["anon"] ?? 0
    figures.cacheBytes = memory["file"] ?? 0
    figures.mappedFileBytes = memory["file_mapped"] ?? 0
    figures.kernelBytes = memory["kernel"] ?? 0
    figures.pageFaults = memory["pgfault"] ?? 0
    figures.majorPageFaults = memory["pgmajfault"] ?? 0
    figures.processes = CgroupFigures.number(directory + "/pids.current") ?? 0
    figures.processesLimit = CgroupFigures.number(directory + "/pids.max")
    figures.outOfMemoryKills = outOfMemoryKills()
    return figures
  }
}
