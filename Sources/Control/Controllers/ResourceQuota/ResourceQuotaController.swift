// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import Synchronization

/// Counts what each ResourceQuota limits. The API server's admission adds what is created; this mends what it cannot
/// see: deletions, pods that end, counts that drift.
final class ResourceQuotaController: Controller {
  static let name: String = "resourcequota-controller"

  private let context: ControllerContext
  private let quotas: Informer<ResourceQuota>
  private let pods: Informer<Pod>
  private let services: Informer<Service>
  private let claims: Informer<PersistentVolumeClaim>
  private let queue: WorkQueue<ObjectKey> = WorkQueue()
  /// Resources that are counted by a list of the API, by the name that quotas use.
  private static let counted: [String: ResourceType] = [
    "configmaps": ConfigMap.resource, "secrets": Secret.resource,
    "replicationcontrollers": ReplicationController.resource,
    "resourcequotas": ResourceQuota.resource,
  ]
  /// How often counts are mended that an event was missed for.
  private static let period: Duration = .seconds(300)
  /// How long after a charge of admission's a lower count is not believed: what was charged may not be seen yet.
  private static let settling: Duration = .milliseconds(400)
  /// When the status of each quota was changed last, as far as is known.
  private let charges: Mutex<[ObjectKey: ContinuousClock.Instant]> = Mutex([:])

  init(_ context: ControllerContext) {
    self.context = context
    quotas = context.informers.informer(ResourceQuota.self)
    pods = context.informers.informer(Pod.self)
    services = context.informers.informer(Service.self)
    claims = context.informers.informer(PersistentVolumeClaim.self)
    quotas.addHandler { [self] event in
      switch event {
      case .updated(let old, let new):
        if old.status.used != new.status.used { charges.withLock { $0[new.key] = .now } }
        if old.spec == new.spec, old.status == new.status { return }
      case .deleted(let old): charges.withLock { _ = $0.removeValue(forKey: old.key) }
      default: break
      }
      queue.add(event.object.key)
    }
    pods.addHandler { [self] event in
      if case .updated(let old, let new) = event, old.isTerminal == new.isTerminal { return }
      wake(event.object.metadata.namespace)
    }
    services.addHandler { [self] event in wake(event.object.metadata.namespace) }
    claims.addHandler { [self] event in wake(event.object.metadata.namespace) }
    context.deletions.listen { [self] type, key in
      let names: Set<String> = ["\(type.plural).\(type.group)", type.plural]
      for quota: ResourceQuota in quotas.list(namespace: key.namespace)
      where quota.spec.hard.keys.contains(where: { names.contains(Self.resourceName($0)) }) { queue.add(quota.key) }
    }
  }

  private func wake(_ namespace: String) {
    for quota: ResourceQuota in quotas.list(namespace: namespace) { queue.add(quota.key) }
  }

  func run() async throws {
    try await context.run(queue, name: Self.name) { [self] key in try await reconcile(key) }
  }

  private func reconcile(_ key: ObjectKey) async throws {
    guard let quota: ResourceQuota = quotas.get(key), !quota.metadata.isBeingDeleted else { return }
    var used: [String: ResourceQuantity] = [:]
    let selected: [Pod] = pods.list(namespace: key.namespace).filter { !$0.isTerminal && isInScope($0, quota) }
    for name: String in quota.spec.hard.keys { used[name] = try await usage(name, key.namespace, selected) }
    var changed: ResourceQuota = quota
    changed.status.hard = quota.spec.hard
    changed.status.used = used.mapValues { Quantity($0) }
    let isSame: Bool =
      changed.status.hard == quota.status.hard && Set(used.keys) == Set(quota.status.used.keys)
      && used.allSatisfy { name, amount in quota.status.used[name].map { ResourceQuantity($0) == amount } ?? false }
    let isLower: Bool = used.contains { name, amount in quota.status.used[name].map { amount < ResourceQuantity($0) } ?? false }
    if isLower, let charge: ContinuousClock.Instant = charges.withLock({ $0[key] }) {
      let rest: Duration = Self.settling - charge.duration(to: .now)
      // A quota of a namespace in which something is made all the time is looked at again and again, until it rests.
      if rest > .zero { return queue.add(key, after: rest) }
    }
    if !isSame { quotas.remember(try await context.client.updateStatus(changed)) }
    if quota.spec.hard.keys.contains(where: { Self.counted[Self.resourceName($0)] != nil }) {
      queue.add(key, after: Self.period)
    }
  }

