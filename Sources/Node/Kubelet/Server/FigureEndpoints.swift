// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import HTTPServing
import JSON
import Kernel
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import Logging
import NIOHTTP1

/// Pods, statistics and metrics.
struct FigureEndpoints: Sendable {
  let services: PodServices
  let supervisor: PodSupervisor

  /// `/pods`: the pods of this node as a PodList.
  func pods(_ response: HTTPResponseWriter) async throws {
    var items: [JSONValue] = []
    for pod: Pod in await supervisor.pods() { items.append(try ManifestEncoder.document(pod)) }
    try await response.sendJSON(["kind": "PodList", "apiVersion": "v1", "metadata": [:], "items": .array(items)])
  }

  /// `/spec`: the machine.
  func machine(_ response: HTTPResponseWriter) async throws {
    let machine: MachineFacts = .read(rootDirectory: services.configuration.rootDirectory)
    try await response.sendJSON([
      "num_cores": .int(machine.milliCPU / 1000), "memory_capacity": .int(machine.memoryBytes),
      "machine_id": .string(machine.machineID), "system_uuid": .string(machine.systemUUID), "boot_id": .string(machine.bootID),
    ])
  }

  // MARK: Summary

  /// `/stats/summary`: what node, pods and containers use.
  func summary(_ response: HTTPResponseWriter) async throws {
    let now: String = Timestamp.now.rfc3339
    var pods: [JSONValue] = []
    for (key, containers) in try await containersByPod() {
      pods.append([
        "podRef": ["name": .string(key.name), "namespace": .string(key.namespace), "uid": .string(key.uid)],
        "startTime": .string(now),
        "containers": .array(containers.map { Self.container($0, now) }),
        "cpu": [
          "time": .string(now),
          "usageNanoCores": JSONValue(containers.map(\.cpu.usageNanoCores.value).reduce(0, &+)),
          "usageCoreNanoSeconds": JSONValue(containers.map(\.cpu.usageCoreNanoSeconds.value).reduce(0, &+)),
        ],
        "memory": [
          "time": .string(now),
          "workingSetBytes": JSONValue(containers.map(\.memory.workingSetBytes.value).reduce(0, &+)),
          "usageBytes": JSONValue(containers.map(\.memory.usageBytes.value).reduce(0, &+)),
          "rssBytes": JSONValue(containers.map(\.memory.rssBytes.value).reduce(0, &+)),
        ],
      ])
    }
    try await response.sendJSON(["node": node(now), "pods": .array(pods)])
  }

  private func node(_ now: String) -> JSONValue {
    let memory: [String: Int64] = MachineFacts.memoryInfo()
    let total: Int64 = memory["MemTotal"] ?? 0
    let available: Int64 = memory["MemAvailable"] ?? 0
    var value: JSONValue = [
      "nodeName": .string(services.configuration.nodeName), "startTime": .string(now),
      "cpu": ["time": .string(now), "usageCoreNanoSeconds": .int(Self.machineCPU())],
      "memory": [
        "time": .string(now), "availableBytes": .int(available), "workingSetBytes": .int(total - available),
        "usageBytes": .int(total - (memory["MemFree"] ?? 0)),
      ],
    ]
    if let usage: Files.FileSystemUsage = try? Files.usage(of: services.configuration.rootDirectory) {
      value["fs"] = [
        "time": .string(now), "availableBytes": JSONValue(usage.availableBytes), "capacityBytes": JSONValue(usage.totalBytes),
        "usedBytes": JSONValue(usage.totalBytes - usage.freeBytes), "inodesFree": JSONValue(usage.freeInodes),
        "inodes": JSONValue(usage.totalInodes), "inodesUsed": JSONValue(usage.totalInodes - usage.freeInodes),
      ]
    }
    return value
  }

