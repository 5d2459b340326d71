// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeMeta
import Logging
import Synchronization

/// Deletes objects whose owners are gone, and sees to foreground deletion and orphaning.
final class GarbageCollectorController: Controller {
  static let name: String = "garbage-collector-controller"
  static let account: String = "generic-garbage-collector"

  /// What is never collected, as upstream has it.
  private static let ignored: Set<String> = ["events", "events.events.k8s.io"]
  /// How often new resources are looked for.
  private static let discoveryPeriod: Duration = .seconds(30)

  private let context: ControllerContext
  private let graph: Mutex<OwnerGraph> = Mutex(OwnerGraph())
  private let queue: WorkQueue<String> = WorkQueue()
  private let resources: Mutex<[ResourceType: Bool]> = Mutex([:])

  init(_ context: ControllerContext) {
    self.context = context
  }

  func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [self] in try await watchResources() }
      group.addTask { [self] in
        // An owner that is only not known yet must not count as gone.
        while !isSynced { try await Task.sleep(for: .milliseconds(5)) }
        try await context.run(queue, name: Self.name, workers: 10) { [self] uid in try await reconcile(uid) }
      }
      try await group.next()
      group.cancelAll()
    }
  }

  private var isSynced: Bool { resources.withLock { !$0.isEmpty && $0.values.allSatisfy { $0 } } }

  // MARK: Watching everything

  private func watchResources() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      var running: [ResourceType: Task<Void, any Error>] = [:]
      defer { for task: Task<Void, any Error> in running.values { task.cancel() } }
      while true {
        if let (found, unheard): ([ResourceType], Set<String>) = await discover() {
          for type: ResourceType in found where running[type] == nil {
            resources.withLock { $0[type] = false }
            // A resource can go at any time, with its watch: each needs a task that can be cancelled alone.
            running[type] = Task { [self] in try await watch(type) }
          }
          // What a server that does not answer now has is not gone.
          for type: ResourceType in running.keys where !found.contains(type) && !unheard.contains(type.group) {
            running.removeValue(forKey: type)?.cancel()
            _ = resources.withLock { $0.removeValue(forKey: type) }
            for uid: String in graph.withLock({ $0.removeAll(of: type) }) { queue.add(uid) }
          }
        }
        try await Task.sleep(for: running.isEmpty ? .milliseconds(200) : Self.discoveryPeriod)
      }
    }
  }

  /// The resources to watch, and the groups of which not all is known now; nil if the server does not tell.
  private func discover() async -> (found: [ResourceType], unheard: Set<String>)? {
    do throws(KubeClientError) {
      let discovered: (found: [ResourceDiscovery.Found], failures: [ResourceDiscovery.Failure]) = try await ResourceDiscovery(
        client: context.client
      ).resources()
      let needed: Set<String> = ["delete", "list", "watch"]
      let found: [ResourceDiscovery.Found] = discovered.found.filter {
        needed.isSubset(of: $0.verbs) && !Self.ignored.contains($0.type.description)
      }
      return (found.map(\.type), Set(discovered.failures.map(\.group)))
    } catch {
      context.logger.info("\(Self.name): cannot discover resources", metadata: ["error": "\(error)"])
      return nil
    }
  }

  private func watch(_ type: ResourceType) async throws {
    let informer: Informer<MetaPartialObjectMetadata> = Informer(client: context.watchClient, resource: type) {
      object in
      // Only who it is and who owns it matters.
      object.metadata.labels = [:]
      object.metadata.annotations = [:]
    }
    informer.addHandler { [self] event in hear(event, type) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await informer.run() }
      group.addTask { [self] in
        try await informer.waitForSync()
        resources.withLock { resources in
          if resources[type] != nil { resources[type] = true }
        }
      }
      try await group.waitForAll()
    }
  }

  private func hear(_ event: InformerEvent<MetaPartialObjectMetadata>, _ type: ResourceType) {
    let metadata: MetaObjectMeta = event.object.metadata
    if case .deleted = event { context.deletions.tell(type, ObjectKey(namespace: metadata.namespace, name: metadata.name)) }
    let affected: [String] = graph.withLock { graph in
      if case .deleted = event { return graph.remove(uid: metadata.uid) }
      let owners: [OwnerGraph.Owner] = metadata.ownerReferences.map { reference in
        OwnerGraph.Owner(
          uid: reference.uid, apiVersion: reference.apiVersion, kind: reference.kind, name: reference.name,
          blocks: reference.blockOwnerDeletion)
      }
      return graph.set(
        OwnerGraph.Object(
          resource: type, key: ObjectKey(namespace: metadata.namespace, name: metadata.name), uid: metadata.uid,
          owners: owners, finalizers: metadata.finalizers, isBeingDeleted: metadata.isBeingDeleted))
    }
    for uid: String in affected { queue.add(uid) }
  }

  // MARK: Collecting

  private func reconcile(_ uid: String) async throws {
    let view: (object: OwnerGraph.Object?, dependents: [OwnerGraph.Object]) = graph.withLock { graph in
      (graph.objects[uid], graph.dependentObjects(of: uid))
    }
    guard let object: OwnerGraph.Object = view.object else { return }
    if object.isOrphaning { return try await orphan(object, view.dependents) }
    if object.isDeletingDependents { return try await deleteDependents(of: object, view.dependents) }
    guard !object.isBeingDeleted, !object.owners.isEmpty else { return }
    var live: [OwnerGraph.Owner] = []
    var waiting: [OwnerGraph.Owner] = []
    var dangling: [OwnerGraph.Owner] = []
    for owner: OwnerGraph.Owner in object.owners {
      switch try await state(of: owner, for: object) {
      case .live: live.append(owner)
      case .waiting: waiting.append(owner)
      case .gone: dangling.append(owner)
      }
    }
    if !live.isEmpty {
      if !dangling.isEmpty || !waiting.isEmpty { try await remove(dangling + waiting, from: object) }
    } else if !waiting.isEmpty {
      // Whoever waits in the foreground for this one wants its dependents gone first, too.
      let hasBlocking: Bool = view.dependents.contains { $0.owners.contains { $0.uid == uid && $0.blocks } }
      // In a circle of owners each would wait for the next: what such a one owns is kept by nobody.
      if view.dependents.contains(where: \.isDeletingDependents) { try await unblock(object) }
      try await delete(object, hasBlocking ? .foreground : .background)
    } else {
      try await delete(object, Self.propagation(object))
    }
  }

  private enum OwnerState {
    case live
    /// It is being deleted in the foreground.
    case waiting
    case gone
  }

  private func state(of owner: OwnerGraph.Owner, for object: OwnerGraph.Object) async throws -> OwnerState {
    if let known: OwnerGraph.Object = graph.withLock({ $0.objects[owner.uid] }) {
      return known.isDeletingDependents ? .waiting : .live
    }
    let type: ResourceType? = resources.withLock { resources in
      resources.keys.first { $0.kind == owner.kind && $0.group == Self.group(of: owner.apiVersion) }
    }
    // A kind that the server does not have now may come back: its dependents stay.
    guard let type else { return .live }
    do throws(KubeClientError) {
      let found: JSONValue = try await context.client.get(
        type, namespace: type.isNamespaced ? object.key.namespace : nil, name: owner.name)
      guard found["metadata"]["uid"].string == owner.uid else { return .gone }
      let finalizers: [String] = found["metadata"]["finalizers"].items.compactMap(\.string)
      return found["metadata"]["deletionTimestamp"].isNull || !finalizers.contains("foregroundDeletion")
        ? .live : .waiting
    } catch {
      guard error.isNotFound else { throw error }
      return .gone
    }
  }

  private static func group(of apiVersion: String) -> String {
    apiVersion.contains("/") ? String(apiVersion.prefix { $0 != "/" }) : ""
  }

  private static func propagation(_ object: OwnerGraph.Object) -> DeleteOptions.Propagation {
    object.finalizers.contains("orphan")
      ? .orphan : object.finalizers.contains("foregroundDeletion") ? .foreground : .background
  }

  private func delete(_ object: OwnerGraph.Object, _ propagation: DeleteOptions.Propagation) async throws {
    try await ignoringGone { () async throws(KubeClientError) in
      try await context.client.delete(
        object.resource, namespace: object.key.namespace, name: object.key.name,
        options: DeleteOptions(propagation: propagation, uid: object.uid))
    }
  }

  private func deleteDependents(of object: OwnerGraph.Object, _ dependents: [OwnerGraph.Object]) async throws {
    let blocking: [OwnerGraph.Object] = dependents.filter { dependent in
      dependent.owners.contains { $0.uid == object.uid && $0.blocks }
    }
    guard !blocking.isEmpty else { return try await removeFinalizer("foregroundDeletion", from: object) }
    for dependent: OwnerGraph.Object in blocking where !dependent.isBeingDeleted { queue.add(dependent.uid) }
  }

  private func orphan(_ object: OwnerGraph.Object, _ dependents: [OwnerGraph.Object]) async throws {
    for dependent: OwnerGraph.Object in dependents {
      try await remove(dependent.owners.filter { $0.uid == object.uid }, from: dependent)
    }
    try await removeFinalizer("orphan", from: object)
  }

  private func remove(_ owners: [OwnerGraph.Owner], from object: OwnerGraph.Object) async throws {
    let uids: Set<String> = Set(owners.map(\.uid))
    try await modify(object) { metadata in
      let left: [JSONValue] = metadata["ownerReferences"].items.filter { !uids.contains($0["uid"].string ?? "") }
      return ("ownerReferences", left.isEmpty ? .null : .array(left))
    }
  }

  /// Lets the owners of an object go before it.
  private func unblock(_ object: OwnerGraph.Object) async throws {
    try await modify(object) { metadata in
      let owners: [JSONValue] = metadata["ownerReferences"].items.map { owner in
        var owner: JSONValue = owner
        owner["blockOwnerDeletion"] = false
        return owner
      }
      return ("ownerReferences", .array(owners))
    }
  }

  private func removeFinalizer(_ finalizer: String, from object: OwnerGraph.Object) async throws {
    try await modify(object) { metadata in
      let left: [JSONValue] = metadata["finalizers"].items.filter { $0.string != finalizer }
      return ("finalizers", .array(left))
    }
  }

  /// Changes an object's metadata by a merge patch that fails if the object changes meanwhile; then it is tried again.
  private func modify(
    _ object: OwnerGraph.Object, _ change: (JSONValue) -> (name: String, value: JSONValue)
  ) async throws {
    try await ignoringGone { () async throws(KubeClientError) in
      let namespace: String = object.key.namespace
      let found: JSONValue = try await context.client.get(object.resource, namespace: namespace, name: object.key.name)
      let metadata: JSONValue = found["metadata"]
      guard metadata["uid"].string == object.uid else { return }
      let changed: (name: String, value: JSONValue) = change(metadata)
      var members: JSONObject = JSONObject()
      members[changed.name] = changed.value
      members["resourceVersion"] = metadata["resourceVersion"]
      members["uid"] = metadata["uid"]
      var patch: JSONObject = JSONObject()
      patch["metadata"] = .object(members)
      try await context.client.patch(
        object.resource, namespace: namespace, name: object.key.name, .merge(.object(patch)))
    }
  }

  private func ignoringGone(_ work: () async throws(KubeClientError) -> Void) async throws {
    do throws(KubeClientError) {
      try await work()
    } catch {
      // A conflict of UIDs says that another object has the name now; one of versions is tried again.
      guard error.isNotFound else { throw error }
    }
  }
}
