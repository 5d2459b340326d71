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
  /// The node's own usage.
  let node: NodeFigures = NodeFigures()

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

  /// `/stats/summary`: what node, pods and containers use.
  func summary(_ response: HTTPResponseWriter) async throws {
    let summary: StatsSummary = StatsSummary(
      nodeName: services.configuration.nodeName, node: node.usage(), pods: try await podFigures(),
      storage: try? Files.usage(of: services.configuration.rootDirectory))
    try await response.sendJSON(summary.document)
  }

  private func podFigures() async throws -> [PodFigures] {
    // A runtime need not have figures of sandboxes; those of the containers are summed up then.
    let sandboxes: [CRIPodSandboxStats] = (try? await services.runtime.podSandboxStats()) ?? []
    return PodFigures.all(
      containers: try await services.runtime.containerStats(), sandboxes: sandboxes, pods: await supervisor.pods())
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
    let pods: [PodFigures] = try await podFigures()
    let now: Int64 = Timestamp.now.seconds * 1000
    func containers(_ name: String, _ type: String, _ help: String, _ value: (PodFigures.Container) -> Double?) {
      text.family(name, type, help)
      for pod: PodFigures in pods {
        for container: PodFigures.Container in pod.containers {
          guard let value: Double = value(container) else { continue }
          text.sample(
            name, ["container": container.name, "namespace": pod.namespace, "pod": pod.name], value, milliseconds: now)
        }
      }
    }
    func each(_ name: String, _ type: String, _ help: String, _ value: (PodFigures) -> UInt64) {
      text.family(name, type, help)
      for pod: PodFigures in pods {
        text.sample(name, ["namespace": pod.namespace, "pod": pod.name], Double(value(pod)), milliseconds: now)
      }
    }
    containers(
      "container_cpu_usage_seconds_total", "counter",
      "[STABLE] Cumulative cpu time consumed by the container in core-seconds"
    ) { Double($0.stats.cpu.usageCoreNanoSeconds.value) / 1e9 }
    containers(
      "container_memory_working_set_bytes", "gauge", "[STABLE] Current working set of the container in bytes"
    ) { Double($0.stats.memory.workingSetBytes.value) }
    containers(
      "container_start_time_seconds", "gauge",
      "[STABLE] Start time of the container since unix epoch in seconds"
    ) { $0.startTime?.timeInterval }
    containers(
      "container_swap_usage_bytes", "gauge", "[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems"
    ) { Double($0.stats.swap.swapUsageBytes.value) }
    let usage: NodeFigures.Usage = node.usage()
    text.family(
      "node_cpu_usage_seconds_total", "counter", "[STABLE] Cumulative cpu time consumed by the node in core-seconds")
    text.sample("node_cpu_usage_seconds_total", [:], Double(usage.coreNanoseconds) / 1e9, milliseconds: now)
    text.family("node_memory_working_set_bytes", "gauge", "[STABLE] Current working set of the node in bytes")
    text.sample("node_memory_working_set_bytes", [:], Double(usage.workingSetBytes), milliseconds: now)
    text.family("node_swap_usage_bytes", "gauge", "[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems")
    text.sample("node_swap_usage_bytes", [:], Double(usage.swapBytes), milliseconds: now)
    text.family(
      "pod_cpu_usage_seconds_total", "counter", "[STABLE] Cumulative cpu time consumed by the pod in core-seconds")
    for pod: PodFigures in pods {
      text.sample(
        "pod_cpu_usage_seconds_total", ["namespace": pod.namespace, "pod": pod.name],
        Double(pod.processor.usageCoreNanoSeconds.value) / 1e9, milliseconds: now)
    }
    each("pod_memory_working_set_bytes", "gauge", "[STABLE] Current working set of the pod in bytes") {
      $0.memory.workingSetBytes.value
    }
    text.family(
      "resource_scrape_error", "gauge", "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise")
    text.sample("resource_scrape_error", [:], 0)
  }

  private func containerMetrics(_ text: inout MetricsText) async throws {
    text.family("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds.")
    text.family("container_memory_usage_bytes", "gauge", "Current memory usage in bytes, including all memory.")
    for pod: PodFigures in try await podFigures() {
      for container: PodFigures.Container in pod.containers {
        let labels: [String: String] = [
          "container": container.name, "namespace": pod.namespace, "pod": pod.name, "id": container.stats.attributes.id,
        ]
        text.sample(
          "container_cpu_usage_seconds_total", labels, Double(container.stats.cpu.usageCoreNanoSeconds.value) / 1e9)
        text.sample("container_memory_usage_bytes", labels, Double(container.stats.memory.usageBytes.value))
        text.sample("container_memory_working_set_bytes", labels, Double(container.stats.memory.workingSetBytes.value))
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

  /// - Parameter milliseconds: when the value was taken, since 1970.
  mutating func sample(_ name: String, _ labels: [String: String], _ value: Double, milliseconds: Int64? = nil) {
    let list: String = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\(DownwardFields.quoted($0.value))" }.joined(separator: ",")
    let time: String = milliseconds.map { " \($0)" } ?? ""
    text += list.isEmpty ? "\(name) \(value)\(time)\n" : "\(name){\(list)} \(value)\(time)\n"
  }
}
