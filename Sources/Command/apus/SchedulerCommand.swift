// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import DaemonFlags
import Glibc
import JSON
import KubeClient
import Scheduling
import YAML

/// `apus scheduler`: the flags of kube-scheduler.
enum SchedulerCommand: DaemonCommand {
  static let name: String = "scheduler"
  static let summary: String = "gives pods their nodes"

  static var flags: FlagSet {
    var flags: FlagSet = FlagSet(command: "apus scheduler", summary: summary)
    flags.string(
      "kubeconfig", "the kubeconfig file; without it, the configuration file's or a pod's environment is used")
    flags.string("config", "a KubeSchedulerConfiguration file")
    flags.string("master", "the address of the API server, in the place of the kubeconfig's")
    HealthPort.addFlags(to: &flags, port: 10259)
    flags.bool("leader-elect", default: true, "let one of several schedulers work at a time")
    flags.string("leader-elect-resource-name", default: "kube-scheduler", "the name of the election's Lease")
    flags.string("leader-elect-resource-namespace", default: "kube-system", "the namespace of the election's Lease")
    flags.ignored(
      [
        "leader-elect-lease-duration", "leader-elect-renew-deadline", "leader-elect-retry-period",
        "leader-elect-resource-lock",
      ], "the election has upstream's times and uses a Lease")
    flags.ignored(
      [
        "authentication-kubeconfig", "authorization-kubeconfig", "authorization-always-allow-paths",
        "client-ca-file", "cert-dir",
        "requestheader-client-ca-file",
        "authentication-skip-lookup", "authentication-tolerate-lookup-failure", "permit-address-sharing",
        "permit-port-sharing", "tls-min-version", "tls-cipher-suites", "http2-max-streams-per-connection",
        "requestheader-allowed-names", "requestheader-extra-headers-prefix", "requestheader-group-headers",
        "requestheader-username-headers", "profiling", "contention-profiling",
      ],
      "its port tells health alone, and to everybody")
    flags.ignored(
      ["kube-api-burst", "kube-api-qps", "kube-api-content-type"], "requests are not limited by the client")
    flags.ignored(
      ["feature-gates", "emulated-version", "logging-format", "vmodule", "log-flush-frequency"], "has no counterpart")
    return flags
  }

  static func run(_ values: FlagValues) async throws {
    var document: JSONValue = .null
    if let path: String = values.string("config") {
      document = try ConfigurationFile.document(path, kind: "KubeSchedulerConfiguration", command: "apus scheduler")
    }
    let kubeconfig: String? = values.string("kubeconfig") ?? document["clientConnection"]["kubeconfig"].string
    var client: ClientConfiguration =
      try kubeconfig.map { path in try ClientConfiguration(kubeconfig: path) } ?? .inCluster()
    if let master: String = values.string("master") { client.server = master }
    var configuration: SchedulerConfiguration = SchedulerConfiguration(
      client: client, identity: ConfigurationFile.identity)
    let names: [String] = document["profiles"].items.compactMap { $0["schedulerName"].string }
    if !names.isEmpty { configuration.schedulerNames = Set(names) }
    configuration.percentageOfNodesToScore = Int(document["percentageOfNodesToScore"].int ?? 0)
    let election: JSONValue = document["leaderElection"]
    configuration.leaderElects =
      values.isGiven("leader-elect") ? values.bool("leader-elect") : election["leaderElect"].bool ?? true
    configuration.leaseName =
      election["resourceName"].string ?? values.string("leader-elect-resource-name") ?? "kube-scheduler"
    configuration.leaseNamespace =
      election["resourceNamespace"].string ?? values.string("leader-elect-resource-namespace") ?? "kube-system"
    let logger = logger(values)
    let health: HealthPort? = try HealthPort(values, command: "apus \(name)", logger: logger)
    try await serve([Scheduler(configuration: configuration, logger: logger)] + (health.map { [$0] } ?? []), logger: logger)
  }
}

/// What the control daemons' commands share.
enum ConfigurationFile {
  /// Reads a component's configuration file and checks its kind.
  static func document(_ path: String, kind: String, command: String) throws -> JSONValue {
    let document: JSONValue = try YAML.document(try text(path, command: command))
    guard document["kind"].string == kind else {
      throw FlagError(
        command: command, message: "\(path) has the kind \"\(document["kind"].string ?? "")\", not \(kind)")
    }
    return document
  }

  /// Reads a file that a flag names.
  static func text(_ path: String, command: String) throws -> String {
    guard let file: UnsafeMutablePointer<FILE> = fopen(path, "r") else {
      throw FlagError(command: command, message: "cannot read \(path)")
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk: [UInt8] = Array(repeating: 0, count: 65536)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A name for an election: the host and a number that no other process has.
  static var identity: String {
    var name: [CChar] = Array(repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let bytes: [UInt8] = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return "\(String(decoding: bytes, as: UTF8.self))_\(String(UInt64.random(in: .min ... .max), radix: 16))"
  }
}
