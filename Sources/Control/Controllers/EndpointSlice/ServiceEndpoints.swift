// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta

/// The endpoints of a service, worked out from its pods. Pure.
struct ServiceEndpoints {
  /// One pod as an endpoint of one family.
  struct Endpoint {
    var pod: Pod
    var address: String
  }

  /// Endpoints that have the same ports.
  struct Group {
    var addressType: String
    var ports: [DiscoveryEndpointPort]
    var endpoints: [Endpoint]
  }

  let service: Service

  /// The pods' endpoints, grouped by address family and ports, in a fixed order.
  ///
  /// - Parameter includesTerminating: whether pods that are going are listed, too (slices do, Endpoints do not).
  func groups(_ pods: [Pod], includesTerminating: Bool) -> [Group] {
    var groups: [Group] = []
    let eligible: [Pod] = pods.filter { pod in
      !pod.isTerminal && (includesTerminating || !pod.metadata.isBeingDeleted)
    }.sorted { $0.metadata.name < $1.metadata.name }
    for type: String in addressTypes {
      for pod: Pod in eligible {
        guard let address: String = Self.addresses(pod).first(where: { ($0.contains(":") ? "IPv6" : "IPv4") == type })
        else {
          continue
        }
        let ports: [DiscoveryEndpointPort] = self.ports(pod)
        let endpoint: Endpoint = Endpoint(pod: pod, address: address)
        if let place: Int = groups.firstIndex(where: { $0.addressType == type && $0.ports == ports }) {
          groups[place].endpoints.append(endpoint)
        } else {
          groups.append(Group(addressType: type, ports: ports, endpoints: [endpoint]))
        }
      }
    }
    return groups
  }

  /// The families of the service; a headless one without any has those of its pods.
  var addressTypes: [String] {
    if !service.spec.ipFamilies.isEmpty { return service.spec.ipFamilies }
    if service.spec.clusterIp.contains(":") { return ["IPv6"] }
    return service.spec.clusterIp == "None" || service.spec.clusterIp.isEmpty ? ["IPv4", "IPv6"] : ["IPv4"]
  }

  static func addresses(_ pod: Pod) -> [String] {
    let all: [String] = pod.status.podIps.map(\.ip)
    return all.isEmpty ? (pod.status.podIp.isEmpty ? [] : [pod.status.podIp]) : all
  }

  /// The ports of the service as the pod serves them; a named port that the pod lacks is left out.
  private func ports(_ pod: Pod) -> [DiscoveryEndpointPort] {
    service.spec.ports.compactMap { port in
      let proto: String = port.protocol.isEmpty ? "TCP" : port.protocol
      guard let number: Int32 = Self.target(port, proto, pod) else { return nil }
      var result: DiscoveryEndpointPort = DiscoveryEndpointPort()
      result.name = port.name
      result.protocol = proto
      result.port = number
      if !port.appProtocol.isEmpty { result.appProtocol = port.appProtocol }
      return result
    }
  }

  private static func target(_ port: ServicePort, _ proto: String, _ pod: Pod) -> Int32? {
    let target: IntOrString = port.targetPort
    if target.type == 0 { return target.intVal > 0 ? target.intVal : port.port }
    let sidecars: [Container] = pod.spec.initContainers.filter { $0.restartPolicy == "Always" }
    for container: Container in pod.spec.containers + sidecars {
      for candidate: ContainerPort in container.ports
      where candidate.name == target.strVal && (candidate.protocol.isEmpty ? "TCP" : candidate.protocol) == proto {
        return candidate.containerPort
      }
    }
    return nil
  }

  /// Whether the service's clients see the pod as ready.
  func isReady(_ pod: Pod) -> Bool {
    service.spec.publishNotReadyAddresses || (pod.isReady && !pod.metadata.isBeingDeleted)
  }

  /// The name that the pod has below the service's, where it has one.
  func hostname(_ pod: Pod) -> String {
    pod.spec.subdomain == service.metadata.name && pod.metadata.namespace == service.metadata.namespace
      ? pod.spec.hostname : ""
  }
}
