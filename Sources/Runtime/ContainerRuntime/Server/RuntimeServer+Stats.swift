// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import GRPCCore
import Images
import Kernel
import Synchronization

extension RuntimeServer {
  func containerStats(
    request: CRIContainerStatsRequest, context: ServerContext
  ) async throws -> CRIContainerStatsResponse {
    var response: CRIContainerStatsResponse = CRIContainerStatsResponse()
    response.stats = try await core.stats(try core.runningContainer(request.containerID))
    return response
  }

  func listContainerStats(
    request: CRIListContainerStatsRequest, context: ServerContext
  ) async throws -> CRIListContainerStatsResponse {
    var response: CRIListContainerStatsResponse = CRIListContainerStatsResponse()
    response.stats = await core.listStats(request.filter)
    return response
  }

  func streamContainerStats(
    request: CRIStreamContainerStatsRequest, response: RPCWriter<CRIStreamContainerStatsResponse>, context: ServerContext
  ) async throws {
    for chunk: ArraySlice<CRIContainerStats> in await core.listStats(request.filter).chunks() {
      var message: CRIStreamContainerStatsResponse = CRIStreamContainerStatsResponse()
      message.containerStats = Array(chunk)
      try await response.write(message)
    }
  }

  func podSandboxStats(
    request: CRIPodSandboxStatsRequest, context: ServerContext
  ) async throws -> CRIPodSandboxStatsResponse {
    var response: CRIPodSandboxStatsResponse = CRIPodSandboxStatsResponse()
    response.stats = try await core.podStats(try core.sandbox(request.podSandboxID))
    return response
  }

  func listPodSandboxStats(
    request: CRIListPodSandboxStatsRequest, context: ServerContext
  ) async throws -> CRIListPodSandboxStatsResponse {
    var response: CRIListPodSandboxStatsResponse = CRIListPodSandboxStatsResponse()
    response.stats = await core.listPodStats(request.filter)
    return response
  }

  func streamPodSandboxStats(
    request: CRIStreamPodSandboxStatsRequest, response: RPCWriter<CRIStreamPodSandboxStatsResponse>,
    context: ServerContext
  ) async throws {
    for chunk: ArraySlice<CRIPodSandboxStats> in await core.listPodStats(request.filter).chunks() {
      var message: CRIStreamPodSandboxStatsResponse = CRIStreamPodSandboxStatsResponse()
      message.podSandboxStats = Array(chunk)
      try await response.write(message)
    }
  }
}

/// A reading of the CPU clock of a group, from which the next one gives a rate.
struct ProcessorSample: Sendable {
  var timestamp: Int64
  var nanoseconds: UInt64
  var nanoCores: UInt64
}

extension RuntimeCore {
  func listStats(_ filter: CRIContainerStatsFilter) async -> [CRIContainerStats] {
    var wanted: CRIContainerFilter = CRIContainerFilter()
    wanted.id = filter.id
    wanted.podSandboxID = filter.podSandboxID
    wanted.labelSelector = filter.labelSelector
    wanted.state.state = .containerRunning
    var found: [CRIContainerStats] = []
    for container: CRIContainer in listContainers(wanted) {
      // One that ends just now has no figures any more.
      if let record = records.container(container.id), let stats = try? await stats(record) { found.append(stats) }
    }
    return found
  }

  func listPodStats(_ filter: CRIPodSandboxStatsFilter) async -> [CRIPodSandboxStats] {
    var wanted: CRIPodSandboxFilter = CRIPodSandboxFilter()
    wanted.id = filter.id
    wanted.labelSelector = filter.labelSelector
    wanted.state.state = .sandboxReady
    var found: [CRIPodSandboxStats] = []
    for sandbox: CRIPodSandbox in listSandboxes(wanted) {
      if let record = records.sandbox(sandbox.id), let stats = try? await podStats(record) { found.append(stats) }
    }
    return found
  }

  func stats(_ record: ContainerRecord) async throws -> CRIContainerStats {
    let figures: CgroupFigures = try hierarchy.group(record.cgroupPath).figures()
    var stats: CRIContainerStats = CRIContainerStats()
    stats.attributes.id = record.id
    stats.attributes.metadata = record.config.metadata
    stats.attributes.labels = record.config.labels
    stats.attributes.annotations = record.config.annotations
    stats.cpu = processorUsage(record.id, figures)
    stats.memory = Self.memoryUsage(figures)
    stats.swap.timestamp = SystemClock.now
    stats.swap.swapUsageBytes.value = figures.swapBytes
    if let limit: UInt64 = figures.swapLimitBytes {
      stats.swap.swapAvailableBytes.value = limit > figures.swapBytes ? limit - figures.swapBytes : 0
    }
    if let usage: FileSystemUsage = await images.containerUsage(record.id) {
      stats.writableLayer = ImageServer.message(usage)
    }
    return stats
  }

