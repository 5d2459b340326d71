// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import GRPCCore
import Images
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
      descriptor.labelKeys = ContainerMetric.labelKeys + metric.labels
      return descriptor
    }
    return response
  }

  func listPodSandboxMetrics(
    request: CRIListPodSandboxMetricsRequest, context: ServerContext
  ) async throws -> CRIListPodSandboxMetricsResponse {
    var response: CRIListPodSandboxMetricsResponse = CRIListPodSandboxMetricsResponse()
    response.podMetrics = await core.podMetrics()
    return response
  }

  func streamPodSandboxMetrics(
    request: CRIStreamPodSandboxMetricsRequest, response: RPCWriter<CRIStreamPodSandboxMetricsResponse>,
    context: ServerContext
  ) async throws {
    for chunk: ArraySlice<CRIPodSandboxMetrics> in await core.podMetrics().chunks() {
      var message: CRIStreamPodSandboxMetricsResponse = CRIStreamPodSandboxMetricsResponse()
      message.podSandboxMetrics = Array(chunk)
      try await response.write(message)
    }
  }
}

extension RuntimeCore {
  func podMetrics() async -> [CRIPodSandboxMetrics] {
    var found: [CRIPodSandboxMetrics] = []
    for sandbox: SandboxRecord in records.sandboxes.filter(\.isReady).sorted(by: { $0.id < $1.id }) {
      var pod: CRIPodSandboxMetrics = CRIPodSandboxMetrics()
      pod.podSandboxID = sandbox.id
      if var source: MetricSource = source(sandbox.cgroupPath, startedAt: sandbox.createdAt) {
        if !sandbox.usesHostNetwork { source.links = LinkCounters.all(of: sandbox.pausePID) }
        pod.metrics = metrics(source, path: sandbox.cgroupPath, name: "POD", sandbox)
      }
      for container: ContainerRecord in records.containers(in: sandbox.id) where container.state == .running {
        guard var source: MetricSource = source(container.cgroupPath, startedAt: container.startedAt) else { continue }
        source.limits = container.config.linux.resources
        source.layer = await layer(container.id)
        var one: CRIContainerMetrics = CRIContainerMetrics()
        one.containerID = container.id
        one.metrics = metrics(source, path: container.cgroupPath, name: container.config.metadata.name, sandbox)
        pod.containerMetrics.append(one)
      }
      found.append(pod)
    }
    return found
  }

  /// What a group tells of itself; nil for one that goes just now.
  private func source(_ path: String, startedAt: Int64) -> MetricSource? {
    let group: Cgroup = hierarchy.group(path)
    guard let figures: CgroupFigures = try? group.figures() else { return nil }
    var source: MetricSource = MetricSource(figures: figures, startedAt: startedAt, now: SystemClock.now)
    let processes: [Int32] = (try? group.processes()) ?? []
    source.processes = UInt64(processes.count)
    for pid: Int32 in processes {
      // A process that ends just now has none.
      let directory: String = "/proc/\(pid)/fd"
      for name: String in (try? Files.list(directory)) ?? [] {
        source.descriptors += 1
        if let target: String = try? Files.readLink("\(directory)/\(name)"), target.hasPrefix("socket:") {
          source.sockets += 1
        }
      }
    }
    source.devices = group.deviceFigures()
    return source
  }

  private func layer(_ id: String) async -> (device: String, used: UInt64, whole: Files.FileSystemUsage)? {
    guard let usage: Images.FileSystemUsage = await images.containerUsage(id),
      let whole: Files.FileSystemUsage = try? Files.usage(of: usage.mountPoint)
    else { return nil }
    return (usage.mountPoint, usage.usedBytes, whole)
  }

  private func metrics(_ source: MetricSource, path: String, name: String, _ sandbox: SandboxRecord) -> [CRIMetric] {
    let metadata: CRIPodSandboxMetadata = sandbox.config.metadata
    return ContainerMetric.all.flatMap { metric in
      metric.samples(source).map { sample in
        var message: CRIMetric = CRIMetric()
        message.name = metric.name
        message.timestamp = source.now
        message.metricType = metric.type
        message.labelValues = [path, name, metadata.name, metadata.namespace] + sample.labels
        message.value.value = sample.value
        return message
      }
    }
  }
}
