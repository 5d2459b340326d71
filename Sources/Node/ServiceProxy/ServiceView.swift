// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta

/// The API has a kind of this name as well.
typealias IPAddress = Addresses.IPAddress

/// Transport protocols by their number.
enum Transport: UInt8, Hashable, Sendable {
  case tcp = 6
  case udp = 17
  case sctp = 132

  init?(_ name: String) {
    switch name {
    case "TCP", "": self = .tcp
    case "UDP": self = .udp
    case "SCTP": self = .sctp
    default: return nil
    }
  }
}

/// What the proxy needs to know of a Service.
struct ServiceView: Hashable, Sendable {
  struct Port: Hashable, Sendable {
    var name: String
    var transport: Transport
    var port: UInt16
    var nodePort: UInt16
  }

  /// Seconds of session affinity that apply where a Service asks for it and gives none.
  private static let affinitySecondsDefault: Int = 10_800

  var key: ObjectKey
  var ports: [Port]
  var clusterIPs: [IPAddress]
  var externalIPs: [IPAddress]
  var loadBalancerIPs: [IPAddress]
  /// Who may use the load balancer's addresses; none means everybody.
  var sourceRanges: [IPPrefix]
  /// How long a client stays with an endpoint.
  var affinitySeconds: Int?
  var usesLocalInternally: Bool
  var usesLocalExternally: Bool
  var healthCheckNodePort: UInt16

  /// Nil for a Service that has no virtual address or is another proxy's.
  init?(_ service: Service) {
    let spec: ServiceSpec = service.spec
    guard spec.type != "ExternalName", spec.clusterIp != "None", !spec.clusterIp.isEmpty,
      service.metadata.labels["service.kubernetes.io/service-proxy-name"] == nil
    else { return nil }
    key = service.key
    let addresses: [String] = spec.clusterIps.isEmpty ? [spec.clusterIp] : spec.clusterIps
    clusterIPs = addresses.compactMap { IPAddress($0) }
    guard !clusterIPs.isEmpty else { return nil }
    externalIPs = spec.externalIps.compactMap { IPAddress($0) }
    loadBalancerIPs =
      spec.type == "LoadBalancer"
      ? service.status.loadBalancer.ingress.compactMap { $0.ipMode == "Proxy" ? nil : IPAddress($0.ip) } : []
    sourceRanges = spec.loadBalancerSourceRanges.compactMap { range in
      IPPrefix(String(range.filter { $0 != " " }))?.masked
    }
    ports = spec.ports.compactMap { port in
      guard let transport = Transport(port.protocol), let number = UInt16(exactly: port.port) else { return nil }
      return Port(name: port.name, transport: transport, port: number, nodePort: UInt16(exactly: port.nodePort) ?? 0)
    }
    affinitySeconds = nil
    if spec.sessionAffinity == "ClientIP" {
      let wanted: Int = Int(spec.sessionAffinityConfig.clientIp.timeoutSeconds)
      affinitySeconds = wanted > 0 ? wanted : Self.affinitySecondsDefault
    }
    usesLocalInternally = spec.internalTrafficPolicy == "Local"
    usesLocalExternally = spec.externalTrafficPolicy == "Local"
    healthCheckNodePort = usesLocalExternally ? UInt16(exactly: spec.healthCheckNodePort) ?? 0 : 0
  }
}

/// One endpoint of a Service's port.
struct EndpointView: Hashable, Sendable, Comparable {
  var address: IPAddress
  var port: UInt16
  var isReady: Bool
  var isServing: Bool
  var isTerminating: Bool
  var isLocal: Bool

  static func < (left: EndpointView, right: EndpointView) -> Bool {
    (left.address, left.port) < (right.address, right.port)
  }
}

/// The endpoints of one Service, by the name of the port.
struct EndpointsView: Hashable, Sendable {
  private(set) var byPort: [String: [EndpointView]] = [:]

  init(_ slices: [DiscoveryEndpointSlice], nodeName: String) {
    for slice: DiscoveryEndpointSlice in slices where slice.addressType != "FQDN" {
      for endpoint: DiscoveryEndpoint in slice.endpoints {
        // An endpoint's addresses are equal to each other; the first is used.
        guard let address = endpoint.addresses.first.flatMap({ IPAddress($0) }) else { continue }
        let conditions: DiscoveryEndpointConditions = endpoint.conditions
        let isReady: Bool = conditions.hasReady ? conditions.ready : true
        for port: DiscoveryEndpointPort in slice.ports {
          guard let number = UInt16(exactly: port.port), number > 0 else { continue }
          byPort[port.name, default: []].append(
            EndpointView(
              address: address, port: number, isReady: isReady,
              isServing: conditions.hasServing ? conditions.serving : isReady,
              isTerminating: conditions.terminating, isLocal: endpoint.nodeName == nodeName))
        }
      }
    }
    // An endpoint may be in two slices for a moment while it moves.
    for name: String in byPort.keys {
      var unique: [EndpointView] = []
      for endpoint: EndpointView in (byPort[name] ?? []).sorted() {
        if let last = unique.last, last.address == endpoint.address, last.port == endpoint.port {
          if endpoint.isReady { unique[unique.count - 1] = endpoint }
        } else {
          unique.append(endpoint)
        }
      }
      byPort[name] = unique
    }
  }

  /// The endpoints that get connections: those that are ready, or, when there is none, those that still serve while
  /// they end.
  func usable(port: String, family: IPFamily, localOnly: Bool = false) -> [EndpointView] {
    let all: [EndpointView] = (byPort[port] ?? []).filter {
      $0.address.family == family && (!localOnly || $0.isLocal)
    }
    let ready: [EndpointView] = all.filter(\.isReady)
    return ready.isEmpty ? all.filter { $0.isServing && $0.isTerminating } : ready
  }

  /// How many endpoints on this node are ready, counting pods and not their ports.
  var localReadyCount: Int {
    Set(byPort.values.flatMap { $0 }.filter { $0.isLocal && $0.isReady }.map(\.address)).count
  }
}
