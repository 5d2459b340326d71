// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Lists the pods behind each service in the older resource Endpoints, for clients that still read it.
final class EndpointsController: Controller {
  static let name: String = "endpoints-controller"
  static let account: String = "endpoint-controller"
  private static let managerLabel: String = "endpoints.kubernetes.io/managed-by"
  private static let manager: String = "endpoint-controller"
  private static let capacityAnnotation: String = "endpoints.kubernetes.io/over-capacity"
  private static let triggerAnnotation: String = "endpoints.kubernetes.io/last-change-trigger-time"
  /// More addresses than this are cut off, as upstream does.
  private static let addressesMax: Int = 1000

  private let context: ControllerContext
  private let services: Informer<Service>
  private let pods: Informer<Pod>
  private let endpoints: Informer<Endpoints>
  private let queue: WorkQueue<ObjectKey> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    services = context.informers.informer(Service.self)
    pods = context.informers.informer(Pod.self)
    endpoints = context.informers.informer(Endpoints.self)
    services.addHandler { [queue] event in queue.add(event.object.key) }
    pods.addHandler { [queue, services] event in
      for key: ObjectKey in PodServices.affected(by: event, services) { queue.add(key) }
    }
    endpoints.addHandler { [queue] event in
      if case .deleted(let gone) = event { queue.add(gone.key) }
    }
  }

  func run() async throws {
    try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) }
  }

  private func reconcile(_ key: ObjectKey) async throws {
    guard let service: Service = services.get(key) else {
      guard let orphan: Endpoints = endpoints.get(key), orphan.metadata.labels[Self.managerLabel] == Self.manager else {
        return
      }
      do throws(KubeClientError) {
        try await context.client.delete(
          Endpoints.self, namespace: key.namespace, name: key.name, options: DeleteOptions(uid: orphan.metadata.uid))
      } catch {
        guard error.isNotFound || error.isConflict else { throw error }
      }
      return
    }
    guard !service.spec.selector.isEmpty, service.spec.type != "ExternalName", !service.metadata.isBeingDeleted else {
      return
    }
    let selector: LabelSelector = LabelSelector(labels: service.spec.selector)
    let selected: [Pod] = pods.list(namespace: key.namespace).filter { selector.matches($0.metadata.labels) }
    try await write(service, subsets(service, selected))
  }

  private func subsets(_ service: Service, _ pods: [Pod]) -> [EndpointSubset] {
    let view: ServiceEndpoints = ServiceEndpoints(service: service)
    let family: String = view.addressTypes.first ?? "IPv4"
    var count: Int = 0
    return view.groups(pods, includesTerminating: service.spec.publishNotReadyAddresses)
      .filter { $0.addressType == family && (!$0.ports.isEmpty || service.spec.ports.isEmpty) }
      .map { group in
        var subset: EndpointSubset = EndpointSubset()
        for endpoint: ServiceEndpoints.Endpoint in group.endpoints where count < Self.addressesMax {
          count += 1
          if view.isReady(endpoint.pod) {
            subset.addresses.append(Self.address(endpoint, view))
          } else {
            subset.notReadyAddresses.append(Self.address(endpoint, view))
          }
        }
        subset.ports = group.ports.map { port in
          var result: EndpointPort = EndpointPort()
          if !port.name.isEmpty { result.name = port.name }
          result.port = port.port
          result.protocol = port.protocol
          if !port.appProtocol.isEmpty { result.appProtocol = port.appProtocol }
          return result
        }
        return subset
      }
  }

  private static func address(_ endpoint: ServiceEndpoints.Endpoint, _ view: ServiceEndpoints) -> EndpointAddress {
    let pod: Pod = endpoint.pod
    var address: EndpointAddress = EndpointAddress()
    address.ip = endpoint.address
    let hostname: String = view.hostname(pod)
    if !hostname.isEmpty { address.hostname = hostname }
    if !pod.spec.nodeName.isEmpty { address.nodeName = pod.spec.nodeName }
    address.targetRef.kind = "Pod"
    address.targetRef.namespace = pod.metadata.namespace
    address.targetRef.name = pod.metadata.name
    address.targetRef.uid = pod.metadata.uid
    return address
  }

  private func write(_ service: Service, _ subsets: [EndpointSubset]) async throws {
    var labels: [String: String] = service.metadata.labels
    labels[EndpointSliceController.headlessLabel] = service.spec.clusterIp == "None" ? "" : nil
    labels[Self.managerLabel] = Self.manager
    let existing: Endpoints? = endpoints.get(service.key)
    var wanted: Endpoints = existing ?? Endpoints()
    if let existing, Self.isSame(existing.subsets, subsets), existing.metadata.labels == labels { return }
    wanted.metadata.namespace = service.metadata.namespace
    wanted.metadata.name = service.metadata.name
    wanted.metadata.labels = labels
    wanted.metadata.annotations[Self.triggerAnnotation] = Timestamp.now.rfc3339
    wanted.subsets = subsets
    do throws(KubeClientError) {
      if existing == nil {
        try await context.client.create(wanted)
      } else {
        endpoints.remember(try await context.client.update(wanted))
      }
    } catch {
      guard !error.isNamespaceTerminating else { return }
      throw error
    }
  }

  /// Whether two lists of subsets say the same; the order in which the server keeps addresses does not matter.
  private static func isSame(_ left: [EndpointSubset], _ right: [EndpointSubset]) -> Bool {
    func canonical(_ subsets: [EndpointSubset]) -> Set<EndpointSubset> {
      Set(
        subsets.map { subset in
          var subset: EndpointSubset = subset
          subset.addresses.sort { ($0.ip, $0.targetRef.uid) < ($1.ip, $1.targetRef.uid) }
          subset.notReadyAddresses.sort { ($0.ip, $0.targetRef.uid) < ($1.ip, $1.targetRef.uid) }
          subset.ports.sort { ($0.name, $0.port, $0.protocol) < ($1.name, $1.port, $1.protocol) }
          return subset
        })
    }
    return canonical(left) == canonical(right)
  }
}
