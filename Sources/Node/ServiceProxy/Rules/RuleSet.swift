// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Nftables

/// The sets and maps of the proxy's table. Their elements are all that depends on Services.
enum RuleSet: UInt8, Hashable, Sendable, CaseIterable {
  /// All cluster IPs.
  case clusterIPs
  /// Destination . protocol . port -> the chain that picks an endpoint.
  case services
  /// Protocol . port -> the same, on the node's addresses.
  case nodePorts
  /// Destination . protocol . port -> refuse or drop.
  case emptyServices
  /// Protocol . port -> refuse or drop, on the node's addresses.
  case emptyNodePorts
  /// Destination . protocol . port . number -> endpoint.
  case endpoints
  /// The same, of this node alone.
  case localEndpoints
  /// Protocol . port . number -> endpoint.
  case nodePortEndpoints
  /// The same, of this node alone.
  case nodePortLocalEndpoints
  /// Endpoint . endpoint, for those that reach themselves through a Service.
  case hairpins
  /// Destination . protocol . port of load balancers with source ranges.
  case restricted
  /// Destination . protocol . port . source that may pass.
  case allowedSources

  var name: String {
    switch self {
    case .clusterIPs: "cluster-ips"
    case .services: "service-ips"
    case .nodePorts: "service-nodeports"
    case .emptyServices: "no-endpoint-services"
    case .emptyNodePorts: "no-endpoint-nodeports"
    case .endpoints: "endpoints"
    case .localEndpoints: "local-endpoints"
    case .nodePortEndpoints: "nodeport-endpoints"
    case .nodePortLocalEndpoints: "nodeport-local-endpoints"
    case .hairpins: "hairpin-endpoints"
    case .restricted: "restricted-services"
    case .allowedSources: "allowed-sources"
    }
  }

  static func endpoints(_ scope: DispatchChain.Scope, isLocal: Bool) -> RuleSet {
    switch scope {
    case .address: isLocal ? .localEndpoints : .endpoints
    case .nodePort: isLocal ? .nodePortLocalEndpoints : .nodePortEndpoints
    }
  }

  /// The set's declaration.
  func declaration(_ layout: TableLayout) -> NamedSet {
    let address: DataType = layout.addressType
    let target: DataType = .concatenation(address, .inetService)
    func named(_ key: DataType, _ data: DataType? = nil, _ flags: NamedSet.Flags = []) -> NamedSet {
      NamedSet(layout.table, name, key: key, data: data, flags: flags)
    }
    switch self {
    case .clusterIPs: return named(address)
    case .services, .emptyServices: return named(.concatenation(address, .inetProtocol, .inetService), .verdict)
    case .nodePorts, .emptyNodePorts: return named(.concatenation(.inetProtocol, .inetService), .verdict)
    case .endpoints, .localEndpoints:
      return named(.concatenation(address, .inetProtocol, .inetService, .mark), target)
    case .nodePortEndpoints, .nodePortLocalEndpoints:
      return named(.concatenation(.inetProtocol, .inetService, .mark), target)
    case .hairpins: return named(.concatenation(address, address))
    case .restricted: return named(.concatenation(address, .inetProtocol, .inetService))
    case .allowedSources: return named(.concatenation(address, .inetProtocol, .inetService, address), nil, [.interval])
    }
  }
}