  /// The time that all processors have worked, in nanoseconds.
  private static func machineCPU() -> Int64 {
    let text: String = (try? Files.readText("/proc/stat")) ?? ""
    let ticks: [Int64] = text.prefix { $0 != "\n" }.split(separator: " ").dropFirst().compactMap { Int64($0) }
    guard ticks.count >= 8 else { return 0 }
    // Everything but idle and waiting, in hundredths of a second.
    return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) * 10_000_000
  }

  private static func container(_ stats: CRIContainerStats, _ now: String) -> JSONValue {
    [
      "name": .string(stats.attributes.metadata.name), "startTime": .string(now),
      "cpu": [
        "time": .string(now), "usageNanoCores": JSONValue(stats.cpu.usageNanoCores.value),
        "usageCoreNanoSeconds": JSONValue(stats.cpu.usageCoreNanoSeconds.value),
      ],
      "memory": [
        "time": .string(now), "workingSetBytes": JSONValue(stats.memory.workingSetBytes.value),
        "usageBytes": JSONValue(stats.memory.usageBytes.value), "rssBytes": JSONValue(stats.memory.rssBytes.value),
        "pageFaults": JSONValue(stats.memory.pageFaults.value), "majorPageFaults": JSONValue(stats.memory.majorPageFaults.value),
      ],
      "rootfs": [
        "time": .string(now), "usedBytes": JSONValue(stats.writableLayer.usedBytes.value),
        "inodesUsed": JSONValue(stats.writableLayer.inodesUsed.value),
      ],
    ]
  }

  private struct PodKey: Hashable {
    var namespace: String
    var name: String
    var uid: String
  }

  private func containersByPod() async throws -> [(key: PodKey, value: [CRIContainerStats])] {
    var pods: [PodKey: [CRIContainerStats]] = [:]
    for stats: CRIContainerStats in try await services.runtime.containerStats() {
      let labels: [String: String] = stats.attributes.labels
      let key: PodKey = PodKey(
        namespace: labels[RuntimeLabel.podNamespace] ?? "", name: labels[RuntimeLabel.podName] ?? "",
        uid: labels[RuntimeLabel.podUID] ?? "")
      pods[key, default: []].append(stats)
    }
    return pods.sorted { ($0.key.namespace, $0.key.name) < ($1.key.namespace, $1.key.name) }
  }

  // MARK: Metrics

  /// `/metrics`, `/metrics/resource`, `/metrics/cadvisor`, `/metrics/probes`.
  func metrics(_ kind: String, _ response: HTTPResponseWriter) async throws {
    var text: MetricsText = MetricsText()
    switch kind {
    case "resource": try await resourceMetrics(&text)
    case "cadvisor": try await containerMetrics(&text)
    case "", "probes": await ownMetrics(&text)
    default: throw KubeletError(.notFound, "404 page not found")
    }
    try await response.sendText(.ok, text.text, type: "text/plain; version=0.0.4; charset=utf-8")
  }

  private func ownMetrics(_ text: inout MetricsText) async {
    let pods: [Pod] = await supervisor.pods()
    text.family("kubelet_running_pods", "gauge", "Number of pods that have a running pod sandbox")
    text.sample("kubelet_running_pods", [:], Double(pods.filter { $0.status.phase == "Running" }.count))
    text.family("kubelet_running_containers", "gauge", "Number of containers currently running")
    let running: Int = pods.map { $0.status.containerStatuses.filter { $0.state.hasRunning }.count }.reduce(0, +)
    text.sample("kubelet_running_containers", ["container_state": "running"], Double(running))
    text.family("kubelet_node_name", "gauge", "The node's name. The count is always 1.")
    text.sample("kubelet_node_name", ["node": services.configuration.nodeName], 1)
  }

  private func resourceMetrics(_ text: inout MetricsText) async throws {
    let pods: [(key: PodKey, value: [CRIContainerStats])] = try await containersByPod()
    func labels(_ key: PodKey, _ stats: CRIContainerStats) -> [String: String] {
      ["container": stats.attributes.metadata.name, "namespace": key.namespace, "pod": key.name]
    }
    text.family("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the container in core-seconds")
    for (key, list) in pods {
      for stats in list {
        text.sample(
          "container_cpu_usage_seconds_total", labels(key, stats), Double(stats.cpu.usageCoreNanoSeconds.value) / 1e9)
      }
    }
    text.family("container_memory_working_set_bytes", "gauge", "Current working set of the container in bytes")
    for (key, list) in pods {
      for stats in list {
        text.sample("container_memory_working_set_bytes", labels(key, stats), Double(stats.memory.workingSetBytes.value))
      }
    }
    text.family("node_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the node in core-seconds")
    text.sample("node_cpu_usage_seconds_total", [:], Double(Self.machineCPU()) / 1e9)
    let memory: [String: Int64] = MachineFacts.memoryInfo()
    text.family("node_memory_working_set_bytes", "gauge", "Current working set of the node in bytes")
    text.sample(
      "node_memory_working_set_bytes", [:], Double((memory["MemTotal"] ?? 0) - (memory["MemAvailable"] ?? 0)))
    text.family("pod_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the pod in core-seconds")
    for (key, list) in pods {
      let total: UInt64 = list.map(\.cpu.usageCoreNanoSeconds.value).reduce(0, &+)
      text.sample("pod_cpu_usage_seconds_total", ["namespace": key.namespace, "pod": key.name], Double(total) / 1e9)
    }
    text.family("pod_memory_working_set_bytes", "gauge", "Current working set of the pod in bytes")
    for (key, list) in pods {
      let total: UInt64 = list.map(\.memory.workingSetBytes.value).reduce(0, &+)
      text.sample("pod_memory_working_set_bytes", ["namespace": key.namespace, "pod": key.name], Double(total))
    }
    text.family("resource_scrape_error", "gauge", "1 if there was an error while getting container metrics, 0 otherwise")
    text.sample("resource_scrape_error", [:], 0)
  }

  private func containerMetrics(_ text: inout MetricsText) async throws {
    text.family("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds.")
    text.family("container_memory_usage_bytes", "gauge", "Current memory usage in bytes, including all memory.")
    for (key, list) in try await containersByPod() {
      for stats: CRIContainerStats in list {
        let labels: [String: String] = [
          "container": stats.attributes.metadata.name, "namespace": key.namespace, "pod": key.name, "id": stats.attributes.id,
        ]
        text.sample("container_cpu_usage_seconds_total", labels, Double(stats.cpu.usageCoreNanoSeconds.value) / 1e9)
        text.sample("container_memory_usage_bytes", labels, Double(stats.memory.usageBytes.value))
        text.sample("container_memory_working_set_bytes", labels, Double(stats.memory.workingSetBytes.value))
      }
    }
  }
}

/// Metrics in Prometheus' text format.
struct MetricsText: Sendable {
  private(set) var text: String = ""

  mutating func family(_ name: String, _ type: String, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
  }

  mutating func sample(_ name: String, _ labels: [String: String], _ value: Double) {
    let list: String = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\(DownwardFields.quoted($0.value))" }.joined(separator: ",")
    text += list.isEmpty ? "\(name) \(value)\n" : "\(name){\(list)} \(value)\n"
  }
}
