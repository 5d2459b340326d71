// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import Kernel

/// What is known of a container, or of a pod's own group, when its metrics are read.
struct MetricSource: Sendable {
  var figures: CgroupFigures
  /// The container's limits; empty for a pod.
  var limits: CRILinuxContainerResources = CRILinuxContainerResources()
  /// Nanoseconds since 1970.
  var startedAt: Int64
  var now: Int64
  /// Its processes; their descriptors, and those of them that are sockets.
  var processes: UInt64 = 0
  var descriptors: UInt64 = 0
  var sockets: UInt64 = 0
  /// The file system of its writable layer; nil for a pod, which has none.
  var layer: (device: String, used: UInt64, whole: Files.FileSystemUsage)?
  /// The pod's links; empty for a container, which has none of its own.
  var links: [LinkCounters] = []
  var devices: [CgroupDeviceFigures] = []
}

/// One of cAdvisor's metrics.
struct ContainerMetric: Sendable {
  /// One value, with those of the labels of its own.
  struct Sample: Sendable {
    var labels: [String] = []
    var value: UInt64
  }

  var name: String
  var help: String
  var type: CRIMetricType
  /// The labels beyond those that all have.
  var labels: [String] = []
  var samples: @Sendable (MetricSource) -> [Sample]

  /// The labels that all have.
  static let labelKeys: [String] = ["id", "name", "pod", "namespace"]

  static let all: [ContainerMetric] = processor + memory + counts + limits + fileSystem + network

  private static func counter(
    _ name: String, _ help: String, _ value: @escaping @Sendable (MetricSource) -> UInt64?
  ) -> ContainerMetric {
    ContainerMetric(name: name, help: help, type: .counter) { source in value(source).map { [Sample(value: $0)] } ?? [] }
  }

  private static func gauge(
    _ name: String, _ help: String, _ value: @escaping @Sendable (MetricSource) -> UInt64?
  ) -> ContainerMetric {
    ContainerMetric(name: name, help: help, type: .gauge) { source in value(source).map { [Sample(value: $0)] } ?? [] }
  }

  private static let second: UInt64 = 1_000_000_000

  private static let processor: [ContainerMetric] = [
    counter("container_cpu_usage_seconds_total", "CPU time used, in seconds.") { $0.figures.cpuNanoseconds / second },
    counter("container_cpu_user_seconds_total", "CPU time used in user mode, in seconds.") {
      $0.figures.cpuUserNanoseconds / second
    },
    counter("container_cpu_system_seconds_total", "CPU time used in the kernel, in seconds.") {
      $0.figures.cpuSystemNanoseconds / second
    },
    counter("container_cpu_cfs_periods_total", "Periods of the CPU quota that have passed.") { $0.figures.cpuPeriods },
    counter("container_cpu_cfs_throttled_periods_total", "Periods in which the quota was used up.") {
      $0.figures.cpuThrottledPeriods
    },
    counter("container_cpu_cfs_throttled_seconds_total", "Time held back by the CPU quota, in seconds.") {
      $0.figures.cpuThrottledNanoseconds / second
    },
  ]

  private static let memory: [ContainerMetric] = [
    gauge("container_memory_usage_bytes", "Memory in use, all of it.") { $0.figures.memoryBytes },
    gauge("container_memory_working_set_bytes", "Memory in use that cannot be dropped at once.") {
      $0.figures.workingSetBytes
    },
    gauge("container_memory_rss", "Anonymous memory in bytes.") { $0.figures.residentBytes },
    gauge("container_memory_cache", "Page cache in bytes.") { $0.figures.cacheBytes },
    gauge("container_memory_mapped_file", "Mapped files in bytes.") { $0.figures.mappedFileBytes },
    gauge("container_memory_kernel_usage", "Kernel memory in bytes.") { $0.figures.kernelBytes },
    gauge("container_memory_max_usage_bytes", "The most memory that was ever in use.") { $0.figures.memoryPeakBytes },
    gauge("container_memory_swap", "Swap in use, in bytes.") { $0.figures.swapBytes },
    counter("container_memory_failcnt", "How often memory met its limit.") { $0.figures.memoryFailures },
    ContainerMetric(
      name: "container_memory_failures_total", help: "Page faults.", type: .counter,
      labels: ["failure_type", "scope"]
    ) { source in
      // The figures of a group are those of the groups below it, too.
      [
        Sample(labels: ["pgfault", "hierarchy"], value: source.figures.pageFaults),
        Sample(labels: ["pgmajfault", "hierarchy"], value: source.figures.majorPageFaults),
      ]
    },
    counter("container_oom_events_total", "Kills for want of memory.") { $0.figures.outOfMemoryKills },
  ]

  private static let counts: [ContainerMetric] = [
    gauge("container_processes", "Processes that run.") { $0.processes },
    gauge("container_threads", "Threads that run.") { $0.figures.processes },
    gauge("container_threads_max", "How many threads there may be; 0 for any number.") {
      $0.figures.processesLimit ?? 0
    },
    gauge("container_file_descriptors", "Open file descriptors.") { $0.descriptors },
    gauge("container_sockets", "Open sockets.") { $0.sockets },
    gauge("container_start_time_seconds", "When it was started, in seconds since 1970.") {
      UInt64(clamping: $0.startedAt) / second
    },
    gauge("container_last_seen", "When it was seen last, in seconds since 1970.") { UInt64(clamping: $0.now) / second },
  ]

