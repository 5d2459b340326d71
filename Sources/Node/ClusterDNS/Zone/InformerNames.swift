// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta

/// The names of the cluster out of informers' caches.
struct InformerNames: NameSource {
  let services: Informer<Service>
  let slices: Informer<DiscoveryEndpointSlice>
  let namespaces: Informer<Namespace>

  init(client: KubeClient) {
    services = Informer(client: client) { service in
      service.metadata.annotations = [:]
      service.metadata.ownerReferences = []
    }
    slices = Informer(client: client) { slice in
      slice.metadata.annotations = [:]
      slice.metadata.ownerReferences = []
    }
    namespaces = Informer(client: client) { namespace in
      namespace.metadata.annotations = [:]
    }
    services.addIndex("address") { Self.clusterIPs($0).map(\.description) }
    slices.addIndex("service") { slice in
      slice.metadata.labels["kubernetes.io/service-name"].map { ["\(slice.metadata.namespace)/\($0)"] } ?? []
    }
    slices.addIndex("address") { slice in slice.endpoints.flatMap(\.addresses) }
  }

  private static func clusterIPs(_ service: Service) -> [IPAddress] {
    let texts: [String] = service.spec.clusterIps.isEmpty ? [service.spec.clusterIp] : service.spec.clusterIps
    return texts.compactMap { IPAddress($0) }
  }

  var isReady: Bool { services.hasSynced && slices.hasSynced && namespaces.hasSynced }

  func hasNamespace(_ name: String) -> Bool { namespaces.get(name: name) != nil }

  func service(namespace: String, name: String) -> NamedService? {
    services.get(namespace: namespace, name: name).map(Self.named)
  }

  private static func named(_ service: Service) -> NamedService {
    let kind: NamedService.Kind
    if service.spec.type == "ExternalName" {
      kind = .external(service.spec.externalName)
    } else {
      let addresses: [IPAddress] = clusterIPs(service)
      kind = addresses.isEmpty ? .headless : .clusterIP(addresses)
    }
    let ports: [NamedService.Port] = service.spec.ports.map { port in
      let transport: String = port.protocol.isEmpty ? "tcp" : port.protocol.lowercased()
      return NamedService.Port(name: port.name, transport: transport, number: UInt16(clamping: port.port))
    }
    return NamedService(
      namespace: service.metadata.namespace, name: service.metadata.name, kind: kind, ports: ports)
  }

  func endpoints(namespace: String, name: String) -> [NamedEndpoint] {
    slices.indexed("service", "\(namespace)/\(name)").flatMap(Self.endpoints)
  }

  private static func endpoints(_ slice: DiscoveryEndpointSlice) -> [NamedEndpoint] {
    let ports: [NamedService.Port] = slice.ports.map { port in
      let transport: String = port.protocol.isEmpty ? "tcp" : port.protocol.lowercased()
      return NamedService.Port(name: port.name, transport: transport, number: UInt16(clamping: port.port))
    }
    return slice.endpoints.flatMap { endpoint -> [NamedEndpoint] in
      guard !endpoint.conditions.hasReady || endpoint.conditions.ready else { return [] }
      return endpoint.addresses.compactMap { IPAddress($0) }.map {
        NamedEndpoint(address: $0, hostname: endpoint.hostname, ports: ports)
      }
    }
  }

  func service(address: IPAddress) -> NamedService? {
    services.indexed("address", address.description).first.map(Self.named)
  }

  func endpoint(address: IPAddress) -> (service: NamedService, endpoint: NamedEndpoint)? {
    var best: (service: NamedService, endpoint: NamedEndpoint)?
    for slice: DiscoveryEndpointSlice in slices.indexed("address", address.description) {
      guard let name = slice.metadata.labels["kubernetes.io/service-name"],
        let service = service(namespace: slice.metadata.namespace, name: name), service.kind == .headless,
        let endpoint = Self.endpoints(slice).first(where: { $0.address == address })
      else { continue }
      // A name that its pod has chosen says more than one made of the address.
      if best == nil || !endpoint.hostname.isEmpty { best = (service, endpoint) }
    }
    return best
  }
}
