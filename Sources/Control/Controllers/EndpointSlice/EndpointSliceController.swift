// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Lists the pods behind each service in EndpointSlices of at most a hundred endpoints.
final class EndpointSliceController: Controller {
  static let name: String = "endpointslice-controller"
  private static let manager: String = "endpointslice-controller.k8s.io"
  private static let managerLabel: String = "endpointslice.kubernetes.io/managed-by"
  static let serviceLabel: String = "kubernetes.io/service-name"
  static let headlessLabel: String = "service.kubernetes.io/headless"
  private static let triggerAnnotation: String = "endpoints.kubernetes.io/last-change-trigger-time"
  /// Upstream's max-endpoints-per-slice.
  private static let endpointsMax: Int = 100

  private let context: ControllerContext
  private let services: Informer<Service>
  private let pods: Informer<Pod>
  private let nodes: Informer<Node>
  private let slices: Informer<DiscoveryEndpointSlice>
  private let queue: WorkQueue<ObjectKey> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    services = context.informers.informer(Service.self)
    pods = context.informers.informer(Pod.self)
    nodes = context.informers.informer(Node.self)
    slices = context.informers.informer(DiscoveryEndpointSlice.self)
    slices.addIndex("service") { slice in
      slice.metadata.labels[Self.serviceLabel].map { ["\(slice.metadata.namespace)/\($0)"] } ?? []
    }
    services.addHandler { [queue] event in queue.add(event.object.key) }
    pods.addHandler { [queue, services] event in
      for key: ObjectKey in PodServices.affected(by: event, services) { queue.add(key) }
    }
    slices.addHandler { [queue] event in
      let slice: DiscoveryEndpointSlice = event.object
      guard slice.metadata.labels[Self.managerLabel] == Self.manager,
        let service: String = slice.metadata.labels[Self.serviceLabel]
      else { return }
      if case .added = event { return }
      queue.add(ObjectKey(namespace: slice.metadata.namespace, name: service))
    }
  }

  func run() async throws {
    try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) }
  }

  private func reconcile(_ key: ObjectKey) async throws {
    let existing: [DiscoveryEndpointSlice] = slices.indexed("service", key.description).filter {
      $0.metadata.labels[Self.managerLabel] == Self.manager
    }
    // The garbage collector deletes the slices of a service that is gone.
    guard let service: Service = services.get(key), !service.spec.selector.isEmpty, service.spec.type != "ExternalName",
      !service.metadata.isBeingDeleted
    else { return }
    let selector: LabelSelector = LabelSelector(labels: service.spec.selector)
    let selected: [Pod] = pods.list(namespace: key.namespace).filter { selector.matches($0.metadata.labels) }
    let wanted: [DiscoveryEndpointSlice] = self.wanted(service, selected)
    let names: Set<String> = Set(wanted.map(\.metadata.name))
    for slice: DiscoveryEndpointSlice in wanted {
      try await write(slice, existing.first { $0.metadata.name == slice.metadata.name })
    }
    for slice: DiscoveryEndpointSlice in existing
    where !names.contains(slice.metadata.name) && !slice.metadata.isBeingDeleted {
      do throws(KubeClientError) {
        try await context.client.delete(
          DiscoveryEndpointSlice.self, namespace: key.namespace, name: slice.metadata.name)
      } catch {
        guard error.isNotFound else { throw error }
      }
    }
  }

  /// The slices that the service should have.
  ///
  /// Their names follow from what they hold, so that a slice which the cache has not shown yet is not made twice.
  private func wanted(_ service: Service, _ pods: [Pod]) -> [DiscoveryEndpointSlice] {
    let endpoints: ServiceEndpoints = ServiceEndpoints(service: service)
    var groups: [ServiceEndpoints.Group] = endpoints.groups(pods, includesTerminating: true)
    // A service without pods still has one empty slice a family, which tells that it is looked after.
    for type: String in service.spec.ipFamilies where !groups.contains(where: { $0.addressType == type }) {
      groups.append(ServiceEndpoints.Group(addressType: type, ports: [], endpoints: []))
    }
    var result: [DiscoveryEndpointSlice] = []
    for group: ServiceEndpoints.Group in groups {
      let ports: String = group.ports.map { "\($0.name):\($0.protocol):\($0.port):\($0.appProtocol)" }.joined(
        separator: ",")
      var place: Int = 0
      repeat {
        let part: ArraySlice<ServiceEndpoints.Endpoint> = group.endpoints.dropFirst(place).prefix(Self.endpointsMax)
        var slice: DiscoveryEndpointSlice = skeleton(service)
        let suffix: String = TemplateHash.short("\(group.addressType)|\(ports)|\(place / Self.endpointsMax)")
        slice.metadata.name = "\(service.metadata.name.prefix(57))-\(suffix)"
        slice.addressType = group.addressType
        slice.ports = group.ports
        slice.endpoints = part.map { endpoint($0, endpoints) }
        slice.metadata.annotations[Self.triggerAnnotation] = Self.triggerTime(service, part.map(\.pod))
        result.append(slice)
        place += Self.endpointsMax
      } while place < group.endpoints.count
    }
    return result
  }

  private func skeleton(_ service: Service) -> DiscoveryEndpointSlice {
    var slice: DiscoveryEndpointSlice = DiscoveryEndpointSlice()
    slice.metadata.namespace = service.metadata.namespace
    slice.metadata.labels = service.metadata.labels
    slice.metadata.labels[Self.headlessLabel] = service.spec.clusterIp == "None" ? "" : nil
    slice.metadata.labels[Self.serviceLabel] = service.metadata.name
    slice.metadata.labels[Self.managerLabel] = Self.manager
    slice.metadata.ownerReferences = [MetaOwnerReference(controller: service)]
    return slice
  }

  private func endpoint(_ endpoint: ServiceEndpoints.Endpoint, _ endpoints: ServiceEndpoints) -> DiscoveryEndpoint {
    let pod: Pod = endpoint.pod
    var result: DiscoveryEndpoint = DiscoveryEndpoint()
    result.addresses = [endpoint.address]
    result.conditions.ready = endpoints.isReady(pod)
    result.conditions.serving = pod.isReady || endpoints.service.spec.publishNotReadyAddresses
    result.conditions.terminating = pod.metadata.isBeingDeleted
    if !pod.spec.nodeName.isEmpty { result.nodeName = pod.spec.nodeName }
    if let zone: String = nodes.get(name: pod.spec.nodeName)?.metadata.labels["topology.kubernetes.io/zone"] {
      result.zone = zone
    }
    let hostname: String = endpoints.hostname(pod)
    if !hostname.isEmpty { result.hostname = hostname }
    result.targetRef.kind = "Pod"
    result.targetRef.namespace = pod.metadata.namespace
    result.targetRef.name = pod.metadata.name
    result.targetRef.uid = pod.metadata.uid
    return result
  }

  /// When the newest change happened that the slice shows.
  private static func triggerTime(_ service: Service, _ pods: [Pod]) -> String {
    var newest: Int64 = service.metadata.creationTimestamp.seconds
    for pod: Pod in pods {
      newest = max(
        newest, pod.condition("Ready")?.lastTransitionTime.seconds ?? 0, pod.metadata.deletionTimestamp.seconds)
    }
    return Timestamp(seconds: newest).rfc3339
  }

  private func write(_ wanted: DiscoveryEndpointSlice, _ existing: DiscoveryEndpointSlice?) async throws {
    guard var slice: DiscoveryEndpointSlice = existing else {
      do throws(KubeClientError) {
        try await context.client.create(wanted)
      } catch {
        guard !error.isNamespaceTerminating else { return }
        throw error
      }
      return
    }
    if slice.endpoints == wanted.endpoints, slice.ports == wanted.ports,
      slice.metadata.labels == wanted.metadata.labels,
      slice.metadata.ownerReferences == wanted.metadata.ownerReferences
    {
      return
    }
    slice.endpoints = wanted.endpoints
    slice.ports = wanted.ports
    slice.metadata.labels = wanted.metadata.labels
    slice.metadata.ownerReferences = wanted.metadata.ownerReferences
    slice.metadata.annotations[Self.triggerAnnotation] = wanted.metadata.annotations[Self.triggerAnnotation]
    slices.remember(try await context.client.update(slice))
  }
}
