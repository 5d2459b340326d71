// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import GRPCCore
import Kernel

extension RuntimeServer {
  func listMetricDescriptors(
    request: CRIListMetricDescriptorsRequest, context: ServerContext
  ) async throws -> CRIListMetricDescriptorsResponse {
    var response: CRIListMetricDescriptorsResponse = CRIListMetricDescriptorsResponse()
    response.descriptors = ContainerMetric.all.map { metric in
      var descriptor: CRIMetricDescriptor = CRIMetricDescriptor()
      descriptor.name = metric.name
      descriptor.help = metric.help
      descriptor.labelKeys = ContainerMetric.labelKeys
      return descriptor
    }
    return response
  }

  func listPodSandboxMetrics(
    request: CRIListPodSandboxMetricsRequest, context: ServerContext
  ) async throws -> CRIListPodSandboxMetricsResponse {
    var response: CRIListPodSandboxMetricsResponse = CRIListPodSandboxMetricsResponse()
    response.podMetrics = core.podMetrics()
    return response
  }

  func streamPodSandboxMetrics(
    request: CRIStreamPodSandboxMetricsRequest, response: RPCWriter<CRIStreamPodSandboxMetricsResponse>,
    context: ServerContext
  ) async throws {
    for chunk: ArraySlice<CRIPodSandboxMetrics> in core.podMetrics().chunks() {
      var message: CRIStreamPodSandboxMetricsResponse = CRIStreamPodSandboxMetricsResponse()
      message.podSandboxMetrics = Array(chunk)
      try await response.write(message)
    }
  }
}

/// One of cAdvisor's metrics, from the figures of a group.
struct ContainerMetric: Sendable {
  var name: String
  var help: String
  var type: CRIMetricType
  var value: @Sendable (CgroupFigures) -> UInt64

  static let labelKeys: [String] = ["id", "name", "pod", "namespace"]

  static let all: [ContainerMetric] = [
    ContainerMetric(
      name: "container_cpu_usage_seconds_total", help: "Cumulative cpu time consumed in seconds.", type: .counter,
      value: { $0.cpuNanoseconds / 1_000_000_000 }),
    ContainerMetric(
      name: "container_cpu_user_seconds_total", help: "Cumulative user cpu time consumed in seconds.", type: .counter,
      value: { $0.cpuUserNanoseconds / 1_000_000_000 }),
    ContainerMetric(
      name: "container_cpu_system_seconds_total", help: "Cumulative system cpu time consumed in seconds.",
      type: .counter, value: { $0.cpuSystemNanoseconds / 1_000_000_000 }),
    ContainerMetric(
      name: "container_cpu_cfs_periods_total", help: "Number of elapsed enforcement period intervals.", type: .counter,
      value: \.cpuPeriods),
    ContainerMetric(
      name: "container_cpu_cfs_throttled_periods_total", help: "Number of throttled period intervals.", type: .counter,
      value: \.cpuThrottledPeriods),
    ContainerMetric(
      name: "container_memory_usage_bytes", help: "Current memory usage in bytes, including all memory.", type: .gauge,
      value: \.memoryBytes),
    ContainerMetric(
      name: "container_memory_working_set_bytes", help: "Current working set in bytes.", type: .gauge,
      value: \.workingSetBytes),
    ContainerMetric(
      name: "container_memory_rss", help: "Size of RSS in bytes.", type: .gauge, value: \.residentBytes),
    ContainerMetric(
      name: "container_memory_cache", help: "Number of bytes of page cache memory.", type: .gauge, value: \.cacheBytes),
    ContainerMetric(
      name: "container_memory_max_usage_bytes", help: "Maximum memory usage recorded in bytes.", type: .gauge,
      value: \.memoryPeakBytes),
    ContainerMetric(
      name: "container_memory_swap", help: "Container swap usage in bytes.", type: .gauge, value: \.swapBytes),
    ContainerMetric(
      name: "container_memory_failcnt", help: "Number of memory usage hits limits.", type: .counter,
      value: \.memoryFailures),
    ContainerMetric(
      name: "container_oom_events_total", help: "Count of out of memory events observed for the container.",
      type: .counter, value: \.outOfMemoryKills),
    ContainerMetric(
      name: "container_processes", help: "Number of processes running inside the container.", type: .gauge,
      value: \.processes),
    ContainerMetric(
      name: "container_spec_memory_limit_bytes", help: "Memory limit for the container.", type: .gauge,
      value: { $0.memoryLimitBytes ?? 0 }),
  ]
}

extension RuntimeCore {
  func podMetrics() -> [CRIPodSandboxMetrics] {
    records.sandboxes.filter(\.isReady).sorted { $0.id < $1.id }.map { sandbox in
      var pod: CRIPodSandboxMetrics = CRIPodSandboxMetrics()
      pod.podSandboxID = sandbox.id
      pod.metrics = metrics(sandbox.cgroupPath, name: "POD", sandbox)
      for container: ContainerRecord in records.containers(in: sandbox.id) where container.state == .running {
        var one: CRIContainerMetrics = CRIContainerMetrics()
        one.containerID = container.id
        one.metrics = metrics(container.cgroupPath, name: container.config.metadata.name, sandbox)
        pod.containerMetrics.append(one)
      }
      return pod
    }
  }

  private func metrics(_ path: String, name: String, _ sandbox: SandboxRecord) -> [CRIMetric] {
    // A group that goes just now has no figures any more.
    guard let figures: CgroupFigures = try? hierarchy.group(path).figures() else { return [] }
    let now: Int64 = SystemClock.now
    return ContainerMetric.all.map { metric in
      var sample: CRIMetric = CRIMetric()
      sample.name = metric.name
      sample.timestamp = now
      sample.metricType = metric.type
      sample.labelValues = [path, name, sandbox.config.metadata.name, sandbox.config.metadata.namespace]
      sample.value.value = metric.value(figures)
      return sample
    }
  }
}
