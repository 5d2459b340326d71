// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import ClusterDNS
import DaemonFlags
import KubeClient

/// `apus dns`: names of Services and pods.
enum DNSCommand: DaemonCommand {
  static let name: String = "dns"
  static let summary: String = "answer the names of Services and pods, and forward all others"

  static var flags: FlagSet {
    var flags: FlagSet = FlagSet(command: "apus dns", summary: summary)
    flags.string("kubeconfig", "how to reach the API server (default: as a pod does)")
    flags.string("cluster-domain", default: "cluster.local", "the cluster's domain")
    flags.list("listen-address", default: "0.0.0.0", "addresses to listen on")
    flags.int("port", default: 53, "the UDP and TCP port")
    flags.list("upstream", "name servers for all other names, each address or address:port (default: those of --resolv-conf)")
    flags.string("resolv-conf", default: "/etc/resolv.conf", "where the name servers for all other names are")
    flags.int("ttl", default: 5, "how long an answer about the cluster may be kept, in seconds")
    return flags
  }

  static func run(_ values: FlagValues) async throws {
    let client: ClientConfiguration =
      try values.string("kubeconfig").map { path in try ClientConfiguration(kubeconfig: path) } ?? .inCluster()
    var configuration: ClusterDNSConfiguration = ClusterDNSConfiguration(client: client)
    configuration.domain = values.string("cluster-domain") ?? configuration.domain
    configuration.listenAddresses = values.list("listen-address")
    guard let port: Int = values.int("port"), (1...65_535).contains(port) else {
      throw FlagError(command: "apus dns", message: "--port must be between 1 and 65535")
    }
    configuration.port = port
    configuration.upstreams = values.list("upstream")
    configuration.resolverFile = values.string("resolv-conf") ?? configuration.resolverFile
    configuration.ttl = UInt32(clamping: values.int("ttl") ?? 5)
    let logger = logger(values)
    try await serve([ClusterDNS(configuration: configuration, logger: logger)], logger: logger)
  }
}
