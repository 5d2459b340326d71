// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel
import KubeValues
import Synchronization

/// What the machine as a whole uses. Remembers the last reading, from which the next one gives a rate.
final class NodeFigures: Sendable {
  /// One reading.
  struct Usage: Sendable {
    /// When the machine was started.
    var startTime: Timestamp
    /// The time that all processors have worked.
    var coreNanoseconds: UInt64
    /// Billionths of a processor that were busy since the reading before; nil at the first.
    var nanoCores: UInt64?
    var availableBytes: UInt64
    /// All memory but what is free and what could be reclaimed.
    var workingSetBytes: UInt64
    var usageBytes: UInt64
    var swapBytes: UInt64
    var swapAvailableBytes: UInt64
    /// How many processes there may be, and how many there are.
    var processes: (limit: Int64, count: Int64)?
  }

  private struct Sample: Sendable {
    var time: Int64
    var nanoseconds: UInt64
    var rate: UInt64?
  }

  /// Readings nearer to one another say nothing of a rate.
  private static let shortest: Int64 = 100_000_000

  private let last: Mutex<Sample?>

  /// A reading is taken at once, so that the first who asks gets a rate.
  init() {
    last = Mutex(Sample(time: SystemClock.monotonic, nanoseconds: Self.processorTime().busy, rate: nil))
  }

  /// Reads what is used now.
  func usage() -> Usage {
    let (busy, boot): (UInt64, Int64) = Self.processorTime()
    let now: Int64 = SystemClock.monotonic
    let rate: UInt64? = last.withLock { last in
      guard let old: Sample = last, now - old.time >= Self.shortest, busy >= old.nanoseconds else { return last?.rate }
      let rate: UInt64 = UInt64(Double(busy - old.nanoseconds) / Double(now - old.time) * 1e9)
      last = Sample(time: now, nanoseconds: busy, rate: rate)
      return rate
    }
    let memory: [String: Int64] = MachineFacts.memoryInfo()
    func bytes(_ name: String) -> UInt64 { UInt64(clamping: memory[name] ?? 0) }
    func difference(_ left: String, _ right: String) -> UInt64 {
      UInt64(clamping: (memory[left] ?? 0) - (memory[right] ?? 0))
    }
    return Usage(
      startTime: Timestamp(seconds: boot), coreNanoseconds: busy, nanoCores: rate, availableBytes: bytes("MemAvailable"),
      workingSetBytes: difference("MemTotal", "MemAvailable"), usageBytes: difference("MemTotal", "MemFree"),
      swapBytes: difference("SwapTotal", "SwapFree"), swapAvailableBytes: bytes("SwapFree"),
      processes: Self.processes())
  }

  /// The time that the processors have worked in nanoseconds, and when the machine was started.
  private static func processorTime() -> (busy: UInt64, boot: Int64) {
    var (busy, boot): (UInt64, Int64) = (0, 0)
    for line: Substring in ((try? Files.readText("/proc/stat")) ?? "").split(separator: "\n") {
      let words: [Substring] = line.split(separator: " ")
      if words.first == "btime", words.count == 2 { boot = Int64(words[1]) ?? 0 }
      guard words.first == "cpu" else { continue }
      let ticks: [UInt64] = words.dropFirst().compactMap { UInt64($0) }
      // Everything but idle and waiting, in hundredths of a second.
      if ticks.count >= 8 { busy = (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) * 10_000_000 }
    }
    return (busy, boot)
  }

  private static func processes() -> (limit: Int64, count: Int64)? {
    // The fourth word of /proc/loadavg is how many threads run, and of how many.
    guard let limit: Int64 = (try? Files.readText("/proc/sys/kernel/pid_max")).flatMap({ Int64($0) }),
      let words: [Substring] = (try? Files.readText("/proc/loadavg"))?.split(separator: " "), words.count > 3,
      let count: Int64 = words[3].split(separator: "/").last.flatMap({ Int64($0) })
    else { return nil }
    return (limit, count)
  }
}
