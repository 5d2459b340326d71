// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses
public import KubeClient

/// How a service proxy works.
public struct ServiceProxyConfiguration: Sendable {
  /// How to reach the API server.
  public var client: ClientConfiguration
  /// The name of this node, by which local endpoints are known.
  public var nodeName: String
  /// The pods' networks, at most one a family: traffic to a cluster IP from elsewhere is masqueraded.
  public var clusterCIDRs: [IPPrefix] = []
  /// Whether all traffic to cluster IPs is masqueraded.
  public var masqueradesAll: Bool = false
  /// The bit of the packet mark that asks for masquerading.
  public var masqueradeBit: Int = 14
  /// The networks of the node's addresses that answer on node ports; none means all addresses.
  public var nodePortAddresses: [IPPrefix] = []
  /// Whether node ports answer on loopback addresses too (IPv4 alone can).
  public var servesLocalhostNodePorts: Bool = true
  /// Where `/healthz` and `/livez` are served; port 0 serves none.
  public var healthAddress: String = "0.0.0.0"
  /// The port of the health server.
  public var healthPort: Int = 10256
  /// Where `/metrics`, `/proxyMode` and `/healthz` are served.
  public var metricsAddress: String = "127.0.0.1"
  /// The port of the metrics server; 0 serves none.
  public var metricsPort: Int = 10249
  /// The families to serve.
  public var families: [IPFamily] = [.v4, .v6]
  /// How often the kernel's tables are looked at for changes by others.
  public var verificationInterval: Duration = .seconds(2)

  /// A proxy for a node.
  public init(client: ClientConfiguration, nodeName: String) {
    self.client = client
    self.nodeName = nodeName
  }
}
