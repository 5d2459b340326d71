// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
public import JSON
import Kernel
import KubeClient
import PKI
import X509
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
    status["problems"] = JSONValue(fullDisks + expiredCertificates)
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
    for problem: JSONValue in status["problems"].items { lines.append("problem  \(problem.string ?? "")") }
    for node: JSONValue in status["nodes"].items {
      lines.append("node    \(node["name"].string ?? "")  \(node["ready"].bool == true ? "Ready" : "NotReady")")
    }
    if let total: Int64 = status["pods"]["total"].int {
      lines.append("pods    \(status["pods"]["running"].int ?? 0) of \(total) running")
    }
    return lines.joined(separator: "\n")
  }

  /// The store and the images must have room to write to.
  private var fullDisks: [String] {
    // What is not there is not full.
    guard let usage: Files.FileSystemUsage = try? Files.usage(of: cluster.dataDirectory), usage.totalBytes > 0,
      usage.availableBytes < Self.freeBytesMin
    else { return [] }
    let mebibyte: UInt64 = 1 << 20
    return ["the disk of \(cluster.dataDirectory) is full: \(usage.availableBytes / mebibyte) MiB of \(usage.totalBytes / mebibyte) MiB are left"]
  }

  /// With less than this the store cannot be sure of its next write.
  private static let freeBytesMin: UInt64 = 16 << 20

  private var expiredCertificates: [String] {
    // A cluster without certificates is one that was never up.
    let names: [String] = ((try? Files.list(cluster.pkiDirectory)) ?? []).filter { $0.hasSuffix(".crt") }.sorted()
    return names.compactMap { name in
      let path: String = "\(cluster.pkiDirectory)/\(name)"
      guard let text: String = Files.textIfThere(path), let expiry: Date = Certificate.expiry(ofPEM: text), expiry < Date() else { return nil }
      return "the certificate \(path) has expired: apus up renews it"
    }
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
