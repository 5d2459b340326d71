// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import JSON
import Kernel
import KubeValues

/// The document of `/stats/summary`, upstream's `stats/v1alpha1`.
struct StatsSummary: Sendable {
  var nodeName: String
  var node: NodeFigures.Usage
  var pods: [PodFigures]
  /// The file system of the kubelet's folder; nil where it cannot be looked at.
  var storage: Files.FileSystemUsage?
  var time: Timestamp = .now

  private var now: JSONValue { .string(time.rfc3339) }

  var document: JSONValue {
    ["node": nodeDocument, "pods": .array(pods.map(podDocument))]
  }

  private var nodeDocument: JSONValue {
    var value: JSONValue = [
      "nodeName": .string(nodeName), "startTime": .string(node.startTime.rfc3339),
      "cpu": ["time": now, "usageCoreNanoSeconds": JSONValue(node.coreNanoseconds)],
      "memory": [
        "time": now, "availableBytes": JSONValue(node.availableBytes), "usageBytes": JSONValue(node.usageBytes),
        "workingSetBytes": JSONValue(node.workingSetBytes),
      ],
      "swap": [
        "time": now, "swapAvailableBytes": JSONValue(node.swapAvailableBytes), "swapUsageBytes": JSONValue(node.swapBytes),
      ],
    ]
    if let rate: UInt64 = node.nanoCores { value["cpu"]["usageNanoCores"] = JSONValue(rate) }
    if let storage { value["fs"] = fileSystem(storage.totalBytes - storage.freeBytes, storage.totalInodes - storage.freeInodes) }
    if let processes = node.processes {
      value["rlimit"] = ["time": now, "maxpid": .int(processes.limit), "curproc": .int(processes.count)]
    }
    return value
  }

  private func podDocument(_ pod: PodFigures) -> JSONValue {
    var value: JSONValue = [
      "podRef": ["name": .string(pod.name), "namespace": .string(pod.namespace), "uid": .string(pod.uid)],
      "startTime": start(pod.startTime),
      "containers": .array(pod.containers.map(container)),
      "cpu": processor(pod.processor), "memory": memory(pod.memory),
      "ephemeral-storage": fileSystem(pod.writtenBytes, pod.writtenInodes),
    ]
    if let sandbox: CRIPodSandboxStats = pod.sandbox {
      if sandbox.linux.hasNetwork { value["network"] = network(sandbox.linux.network) }
      if sandbox.linux.hasProcess {
        value["process_stats"] = ["process_count": JSONValue(sandbox.linux.process.processCount.value)]
      }
    }
    return value
  }

  private func container(_ container: PodFigures.Container) -> JSONValue {
    let stats: CRIContainerStats = container.stats
    return [
      "name": .string(container.name), "startTime": start(container.startTime),
      "cpu": processor(stats.cpu), "memory": memory(stats.memory),
      "rootfs": fileSystem(stats.writableLayer.usedBytes.value, stats.writableLayer.inodesUsed.value),
      "swap": ["time": now, "swapUsageBytes": JSONValue(stats.swap.swapUsageBytes.value)],
    ]
  }

  private func start(_ time: Timestamp?) -> JSONValue { time.map { .string($0.rfc3339) } ?? .null }

  private func processor(_ usage: CRICpuUsage) -> JSONValue {
    [
      "time": now, "usageNanoCores": JSONValue(usage.usageNanoCores.value),
      "usageCoreNanoSeconds": JSONValue(usage.usageCoreNanoSeconds.value),
    ]
  }

  private func memory(_ usage: CRIMemoryUsage) -> JSONValue {
    var value: JSONValue = [
      "time": now, "usageBytes": JSONValue(usage.usageBytes.value),
      "workingSetBytes": JSONValue(usage.workingSetBytes.value), "rssBytes": JSONValue(usage.rssBytes.value),
      "pageFaults": JSONValue(usage.pageFaults.value), "majorPageFaults": JSONValue(usage.majorPageFaults.value),
    ]
    // Without a limit there is no end that one could be near to.
    if usage.hasAvailableBytes { value["availableBytes"] = JSONValue(usage.availableBytes.value) }
    return value
  }

  /// A part of the kubelet's file system.
  private func fileSystem(_ usedBytes: UInt64, _ usedInodes: UInt64) -> JSONValue {
    var value: JSONValue = ["time": now, "usedBytes": JSONValue(usedBytes), "inodesUsed": JSONValue(usedInodes)]
    if let storage {
      value["availableBytes"] = JSONValue(storage.availableBytes)
      value["capacityBytes"] = JSONValue(storage.totalBytes)
      value["inodesFree"] = JSONValue(storage.freeInodes)
      value["inodes"] = JSONValue(storage.totalInodes)
    }
    return value
  }

  private func network(_ usage: CRINetworkUsage) -> JSONValue {
    func interface(_ one: CRINetworkInterfaceUsage) -> JSONValue {
      [
        "name": .string(one.name), "rxBytes": JSONValue(one.rxBytes.value), "rxErrors": JSONValue(one.rxErrors.value),
        "txBytes": JSONValue(one.txBytes.value), "txErrors": JSONValue(one.txErrors.value),
      ]
    }
    var value: JSONValue = interface(usage.defaultInterface)
    value["time"] = now
    value["interfaces"] = .array(([usage.defaultInterface] + usage.interfaces).map(interface))
    return value
  }
}
