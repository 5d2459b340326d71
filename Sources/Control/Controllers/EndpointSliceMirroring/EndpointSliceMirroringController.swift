// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta

/// Copies hand-made Endpoints of services without a selector into EndpointSlices, which are all that proxies read.
final class EndpointSliceMirroringController: Controller {
  static let name: String = "endpointslice-mirroring-controller"
  static let account: String = "endpointslicemirroring-controller"
  private static let manager: String = "endpointslicemirroring-controller.k8s.io"
  private static let managerLabel: String = "endpointslice.kubernetes.io/managed-by"
  private static let skipLabel: String = "endpointslice.kubernetes.io/skip-mirror"

  private let context: ControllerContext
  private let services: Informer<Service>
  private let endpoints: Informer<Endpoints>
  private let slices: Informer<DiscoveryEndpointSlice>
  private let queue: WorkQueue<ObjectKey> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    services = context.informers.informer(Service.self)
    endpoints = context.informers.informer(Endpoints.self)
    slices = context.informers.informer(DiscoveryEndpointSlice.self)
    services.addHandler { [queue] event in queue.add(event.object.key) }
    endpoints.addHandler { [queue] event in queue.add(event.object.key) }
  }

  func run() async throws {
    try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) }
  }

  private func reconcile(_ key: ObjectKey) async throws {
    let service: Service? = services.get(key)
    let source: Endpoints? = endpoints.get(key)
    let existing: [DiscoveryEndpointSlice] = slices.list(namespace: key.namespace).filter { slice in
      slice.metadata.labels[EndpointSliceController.serviceLabel] == key.name
        && slice.metadata.labels[Self.managerLabel] == Self.manager
    }
    var wanted: [DiscoveryEndpointSlice] = []
    if let service, let source, service.spec.selector.isEmpty, source.metadata.labels[Self.skipLabel] != "true",
      source.metadata.annotations["control-plane.alpha.kubernetes.io/leader"] == nil, !source.metadata.isBeingDeleted
    {
      wanted = mirrored(source)
    }
    for slice: DiscoveryEndpointSlice in wanted {
      guard var known: DiscoveryEndpointSlice = existing.first(where: { $0.metadata.name == slice.metadata.name })
      else {
        do throws(KubeClientError) {
          try await context.client.create(slice)
        } catch {
          guard !error.isNamespaceTerminating else { return }
          throw error
        }
        continue
      }
      guard known.endpoints != slice.endpoints || known.ports != slice.ports else { continue }
      known.endpoints = slice.endpoints
      known.ports = slice.ports
      slices.remember(try await context.client.update(known))
    }
    for slice: DiscoveryEndpointSlice in existing
    where !wanted.contains(where: { $0.metadata.name == slice.metadata.name }) {
      do throws(KubeClientError) {
        try await context.client.delete(
          DiscoveryEndpointSlice.self, namespace: key.namespace, name: slice.metadata.name)
      } catch {
        guard error.isNotFound else { throw error }
      }
    }
  }

  private func mirrored(_ source: Endpoints) -> [DiscoveryEndpointSlice] {
    var result: [DiscoveryEndpointSlice] = []
    for (place, subset) in source.subsets.enumerated() {
      for family: String in ["IPv4", "IPv6"] {
        var slice: DiscoveryEndpointSlice = DiscoveryEndpointSlice()
        slice.endpoints = (subset.addresses.map { ($0, true) } + subset.notReadyAddresses.map { ($0, false) })
          .filter { ($0.0.ip.contains(":") ? "IPv6" : "IPv4") == family }.map { Self.endpoint($0.0, isReady: $0.1) }
        guard !slice.endpoints.isEmpty else { continue }
        slice.addressType = family
        slice.metadata.namespace = source.metadata.namespace
        slice.metadata.name = "\(source.metadata.name.prefix(57))-\(TemplateHash.short("mirror|\(family)|\(place)"))"
        slice.metadata.labels = source.metadata.labels
        slice.metadata.labels[EndpointSliceController.serviceLabel] = source.metadata.name
        slice.metadata.labels[Self.managerLabel] = Self.manager
        slice.metadata.ownerReferences = [MetaOwnerReference(controller: source)]
        slice.ports = subset.ports.map { port in
          var copy: DiscoveryEndpointPort = DiscoveryEndpointPort()
          copy.name = port.name
          copy.port = port.port
          copy.protocol = port.protocol.isEmpty ? "TCP" : port.protocol
          if !port.appProtocol.isEmpty { copy.appProtocol = port.appProtocol }
          return copy
        }
        result.append(slice)
      }
    }
    return result
  }

  private static func endpoint(_ address: EndpointAddress, isReady: Bool) -> DiscoveryEndpoint {
    var endpoint: DiscoveryEndpoint = DiscoveryEndpoint()
    endpoint.addresses = [address.ip]
    endpoint.conditions.ready = isReady
    if !address.hostname.isEmpty { endpoint.hostname = address.hostname }
    if !address.nodeName.isEmpty { endpoint.nodeName = address.nodeName }
    if address.hasTargetRef { endpoint.targetRef = address.targetRef }
    return endpoint
  }
}
