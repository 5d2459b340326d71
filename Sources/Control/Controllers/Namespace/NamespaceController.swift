// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta
import KubeValues

/// Empties namespaces that are being deleted, and lets them go when they are empty.
final class NamespaceController: Controller {
  static let name: String = "namespace-controller"

  /// What is left in a namespace.
  private struct Remains {
    var failures: [String] = []
    var discoveryFailures: [String] = []
    var counts: [ResourceType: Int] = [:]
    var finalizers: [String: Int] = [:]
    /// How long the pods that are left may still take.
    var wait: Duration = .zero

    var isEmpty: Bool { failures.isEmpty && discoveryFailures.isEmpty && counts.isEmpty }
  }

  private let context: ControllerContext
  private let namespaces: Informer<Namespace>
  private let queue: WorkQueue<String> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    namespaces = context.informers.informer(Namespace.self)
    namespaces.addHandler { [queue] event in
      if event.object.metadata.isBeingDeleted { queue.add(event.object.metadata.name) }
    }
  }

  func run() async throws {
    try await context.run(queue, name: Self.name, workers: 10) { [self] name in try await reconcile(name) }
  }

  private func reconcile(_ name: String) async throws {
    guard let namespace: Namespace = namespaces.get(name: name), namespace.metadata.isBeingDeleted else { return }
    guard namespace.spec.finalizers.contains("kubernetes") else { return }
    let remains: Remains = try await empty(namespace)
    try await updateConditions(namespace, remains)
    guard remains.isEmpty else {
      // What is left is mostly pods on their way out; looking is cheap.
      let isClear: Bool = remains.failures.isEmpty && remains.discoveryFailures.isEmpty
      queue.add(name, after: isClear ? min(max(remains.wait, .milliseconds(200)), .seconds(2)) : .seconds(5))
      return
    }
    do {
      var fresh: Namespace = try await context.client.get(Namespace.self, name: name)
      guard fresh.metadata.uid == namespace.metadata.uid else { return }
      fresh.spec.finalizers.removeAll { $0 == "kubernetes" }
      try await context.client.update(fresh, subresource: "finalize")
    } catch {
      guard error.isNotFound else { throw error }
    }
  }

  // MARK: Emptying

  private func empty(_ namespace: Namespace) async throws -> Remains {
    var remains: Remains = Remains()
    let discovered: (found: [ResourceDiscovery.Found], failures: [ResourceDiscovery.Failure]) = try await ResourceDiscovery(
      client: context.client
    ).resources()
    remains.discoveryFailures = discovered.failures.map(\.description)
    let resources: [ResourceDiscovery.Found] = discovered.found.filter { found in
      found.type.isNamespaced && found.verbs.contains("delete") && found.verbs.contains("list")
    }
    func isPods(_ type: ResourceType) -> Bool { type.group.isEmpty && type.plural == "pods" }
    // Pods first: they do not outlive the secrets, policies and volumes that they run with.
    for found: ResourceDiscovery.Found in resources where isPods(found.type) {
      await emptyOrTell(found, namespace, &remains)
    }
    guard remains.counts.isEmpty, remains.failures.isEmpty else { return remains }
    // The same events are in two groups.
    for found: ResourceDiscovery.Found in resources
    where !isPods(found.type) && !(found.type.plural == "events" && !found.type.group.isEmpty) {
      await emptyOrTell(found, namespace, &remains)
    }
    return remains
  }

  private func emptyOrTell(_ found: ResourceDiscovery.Found, _ namespace: Namespace, _ remains: inout Remains) async {
    do throws(KubeClientError) {
      try await empty(found, namespace, &remains)
    } catch {
      if !error.isNotFound { remains.failures.append("\(found.type): \(error)") }
    }
  }

  private func empty(
    _ found: ResourceDiscovery.Found, _ namespace: Namespace, _ remains: inout Remains
  ) async throws(KubeClientError) {
    let name: String = namespace.metadata.name
    var items: [MetaPartialObjectMetadata] = try await context.client.list(
      MetaPartialObjectMetadata.self, resource: found.type, namespace: name
    ).items
    guard !items.isEmpty else { return }
    let fresh: [MetaPartialObjectMetadata] = items.filter { !$0.metadata.isBeingDeleted }
    if !fresh.isEmpty {
      let options: DeleteOptions = DeleteOptions(propagation: .background)
      if found.verbs.contains("deletecollection") {
        try await context.client.deleteCollection(found.type, namespace: name, options: options)
      } else {
        for item: MetaPartialObjectMetadata in fresh {
          try await context.client.delete(found.type, namespace: name, name: item.metadata.name, options: options)
        }
      }
      items = try await context.client.list(MetaPartialObjectMetadata.self, resource: found.type, namespace: name).items
    }
    guard !items.isEmpty else { return }
    remains.counts[found.type] = items.count
    for item: MetaPartialObjectMetadata in items {
      for finalizer: String in item.metadata.finalizers { remains.finalizers[finalizer, default: 0] += 1 }
      remains.wait = max(remains.wait, .seconds(item.metadata.deletionGracePeriodSeconds) / 4)
    }
  }

  // MARK: Conditions

  private func updateConditions(_ namespace: Namespace, _ remains: Remains) async throws {
    var changed: Namespace = namespace
    func set(_ type: String, _ isTrue: Bool, _ reason: String, _ message: String) {
      let status: String = isTrue ? "True" : "False"
      let known: NamespaceCondition? = changed.status.conditions.first { $0.type == type }
      if let known, known.status == status, known.reason == reason, known.message == message { return }
      var condition: NamespaceCondition = NamespaceCondition()
      condition.type = type
      condition.status = status
      condition.reason = reason
      condition.message = message
      condition.lastTransitionTime = known?.status == status ? known?.lastTransitionTime ?? .now : .now
      changed.status.conditions.removeAll { $0.type == type }
      changed.status.conditions.append(condition)
    }
    let discovery: String = remains.discoveryFailures.joined(separator: ", ")
    set(
      "NamespaceDeletionDiscoveryFailure", !discovery.isEmpty,
      discovery.isEmpty ? "ResourcesDiscovered" : "DiscoveryFailed",
      discovery.isEmpty
        ? "All resources successfully discovered"
        : "Discovery failed for some groups, \(remains.discoveryFailures.count) failing: "
          + "unable to retrieve the complete list of server APIs: \(discovery)")
    set(
      "NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions",
      "All legacy kube types successfully parsed")
    let failures: String = remains.failures.sorted().joined(separator: ", ")
    set(
      "NamespaceDeletionContentFailure", !failures.isEmpty,
      failures.isEmpty ? "ContentDeleted" : "ContentDeletionFailed",
      failures.isEmpty
        ? "All content successfully deleted, may be waiting on finalization"
        : "Failed to delete all resource types, \(remains.failures.count) remaining: \(failures)")
    let counts: String = remains.counts.map { type, count in
      "\(type.plural).\(type.group) has \(count) resource instances"
    }.sorted().joined(separator: ", ")
    set(
      "NamespaceContentRemaining", !counts.isEmpty, counts.isEmpty ? "ContentRemoved" : "SomeResourcesRemain",
      counts.isEmpty ? "All content successfully removed" : "Some resources are remaining: \(counts)")
    let finalizers: String = remains.finalizers.map { "\($0.key) in \($0.value) resource instances" }.sorted().joined(
      separator: ", ")
    set(
      "NamespaceFinalizersRemaining", !finalizers.isEmpty,
      finalizers.isEmpty ? "ContentHasNoFinalizers" : "SomeFinalizersRemain",
      finalizers.isEmpty
        ? "All content-preserving finalizers finished"
        : "Some content in the namespace has finalizers remaining: \(finalizers)")
    // A namespace that is empty at the first look goes without a trace.
    guard changed.status != namespace.status, !remains.isEmpty || !namespace.status.conditions.isEmpty else { return }
    do throws(KubeClientError) {
      namespaces.remember(try await context.client.updateStatus(changed))
    } catch {
      guard error.isNotFound || error.isConflict else { throw error }
    }
  }
}
