// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import JSON
import KubeClient
import KubeGroups
import KubeMeta

/// Says of ServiceCIDRs that they can be used, and keeps those that are being deleted for as long as Services have
/// addresses that no other ServiceCIDR has.
final class ServiceCIDRController: Controller {
  static let name: String = "service-cidr-controller"
  static let account: String = "service-cidrs-controller"

  private static let finalizer: String = "networking.k8s.io/service-cidr-finalizer"
  private static let managedBy: (key: String, value: String) = (
    "ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io"
  )
  /// So long API servers may go on handing addresses out before they hear of a deletion.
  private static let gracePeriodSeconds: Int64 = 10

  private let context: ControllerContext
  private let ranges: Informer<ServiceCIDR>
  private let addresses: Informer<KubeGroups.IPAddress>
  private let queue: WorkQueue<String> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    let ranges: Informer<ServiceCIDR> = context.informers.informer(ServiceCIDR.self)
    self.ranges = ranges
    addresses = context.informers.informer(KubeGroups.IPAddress.self)
    ranges.addHandler { [queue] event in
      queue.add(event.object.metadata.name)
      // Another range can be what one that goes waits for.
      for range: ServiceCIDR in ranges.list() where range.metadata.isBeingDeleted { queue.add(range.metadata.name) }
    }
    addresses.addHandler { [queue] event in
      guard case .deleted = event else { return }
      for range: ServiceCIDR in ranges.list() where range.metadata.isBeingDeleted { queue.add(range.metadata.name) }
    }
  }

  func run() async throws {
    try await context.run(queue, name: Self.name) { [self] name in try await reconcile(name) }
  }

  private func reconcile(_ name: String) async throws {
    guard let range: ServiceCIDR = ranges.get(name: name) else { return }
    guard range.metadata.isBeingDeleted else {
      try await keep(range)
      return try await tell(range, "True", "", "Kubernetes Service CIDR is ready")
    }
    guard isFree(range) else {
      return try await tell(
        range, "False", "Terminating",
        "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR")
    }
    let passed: Int64 = MetaTime.now.seconds - range.metadata.deletionTimestamp.seconds
    guard passed >= Self.gracePeriodSeconds else {
      return queue.add(name, after: .seconds(Self.gracePeriodSeconds - passed))
    }
    guard range.metadata.finalizers.contains(Self.finalizer) else { return }
    try await setFinalizers(range, range.metadata.finalizers.filter { $0 != Self.finalizer })
  }

  private func keep(_ range: ServiceCIDR) async throws {
    guard !range.metadata.finalizers.contains(Self.finalizer) else { return }
    try await setFinalizers(range, range.metadata.finalizers + [Self.finalizer])
  }

  private func setFinalizers(_ range: ServiceCIDR, _ finalizers: [String]) async throws {
    do throws(KubeClientError) {
      try await context.client.patch(
        ServiceCIDR.resource, name: range.metadata.name,
        .merge([
          "metadata": [
            "finalizers": .array(finalizers.map { .string($0) }), "resourceVersion": .string(range.metadata.resourceVersion),
          ]
        ]))
    } catch {
      guard error.isNotFound else { throw error }
    }
  }

  private func tell(_ range: ServiceCIDR, _ status: String, _ reason: String, _ message: String) async throws {
    let known: MetaCondition? = range.status.conditions.first { $0.type == "Ready" }
    if let known, known.status == status, known.reason == reason, known.message == message { return }
    var condition: MetaCondition = MetaCondition()
    condition.type = "Ready"
    condition.status = status
    condition.reason = reason
    condition.message = message
    condition.lastTransitionTime = known?.status == status ? known?.lastTransitionTime ?? .now : .now
    var changed: ServiceCIDR = range
    changed.status.conditions.removeAll { $0.type == "Ready" }
    changed.status.conditions.append(condition)
    do throws(KubeClientError) {
      ranges.remember(try await context.client.updateStatus(changed))
    } catch {
      guard error.isNotFound else { throw error }
    }
  }

  // MARK: whether a range can go

  private static func prefixes(_ range: ServiceCIDR) -> [IPPrefix] { range.spec.cidrs.compactMap { IPPrefix($0) } }

  /// Whether no address of a Service is in this range alone.
  private func isFree(_ range: ServiceCIDR) -> Bool {
    let others: [IPPrefix] = ranges.list().filter {
      $0.metadata.name != range.metadata.name && !$0.metadata.isBeingDeleted
    }.flatMap(Self.prefixes)
    let own: [IPPrefix] = Self.prefixes(range)
    return !addresses.list().contains { object in
      guard object.metadata.labels[Self.managedBy.key] == Self.managedBy.value,
        let address: Addresses.IPAddress = Addresses.IPAddress(object.metadata.name)
      else { return false }
      return own.contains { $0.contains(address) } && !others.contains { $0.contains(address) }
    }
  }
}
