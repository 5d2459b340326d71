// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import Kernel
import KubeClient
public import Logging

/// `apus up`: makes the files, starts the daemons, and waits until pods can be created. Doing it again changes nothing.
public struct ClusterUp: Sendable {
  /// How long each step may take.
  private static let patience: Duration = .seconds(60)
  /// How often a step looks whether it is done; the daemons do the waiting on events, this is only their doorstep.
  private static let interval: Duration = .milliseconds(20)

  private let cluster: ClusterConfiguration
  private let logger: Logger
  private let say: @Sendable (String) -> Void

  /// - Parameter say: shows a line of progress to the person who waits.
  public init(_ cluster: ClusterConfiguration, logger: Logger, say: @escaping @Sendable (String) -> Void) {
    self.cluster = cluster
    self.logger = logger
    self.say = say
  }

  /// Brings the cluster up.
  public func run() async throws {
    guard getuid() == 0 else { throw ClusterError(.unsupported, "only root can bring a cluster up") }
    let start: ContinuousClock.Instant = .now
    try MachineState.prepare(cluster)
    try ClusterFiles(cluster: cluster).prepare()
    let isFresh: Bool = try startSupervisor()
    say(isFresh ? "started the daemons; logs are in \(cluster.logDirectory)" : "the daemons run already")

    let client: KubeClient = try KubeClient(
      configuration: try ClientConfiguration(kubeconfig: cluster.kubernetesDirectory + "/super-admin.conf"), logger: logger)
    try await until("the API server is ready", log: "apiserver") {
      if !isFresh { try revive() }
      return try await isReady(client)
    }
    say("the API server is ready after \(Self.seconds(since: start))")
    try await AddOns(cluster: cluster).apply(with: client)
    try await until("node \(cluster.nodeName) is Ready", log: "kubelet") { try await isNodeReady(client) }
    say("node \(cluster.nodeName) is Ready after \(Self.seconds(since: start))")
    try await markControlPlane(client)
    try await until("the default service account is there", log: "controller-manager") {
      _ = try await client.get(Self.serviceAccounts, namespace: "default", name: "default")
      return true
    }
    say("pods can be created after \(Self.seconds(since: start))")
    say("the cluster answers at \(cluster.server); export KUBECONFIG=\(cluster.adminConfig)")
  }

  /// Starts the keeper, which starts the supervisor. Returns false where a supervisor runs this very plan already.
  private func startSupervisor() throws -> Bool {
    let plan: [UInt8] = ComponentPlan(cluster).json.bytes
    let path: String = Supervisor.planPath(cluster.runDirectory)
    let alive: [String: RunningComponents.Identity] = RunningComponents(runDirectory: cluster.runDirectory).alive
    // A plan that is not there is one that differs.
    let former: [UInt8]? = try? Files.read(path)
    // The daemons read their certificates when they start.
    let certificates: [UInt8] = try certificates()
    let formerCertificates: [UInt8]? = try? Files.read(path + ".certificates")
    if let supervisor: RunningComponents.Identity = alive[Supervisor.name] {
      if former == plan, formerCertificates == certificates { return false }
      say("the \(former == plan ? "certificates were renewed" : "plan has changed"); starting the daemons anew")
      try Processes.signal(supervisor.pid, SIGTERM)
      try Processes.waitForEnd(of: supervisor.pid, milliseconds: 30_000)
    }
    try Files.replace(path, plan, mode: 0o644)
    try Files.replace(path + ".certificates", certificates, mode: 0o644)
    try Keeper.start(runDirectory: cluster.runDirectory, logDirectory: cluster.logDirectory)
    return true
  }

  /// Starts the keeper where the supervisor that was found has ended: it was about to, as when both are killed at once.
  private func revive() throws {
    let running: RunningComponents = RunningComponents(runDirectory: cluster.runDirectory)
    guard running.alive[Supervisor.name] == nil else { return }
    // Where there is a keeper, this one ends at once.
    try Keeper.start(runDirectory: cluster.runDirectory, logDirectory: cluster.logDirectory)
  }

  /// All certificates of the cluster, one after the other.
  private func certificates() throws -> [UInt8] {
    let names: [String] = try Files.list(cluster.pkiDirectory).filter { $0.hasSuffix(".crt") }.sorted()
    return try names.flatMap { try Files.read("\(cluster.pkiDirectory)/\($0)") }
  }

  private static func seconds(since start: ContinuousClock.Instant) -> String {
    let tenths: Int = Int((ContinuousClock.now - start) / .milliseconds(100))
    return "\(tenths / 10).\(tenths % 10) s"
  }

  private func until(
    _ what: String, log: String, _ isDone: @escaping @Sendable () async throws -> Bool
  ) async throws {
    let clock: ContinuousClock = ContinuousClock()
    let deadline: ContinuousClock.Instant = clock.now + Self.patience
    var last: String = ""
    while clock.now < deadline {
      do {
        if try await isDone() { return }
      } catch {
        last = ": \(error)"
      }
      try await clock.sleep(for: Self.interval)
    }
    throw ClusterError(
      .timeout, "waited \(Self.patience) until \(what)\(last); see \(cluster.logDirectory)/\(log).log")
  }

  private func isReady(_ client: KubeClient) async throws -> Bool {
    String(decoding: try await client.raw("/readyz"), as: UTF8.self) == "ok"
  }

  private func isNodeReady(_ client: KubeClient) async throws -> Bool {
    let node: JSONValue = try await client.get(Self.nodes, name: cluster.nodeName)
    return node["status"]["conditions"].items.contains { $0["type"] == "Ready" && $0["status"] == "True" }
  }

  private func markControlPlane(_ client: KubeClient) async throws {
    let label: String = "node-role.kubernetes.io/control-plane"
    try await client.patch(
      Self.nodes, name: cluster.nodeName, .merge(["metadata": ["labels": [label: ""]]]))
  }

  private static let nodes: ResourceType = ResourceType(
    group: "", version: "v1", plural: "nodes", kind: "Node", isNamespaced: false)
  private static let serviceAccounts: ResourceType = ResourceType(
    group: "", version: "v1", plural: "serviceaccounts", kind: "ServiceAccount", isNamespaced: true)
}
