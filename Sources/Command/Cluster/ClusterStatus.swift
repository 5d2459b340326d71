// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
public import JSON
import Kernel
import KubeClient
public import Logging

/// `apus status`: which daemons run, and what the cluster says of itself.
public struct ClusterStatus: Sendable {
  private let cluster: ClusterConfiguration
  private let logger: Logger

  /// Looks at the cluster of this configuration.
  public init(_ cluster: ClusterConfiguration, logger: Logger) {
    self.cluster = cluster
    self.logger = logger
  }

  /// The whole status: `components` (name, pid, running, memoryBytes), `apiServer`, `nodes` and `pods`.
  public func json() async -> JSONValue {
    let alive: [String: RunningComponents.Identity] = RunningComponents(runDirectory: cluster.runDirectory).alive
    let keeper: [String: RunningComponents.Identity] =
      RunningComponents(runDirectory: cluster.runDirectory, file: Keeper.file).alive
    let names: [String] = [Keeper.name, Supervisor.name] + ComponentPlan(cluster).components.map(\.name)
    let components: [JSONValue] = names.map { name in
      guard let identity: RunningComponents.Identity = alive[name] ?? keeper[name] else {
        return ["name": .string(name), "running": false]
      }
      return [
        "name": .string(name), "running": true, "pid": JSONValue(identity.pid),
        "memoryBytes": JSONValue(Self.proportionalBytes(identity.pid)),
      ]
    }
    var status: JSONValue = ["server": .string(cluster.server), "components": .array(components)]
    do {
      let client: KubeClient = try KubeClient(
        configuration: try ClientConfiguration(kubeconfig: cluster.adminConfig), logger: logger)
      let nodes: [JSONValue] = try await client.list(Self.nodes).items
      let pods: [JSONValue] = try await client.list(Self.pods).items
      status["apiServer"] = "ready"
      status["nodes"] = .array(nodes.map(Self.summary))
      status["pods"] = ["total": JSONValue(pods.count), "running": JSONValue(pods.count { $0.at("status", "phase") == "Running" })]
    } catch {
      status["apiServer"] = .string("\(error)")
    }
    return status
  }

  /// The status as aligned lines for people.
  public func text() async -> String {
    let status: JSONValue = await json()
    var lines: [String] = ["COMPONENT            PID      MEMORY"]
    func column(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(1, width - text.count))
    }
    for component: JSONValue in status["components"].items {
      let name: String = component["name"].string ?? ""
      let pid: String = component["pid"].int.map(String.init) ?? "-"
      let memory: String = component["memoryBytes"].int.map { "\($0 / 1_048_576) MiB" } ?? "not running"
      lines.append(column(name, 21) + column(pid, 9) + memory)
    }
    lines += ["", "server  \(status["server"].string ?? "")  \(status["apiServer"].string ?? "")"]
    for node: JSONValue in status["nodes"].items {
      lines.append("node    \(node["name"].string ?? "")  \(node["ready"].bool == true ? "Ready" : "NotReady")")
    }
    if let total: Int64 = status["pods"]["total"].int {
      lines.append("pods    \(status["pods"]["running"].int ?? 0) of \(total) running")
    }
    return lines.joined(separator: "\n")
  }

  /// The proportional set size of a process: its own pages, and its share of those that it shares.
  private static func proportionalBytes(_ pid: Int32) -> Int64 {
    // One that has just ended has no memory.
    guard let text: String = try? Files.readText("/proc/\(pid)/smaps_rollup") else { return 0 }
    let line: Substring? = text.split(separator: "\n").first { $0.hasPrefix("Pss:") }
    let kibibytes: Int64 = line?.split(separator: " ").dropFirst().first.flatMap { Int64($0) } ?? 0
    return kibibytes * 1024
  }

  private static func summary(_ node: JSONValue) -> JSONValue {
    let isReady: Bool = node.at("status", "conditions").items.contains { $0["type"] == "Ready" && $0["status"] == "True" }
    return ["name": node["metadata"]["name"], "ready": .bool(isReady)]
  }

  private static let nodes: ResourceType = ResourceType(
    group: "", version: "v1", plural: "nodes", kind: "Node", isNamespaced: false)
  private static let pods: ResourceType = ResourceType(
    group: "", version: "v1", plural: "pods", kind: "Pod", isNamespaced: true)
}
