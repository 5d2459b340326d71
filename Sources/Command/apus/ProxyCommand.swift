// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import DaemonFlags
import Glibc
import JSON
import KubeClient
import Logging
import ServiceProxy

/// `apus proxy`: Services become packet filter rules.
enum ProxyCommand: DaemonCommand {
  static let name: String = "proxy"
  static let summary: String = "turn Services into packet filter rules of this node"

  static var flags: FlagSet {
    var flags: FlagSet = FlagSet(command: "apus proxy", summary: summary)
    flags.string("config", "a KubeProxyConfiguration; then the other flags are not used, but for --hostname-override")
    flags.string("kubeconfig", "how to reach the API server")
    flags.string("master", "the API server's address, in the place of the kubeconfig's")
    flags.string("hostname-override", "the node's name (default: the host's name)")
    flags.string("cluster-cidr", "the pods' networks, separated by a comma; traffic from elsewhere is masqueraded")
    flags.bool("masquerade-all", "masquerade all traffic to cluster IPs")
    flags.int("iptables-masquerade-bit", default: 14, "the bit of the packet mark that asks for masquerading")
    flags.list("nodeport-addresses", "networks of the addresses that serve node ports (default: all addresses)")
    flags.bool("iptables-localhost-nodeports", default: true, "serve node ports on loopback addresses too")
    flags.string("healthz-bind-address", default: "0.0.0.0:10256", "where health is served; empty for nowhere")
    flags.string("metrics-bind-address", default: "127.0.0.1:10249", "where metrics are served; empty for nowhere")
    flags.string("proxy-mode", default: "nftables", "nftables is the one mode")
    flags.bool("cleanup", "remove all rules of the proxy and end")
    flags.ignored(
      [
        "bind-address", "bind-address-hard-fail", "boot-id-file", "config-sync-period", "conntrack-max-per-core",
        "conntrack-min", "conntrack-tcp-be-liberal", "conntrack-tcp-timeout-close-wait",
        "conntrack-tcp-timeout-established", "conntrack-udp-timeout", "conntrack-udp-timeout-stream",
        "detect-local-mode", "feature-gates", "init-only", "iptables-min-sync-period", "iptables-sync-period",
        "kube-api-burst", "kube-api-content-type", "kube-api-qps", "log-flush-frequency", "logging-format",
        "machine-id-file", "oom-score-adj", "pod-bridge-interface", "pod-interface-name-prefix", "profiling",
        "show-hidden-metrics-for-version", "vmodule", "write-config-to",
      ], "not used by this implementation")
    return flags
  }

  static func run(_ values: FlagValues) async throws {
    let configuration: ServiceProxyConfiguration = try configuration(values)
    let logger: Logger = logger(values)
    if values.bool("cleanup") {
      try ServiceProxy.removeRules()
      return
    }
    try await serve([ServiceProxy(configuration: configuration, logger: logger)], logger: logger)
  }

  private static func configuration(_ values: FlagValues) throws -> ServiceProxyConfiguration {
    if let path: String = values.string("config") { return try ProxyConfigurationFile.read(path, values) }
    let mode: String = values.string("proxy-mode") ?? ""
    guard ["", "nftables", "iptables"].contains(mode) else {
      throw FlagError(command: "apus proxy", message: "--proxy-mode \(mode) does not exist here; nftables is the one mode")
    }
    let client: ClientConfiguration
    if let path: String = values.string("kubeconfig") {
      client = try ClientConfiguration(kubeconfig: path)
    } else if let server: String = values.string("master") {
      client = ClientConfiguration(server: server)
    } else {
      client = try ClientConfiguration.inCluster()
    }
    var configuration = ServiceProxyConfiguration(
      client: client, nodeName: values.string("hostname-override") ?? hostName())
    configuration.clusterCIDRs = try prefixes(values.list("cluster-cidr"), "cluster-cidr")
    configuration.masqueradesAll = values.bool("masquerade-all")
    configuration.masqueradeBit = min(max(values.int("iptables-masquerade-bit") ?? 14, 0), 31)
    configuration.nodePortAddresses = try prefixes(
      values.list("nodeport-addresses").filter { $0 != "primary" }, "nodeport-addresses")
    configuration.servesLocalhostNodePorts = values.bool("iptables-localhost-nodeports")
    (configuration.healthAddress, configuration.healthPort) = try endpoint(
      values.string("healthz-bind-address") ?? "", "healthz-bind-address", port: 10256)
    (configuration.metricsAddress, configuration.metricsPort) = try endpoint(
      values.string("metrics-bind-address") ?? "", "metrics-bind-address", port: 10249)
    return configuration
  }