  private static func resourceName(_ name: String) -> String {
    name.hasPrefix("count/") ? String(name.dropFirst(6)) : name
  }

  private func usage(_ name: String, _ namespace: String, _ selected: [Pod]) async throws -> ResourceQuantity {
    switch name {
    case "pods", "count/pods": return ResourceQuantity(Int64(selected.count))
    case "services", "count/services": return ResourceQuantity(Int64(services.list(namespace: namespace).count))
    case "services.nodeports":
      let count: Int = services.list(namespace: namespace).reduce(0) {
        $0 + $1.spec.ports.filter { $0.nodePort > 0 }.count
      }
      return ResourceQuantity(Int64(count))
    case "services.loadbalancers":
      return ResourceQuantity(
        Int64(services.list(namespace: namespace).filter { $0.spec.type == "LoadBalancer" }.count))
    case "persistentvolumeclaims", "count/persistentvolumeclaims":
      return ResourceQuantity(Int64(claims.list(namespace: namespace).count))
    case "requests.storage":
      return claims.list(namespace: namespace).reduce(.zero) { $0 + VolumeMatching.request($1) }
    default: break
    }
    if let resource: ResourceType = Self.counted[Self.resourceName(name)] ?? Self.type(name) {
      let list: ObjectList<MetaPartialObjectMetadata> = try await context.watchClient.list(
        MetaPartialObjectMetadata.self, resource: resource, namespace: namespace)
      return ResourceQuantity(Int64(list.items.count))
    }
    return compute(name, selected)
  }

  /// The resource of a name such as `count/deployments.apps`.
  private static func type(_ name: String) -> ResourceType? {
    guard name.hasPrefix("count/") else { return nil }
    let parts: [Substring] = name.dropFirst(6).split(separator: ".", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    let version: String = parts[1] == "autoscaling" ? "v2" : "v1"
    return ResourceType(
      group: String(parts[1]), version: version, plural: String(parts[0]), kind: "", isNamespaced: true)
  }

  private func compute(_ name: String, _ selected: [Pod]) -> ResourceQuantity {
    let isLimit: Bool = name.hasPrefix("limits.")
    let resource: String =
      isLimit ? String(name.dropFirst(7)) : name.hasPrefix("requests.") ? String(name.dropFirst(9)) : name
    func amount(_ container: Container) -> ResourceQuantity {
      let list: [String: Quantity] = isLimit ? container.resources.limits : container.resources.requests
      return list[resource].map { ResourceQuantity($0) } ?? .zero
    }
    return selected.reduce(.zero) { sum, pod in
      let together: ResourceQuantity = pod.spec.containers.reduce(.zero) { $0 + amount($1) }
      let initial: ResourceQuantity = pod.spec.initContainers.map { amount($0) }.max() ?? .zero
      let overhead: ResourceQuantity = pod.spec.overhead[resource].map { ResourceQuantity($0) } ?? .zero
      return sum + max(together, initial) + overhead
    }
  }

  // MARK: Scopes

  private func isInScope(_ pod: Pod, _ quota: ResourceQuota) -> Bool {
    let isBestEffort: Bool = pod.spec.containers.allSatisfy {
      $0.resources.requests.isEmpty && $0.resources.limits.isEmpty
    }
    func holds(_ scope: String) -> Bool {
      switch scope {
      case "Terminating": pod.spec.hasActiveDeadlineSeconds
      case "NotTerminating": !pod.spec.hasActiveDeadlineSeconds
      case "BestEffort": isBestEffort
      case "NotBestEffort": !isBestEffort
      default: true
      }
    }
    guard quota.spec.scopes.allSatisfy(holds) else { return false }
    return quota.spec.scopeSelector.matchExpressions.allSatisfy { expression in
      guard expression.scopeName == "PriorityClass" else { return holds(expression.scopeName) }
      let name: String = pod.spec.priorityClassName
      switch expression.operator {
      case "In": return expression.values.contains(name)
      case "NotIn": return !expression.values.contains(name)
      case "DoesNotExist": return name.isEmpty
      default: return !name.isEmpty
      }
    }
  }
}