  private static let limits: [ContainerMetric] = [
    gauge("container_spec_cpu_period", "The period of the CPU quota, in microseconds.") {
      UInt64(clamping: $0.limits.cpuPeriod)
    },
    gauge("container_spec_cpu_quota", "The CPU quota in a period, in microseconds; none where there is no quota.") {
      $0.limits.cpuQuota > 0 ? UInt64($0.limits.cpuQuota) : nil
    },
    gauge("container_spec_cpu_shares", "The CPU's shares.") { UInt64(clamping: $0.limits.cpuShares) },
    gauge("container_spec_memory_limit_bytes", "The limit of memory; 0 for none.") { $0.figures.memoryLimitBytes ?? 0 },
    gauge("container_spec_memory_swap_limit_bytes", "The limit of memory and swap together; 0 for none.") {
      UInt64(clamping: max(0, $0.limits.memorySwapLimitInBytes))
    },
  ]

  private static func layer(
    _ name: String, _ help: String, _ value: @escaping @Sendable (UInt64, Files.FileSystemUsage) -> UInt64
  ) -> ContainerMetric {
    ContainerMetric(name: name, help: help, type: .gauge, labels: ["device"]) { source in
      source.layer.map { [Sample(labels: [$0.device], value: value($0.used, $0.whole))] } ?? []
    }
  }

  private static func traffic(
    _ name: String, _ help: String, _ value: @escaping @Sendable (CgroupDeviceFigures) -> UInt64
  ) -> ContainerMetric {
    ContainerMetric(name: name, help: help, type: .counter, labels: ["device"]) { source in
      source.devices.map { Sample(labels: [$0.name], value: value($0)) }
    }
  }

  private static let fileSystem: [ContainerMetric] = [
    layer("container_fs_usage_bytes", "Bytes in use by the writable layer.") { used, _ in used },
    layer("container_fs_limit_bytes", "Bytes of the writable layer's file system.") { _, whole in whole.totalBytes },
    layer("container_fs_inodes_free", "Free inodes of the writable layer's file system.") { _, whole in whole.freeInodes },
    layer("container_fs_inodes_total", "Inodes of the writable layer's file system.") { _, whole in whole.totalInodes },
    traffic("container_fs_reads_bytes_total", "Bytes read.") { $0.readBytes },
    traffic("container_fs_reads_total", "Reads.") { $0.reads },
    traffic("container_fs_writes_bytes_total", "Bytes written.") { $0.writtenBytes },
    traffic("container_fs_writes_total", "Writes.") { $0.writes },
    ContainerMetric(
      name: "container_blkio_device_usage_total", help: "Bytes to and from block devices.", type: .counter,
      labels: ["device", "major", "minor", "operation"]
    ) { source in
      source.devices.flatMap { device in
        let labels: [String] = [device.name, String(device.major), String(device.minor)]
        return [
          Sample(labels: labels + ["Read"], value: device.readBytes),
          Sample(labels: labels + ["Write"], value: device.writtenBytes),
        ]
      }
    },
  ]

  private static func link(
    _ name: String, _ help: String, _ value: @escaping @Sendable (LinkCounters) -> UInt64
  ) -> ContainerMetric {
    ContainerMetric(name: name, help: help, type: .counter, labels: ["interface"]) { source in
      source.links.map { Sample(labels: [$0.name], value: value($0)) }
    }
  }

  private static let network: [ContainerMetric] = [
    link("container_network_receive_bytes_total", "Bytes received.") { $0.received.bytes },
    link("container_network_receive_errors_total", "Errors while receiving.") { $0.received.errors },
    link("container_network_receive_packets_total", "Packets received.") { $0.received.packets },
    link("container_network_receive_packets_dropped_total", "Packets dropped while receiving.") { $0.received.dropped },
    link("container_network_transmit_bytes_total", "Bytes sent.") { $0.sent.bytes },
    link("container_network_transmit_errors_total", "Errors while sending.") { $0.sent.errors },
    link("container_network_transmit_packets_total", "Packets sent.") { $0.sent.packets },
    link("container_network_transmit_packets_dropped_total", "Packets dropped while sending.") { $0.sent.dropped },
  ]
}

/// The counters of one link, as /proc/net/dev shows them.
struct LinkCounters: Sendable {
  /// One direction.
  struct Direction: Sendable {
    var bytes, packets, errors, dropped: UInt64

    init(_ numbers: ArraySlice<UInt64>) {
      let first: Int = numbers.startIndex
      (bytes, packets, errors, dropped) = (numbers[first], numbers[first + 1], numbers[first + 2], numbers[first + 3])
    }
  }

  var name: String
  var received: Direction
  var sent: Direction

  /// Those of a process's network namespace, but for the loopback; none when the process is gone.
  static func all(of pid: Int32) -> [LinkCounters] {
    guard pid > 0, let text: String = try? Files.readText("/proc/\(pid)/net/dev") else { return [] }
    return text.split(separator: "\n").dropFirst(2).compactMap { line in
      let parts: [Substring] = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { return nil }
      let numbers: [UInt64] = parts[1].split(separator: " ").compactMap { UInt64($0) }
      let name: String = String(parts[0].drop { $0 == " " })
      guard numbers.count >= 16, name != "lo" else { return nil }
      return LinkCounters(name: name, received: Direction(numbers[0..<4]), sent: Direction(numbers[8..<12]))
    }
  }
}