  static func hostName() -> String {
    var buffer: [CChar] = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).lowercased()
  }

  static func prefixes(_ texts: [String], _ name: String) throws -> [IPPrefix] {
    try texts.filter { !$0.isEmpty }.map { text in
      guard let prefix: IPPrefix = IPPrefix(text) else {
        throw FlagError(command: "apus proxy", message: "\(name): \"\(text)\" is no network such as 10.0.0.0/8")
      }
      return prefix.masked
    }
  }

  /// "host:port", "[host]:port", or a host alone.
  static func endpoint(_ text: String, _ name: String, port: Int) throws -> (String, Int) {
    if text.isEmpty { return ("", 0) }
    if IPAddress(text) != nil { return (text, port) }
    guard let colon: String.Index = text.lastIndex(of: ":"), let number = Int(text[text.index(after: colon)...]),
      (0...65_535).contains(number)
    else { throw FlagError(command: "apus proxy", message: "\(name): \"\(text)\" is no address with a port") }
    let host: String = String(text[..<colon].filter { $0 != "[" && $0 != "]" })
    return (host.isEmpty ? "0.0.0.0" : host, number)
  }
}

/// A KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1).
enum ProxyConfigurationFile {
  static func read(_ path: String, _ values: FlagValues) throws -> ServiceProxyConfiguration {
    let document: JSONValue = try ConfigurationFile.document(
      path, kind: "KubeProxyConfiguration", command: "apus proxy")
    let mode: String = document["mode"].string ?? ""
    guard ["", "nftables", "iptables"].contains(mode) else {
      throw FlagError(command: "apus proxy", message: "\(path): mode \(mode) does not exist here; nftables is the one mode")
    }
    let kubeconfig: String = document.at("clientConnection", "kubeconfig").string ?? ""
    let client: ClientConfiguration =
      kubeconfig.isEmpty ? try .inCluster() : try ClientConfiguration(kubeconfig: kubeconfig)
    let override: String = values.string("hostname-override") ?? document["hostnameOverride"].string ?? ""
    var configuration = ServiceProxyConfiguration(
      client: client, nodeName: override.isEmpty ? ProxyCommand.hostName() : override)
    let networks: [String] = (document["clusterCIDR"].string ?? "").split(separator: ",").map(String.init)
    configuration.clusterCIDRs = try ProxyCommand.prefixes(networks, "clusterCIDR")
    for section: JSONValue in [document["nftables"], document["iptables"]] {
      if section["masqueradeAll"].bool == true { configuration.masqueradesAll = true }
    }
    if let bit = document.at("nftables", "masqueradeBit").int { configuration.masqueradeBit = min(max(Int(bit), 0), 31) }
    if let serves = document.at("iptables", "localhostNodePorts").bool { configuration.servesLocalhostNodePorts = serves }
    configuration.nodePortAddresses = try ProxyCommand.prefixes(
      document["nodePortAddresses"].items.compactMap(\.string).filter { $0 != "primary" }, "nodePortAddresses")
    (configuration.healthAddress, configuration.healthPort) = try ProxyCommand.endpoint(
      document["healthzBindAddress"].string ?? "0.0.0.0:10256", "healthzBindAddress", port: 10256)
    (configuration.metricsAddress, configuration.metricsPort) = try ProxyCommand.endpoint(
      document["metricsBindAddress"].string ?? "127.0.0.1:10249", "metricsBindAddress", port: 10249)
    return configuration
  }
}