  func podStats(_ record: SandboxRecord) async throws -> CRIPodSandboxStats {
    guard let parent: String = Files.parent(of: record.cgroupPath) else { throw RuntimeError.noSandbox(record.id) }
    // Where the caller has made no group for the pod, ours above it is that of all such pods.
    let group: String = record.config.linux.cgroupParent.isEmpty ? record.cgroupPath : parent
    let figures: CgroupFigures = try hierarchy.group(group).figures()
    var stats: CRIPodSandboxStats = CRIPodSandboxStats()
    stats.attributes.id = record.id
    stats.attributes.metadata = record.config.metadata
    stats.attributes.labels = record.config.labels
    stats.attributes.annotations = record.config.annotations
    stats.linux.cpu = processorUsage(record.id, figures)
    stats.linux.memory = Self.memoryUsage(figures)
    stats.linux.process.timestamp = SystemClock.now
    stats.linux.process.processCount.value = figures.processes
    if let usage: CRINetworkUsage = networkUsage(record) { stats.linux.network = usage }
    for container: ContainerRecord in records.containers(in: record.id) where container.state == .running {
      // One that ends just now has no figures any more.
      if let one: CRIContainerStats = try? await self.stats(container) { stats.linux.containers.append(one) }
    }
    return stats
  }

  private func processorUsage(_ id: String, _ figures: CgroupFigures) -> CRICpuUsage {
    let now: Int64 = SystemClock.now
    let sample: ProcessorSample = processorSamples.withLock { samples in
      var sample: ProcessorSample = ProcessorSample(timestamp: now, nanoseconds: figures.cpuNanoseconds, nanoCores: 0)
      if let old: ProcessorSample = samples[id] {
        let (time, work): (Int64, UInt64) = (now - old.timestamp, figures.cpuNanoseconds &- old.nanoseconds)
        // Readings too near one another say nothing of a rate.
        if time < 50_000_000 || figures.cpuNanoseconds < old.nanoseconds { return old }
        sample.nanoCores = UInt64(Double(work) / Double(time) * 1e9)
      }
      samples[id] = sample
      return sample
    }
    var usage: CRICpuUsage = CRICpuUsage()
    usage.timestamp = now
    usage.usageCoreNanoSeconds.value = figures.cpuNanoseconds
    usage.usageNanoCores.value = sample.nanoCores
    return usage
  }

  private static func memoryUsage(_ figures: CgroupFigures) -> CRIMemoryUsage {
    var usage: CRIMemoryUsage = CRIMemoryUsage()
    usage.timestamp = SystemClock.now
    usage.workingSetBytes.value = figures.workingSetBytes
    usage.usageBytes.value = figures.memoryBytes
    usage.rssBytes.value = figures.residentBytes
    usage.pageFaults.value = figures.pageFaults
    usage.majorPageFaults.value = figures.majorPageFaults
    if let limit: UInt64 = figures.memoryLimitBytes {
      usage.availableBytes.value = limit > figures.workingSetBytes ? limit - figures.workingSetBytes : 0
    }
    return usage
  }

  /// The counters of the pod's links, as its pause process sees them.
  private func networkUsage(_ record: SandboxRecord) -> CRINetworkUsage? {
    guard !record.usesHostNetwork, record.pausePID > 0 else { return nil }
    var usage: CRINetworkUsage = CRINetworkUsage()
    usage.timestamp = SystemClock.now
    for link: LinkCounters in LinkCounters.all(of: record.pausePID) {
      var interface: CRINetworkInterfaceUsage = CRINetworkInterfaceUsage()
      interface.name = link.name
      interface.rxBytes.value = link.received.bytes
      interface.rxErrors.value = link.received.errors
      interface.txBytes.value = link.sent.bytes
      interface.txErrors.value = link.sent.errors
      if link.name == CNINetwork.interfaceName {
        usage.defaultInterface = interface
      } else {
        usage.interfaces.append(interface)
      }
    }
    return usage
  }
}
