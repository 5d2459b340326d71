// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import KubeClient

/// How cluster DNS works.
public struct ClusterDNSConfiguration: Sendable {
  /// How to reach the API server.
  public var client: ClientConfiguration
  /// The cluster's domain.
  public var domain: String = "cluster.local"
  /// The addresses to listen on.
  public var listenAddresses: [String] = ["0.0.0.0"]
  /// The UDP and TCP port.
  public var port: Int = 53
  /// Name servers for everything else, each "address" or "address:port"; none means those of `resolverFile`.
  public var upstreams: [String] = []
  /// A resolv.conf(5), read again when it changes.
  public var resolverFile: String = "/etc/resolv.conf"
  /// How long a client may keep an answer about the cluster, in seconds.
  public var ttl: UInt32 = 5

  /// A server with the defaults.
  public init(client: ClientConfiguration) { self.client = client }
}
