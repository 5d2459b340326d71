// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON
import KubeValues
import Logging
import Synchronization

/// Serves custom resources: follows the definitions, accepts their names, opens and closes their storage.
final class CustomResources: Sendable {
  private static let apiGroup: String = "apiextensions.k8s.io"
  private static let plural: String = "customresourcedefinitions"

  private let store: any Store
  private let prefix: String
  private let registry: ResourceRegistry
  private let logger: Logger
  /// The storage of each custom resource, and the definition's generation and names that are being served.
  private let open: Mutex<[String: (storage: ObjectStorage, generation: Int64, names: JSONValue)]> = Mutex([:])
  /// The definitions whose objects are being deleted.
  private let ending: Mutex<Set<String>> = Mutex([])

  init(store: any Store, prefix: String, registry: ResourceRegistry, logger: Logger) {
    self.store = store
    self.prefix = prefix
    self.registry = registry
    self.logger = logger
  }

  /// Serves the definitions that are there at start.
  func load(_ core: ServerCore) async throws {
    guard let storage: ObjectStorage = registry.storage(Self.apiGroup, Self.plural) else { return }
    for object: JSONValue in try await storage.objects() where Self.isTrue(object, "Established") { try await serve(object) }
  }

  /// Follows the definitions until the task ends.
  func run(_ core: ServerCore) async {
    guard let storage: ObjectStorage = registry.storage(Self.apiGroup, Self.plural) else { return }
    // The end of a definition waits for its objects, and must not keep others from being served.
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        do {
          let watch: WatchStream = try await storage.watch(WatchRequest(start: .initialEvents(.newest)))
          defer { watch.cancel() }
          while let events: [WatchEvent] = try await watch.next() {
            for event: WatchEvent in events {
              guard let ended: JSONValue = await handle(event, core) else { continue }
              group.addTask { await self.end(ended, core) }
            }
          }
        } catch {
          if Task.isCancelled { return }
          logger.warning("following custom resource definitions: \(error)")
        }
      }
      group.cancelAll()
    }
  }

  /// Does what a change of a definition asks for; a definition that is to end is returned.
  private func handle(_ event: WatchEvent, _ core: ServerCore) async -> JSONValue? {
    do {
      switch event {
      case .added(let object), .modified(let object):
        let definition: JSONValue = try ObjectStorage.tree(object)
        if definition.isBeingDeleted { return definition }
        try await reconcile(definition, core)
        try await reconcileRefused(besides: definition, core)
      case .deleted(let object):
        let definition: JSONValue = try ObjectStorage.tree(object)
        withdraw(definition)
        try await reconcileRefused(besides: definition, core)
      case .bookmark: break
      }
    } catch {
      // The next change of the definition tries again.
      logger.warning("a custom resource definition cannot be served: \(error)")
    }
    return nil
  }

  static func isTrue(_ definition: JSONValue, _ type: String) -> Bool {
    definition["status"]["conditions"].items.contains { $0["type"].string == type && $0["status"].string == "True" }
  }

  private func reconcile(_ definition: JSONValue, _ core: ServerCore) async throws {
    let now: JSONValue = .string(Timestamp.now.rfc3339)
    let accepted: AcceptedNames = AcceptedNames(definition, others: try await others(of: definition))
    let isEstablished: Bool = Self.isTrue(definition, "Established")
    var conditions: [JSONValue] = accepted.conditions(isEstablished: isEstablished, now: now)
    if let approval: JSONValue = ApprovalPolicy.condition(definition, now: now) { conditions.append(approval) }
    var present: [JSONValue] = definition["status"]["conditions"].items
    if let violations: JSONValue = SchemaViolations.condition(definition, now: now) {
      conditions.append(violations)
    } else {
      present.removeAll { $0["type"].string == "NonStructuralSchema" }
    }
    var wanted: JSONValue = definition["status"]
    wanted["acceptedNames"] = accepted.names
    if wanted["storedVersions"].items.isEmpty { wanted["storedVersions"] = [.string(CustomResource(definition).storageVersion)] }
    wanted["conditions"] = .array(Self.merge(present, conditions))
    var served: JSONValue = definition
    served["status"] = wanted
    if isEstablished || accepted.conflict == nil { try await serve(served) }
    if wanted != definition["status"] {
      try await InternalClient(core: core).patch(
        Self.apiGroup, Self.plural, name: definition.objectName, subresource: "status", ["status": wanted])
    }
  }

  /// The other definitions of a definition's group.
  private func others(of definition: JSONValue) async throws -> [JSONValue] {
    try await (registry.storage(Self.apiGroup, Self.plural)?.objects() ?? []).filter {
      $0["spec"]["group"] == definition["spec"]["group"] && $0.objectName != definition.objectName
    }
  }

  /// Looks again at those of a definition's group that could not have their names: some may be free now.
  private func reconcileRefused(besides definition: JSONValue, _ core: ServerCore) async throws {
    for other: JSONValue in try await others(of: definition)
    where !other.isBeingDeleted && other["status"]["conditions"].items.contains(where: {
      $0["type"].string == "NamesAccepted" && $0["status"].string == "False"
    }) {
      try await reconcile(other, core)
    }
  }

  /// Conditions with others in place of those of the same type.
  static func merge(_ present: [JSONValue], _ wanted: [JSONValue]) -> [JSONValue] {
    var result: [JSONValue] = present
    for var condition: JSONValue in wanted {
      if let place: Int = result.firstIndex(where: { $0["type"] == condition["type"] }) {
        if result[place]["status"] == condition["status"] {
          condition["lastTransitionTime"] = result[place]["lastTransitionTime"]
        }
        result[place] = condition
      } else {
        result.append(condition)
      }
    }
    return result
  }

  // MARK: serving

  private func serve(_ definition: JSONValue) async throws {
    let custom: CustomResource = CustomResource(definition)
    let key: String = "\(custom.group)/\(custom.plural)"
    let generation: Int64 = custom.generation
    let known: (storage: ObjectStorage, generation: Int64, names: JSONValue)? = open.withLock { $0[key] }
    if let known, known.generation == generation, known.names == custom.names { return }
    let storage: ObjectStorage
    if let known, known.storage.cache.configuration.fields == custom.selectableFields {
      storage = known.storage
    } else {
      let configuration: WatchCacheConfiguration = WatchCacheConfiguration(
        prefix: "\(prefix)/\(custom.group)/\(custom.plural)/", fields: custom.selectableFields)
      storage = ObjectStorage(
        cache: try await WatchCache.open(store, configuration, logger: logger),
        group: GroupResource(custom.group, custom.plural))
    }
    open.withLock { $0[key] = (storage, generation, custom.names) }
    registry.setCustom(try served(custom, storage), for: custom.group, custom.plural)
    if let known, known.storage.cache !== storage.cache { known.storage.cache.close() }
  }

  private func served(_ custom: CustomResource, _ storage: ObjectStorage) throws -> [ServedResource] {
    func schema(_ version: JSONValue) throws -> KindSchema {
      try KindSchema(
        custom: GroupVersionKind(custom.group, version["name"].string ?? "", custom.kind),
        openAPIV3Schema: version["schema"]["openAPIV3Schema"],
        preservesUnknownFields: custom.definition["spec"]["preserveUnknownFields"].bool ?? false)
    }
    let stored: KindSchema = try schema(custom.version(custom.storageVersion))
    return try custom.servedVersions.map { version in
      let own: KindSchema = try schema(version)
      let needsConversion: Bool = custom.definition["spec"]["versions"].items.count > 1
      return ServedResource(
        definition: custom.resource(version), schema: own, storageSchema: stored,
        strategy: CustomStrategy(
          custom: custom, version: version, schema: own, rules: CustomRules(version["schema"]["openAPIV3Schema"])),
        storage: storage,
        conversion: needsConversion ? CustomConversion(custom: custom, registry: registry) : nil, custom: custom)
    }
  }

  private func withdraw(_ definition: JSONValue) {
    let custom: CustomResource = CustomResource(definition)
    let closed: ObjectStorage? = open.withLock { $0.removeValue(forKey: "\(custom.group)/\(custom.plural)")?.storage }
    closed?.cache.close()
    registry.setCustom([], for: custom.group, custom.plural)
  }

  // MARK: the end of a definition

  /// Ends a definition, unless that is under way; tries again until there is nothing left to do.
  private func end(_ definition: JSONValue, _ core: ServerCore) async {
    guard ending.withLock({ $0.insert(definition.objectUID).inserted }) else { return }
    defer { ending.withLock { _ = $0.remove(definition.objectUID) } }
    while !Task.isCancelled {
      do { return try await finalize(definition, core) } catch {
        if Task.isCancelled { return }
        logger.warning("\(definition.objectName) cannot be ended yet: \(error)")
      }
      try? await Task.sleep(for: .seconds(1))
    }
  }

  /// Deletes the objects of a definition that goes, then lets it go.
  private func finalize(_ definition: JSONValue, _ core: ServerCore) async throws {
    let client: InternalClient = InternalClient(core: core)
    let name: String = definition.objectName
    guard let present: JSONValue = try await client.get(Self.apiGroup, Self.plural, name: name),
      present.objectUID == definition.objectUID, present.objectFinalizers.contains(Deletion.definitionCleanup)
    else { return }
    let custom: CustomResource = CustomResource(definition)
    if let storage: ObjectStorage = registry.any(custom.group, custom.plural)?.storage {
      let condition: JSONValue = [
        "type": "Terminating", "status": "True", "lastTransitionTime": .string(Timestamp.now.rfc3339),
        "reason": "InstanceDeletionInProgress", "message": "CustomResource deletion is in progress",
      ]
      try await client.patch(
        Self.apiGroup, Self.plural, name: name, subresource: "status",
        ["status": ["conditions": .array(Self.merge(present["status"]["conditions"].items, [condition]))]])
      try await empty(storage, custom, client)
    }
    let rest: [String] = present.objectFinalizers.filter { $0 != Deletion.definitionCleanup }
    try await client.patch(
      Self.apiGroup, Self.plural, name: name, ["metadata": ["finalizers": rest.isEmpty ? .null : JSONValue(rest)]])
  }

  /// Deletes all objects and waits until those with finalizers of their own are gone too.
  private func empty(_ storage: ObjectStorage, _ custom: CustomResource, _ client: InternalClient) async throws {
    let watch: WatchStream = try await storage.watch(WatchRequest(start: .initialEvents(.newest)))
    defer { watch.cancel() }
    for object: CachedObject in try await storage.list(ListRequest()).objects {
      do {
        try await client.delete(custom.group, custom.plural, namespace: object.namespace, name: object.name)
      } catch {
        if (error as? StatusError)?.code != 404 { throw error }
      }
    }
    while try await !storage.list(ListRequest()).objects.isEmpty {
      if try await watch.next() == nil { throw APIServerError(.store, "the storage of \(custom.plural) was closed") }
    }
  }
}
