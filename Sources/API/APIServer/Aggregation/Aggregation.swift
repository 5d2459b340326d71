// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import HTTPServing
import JSON
import KubeValues
import Logging
import Synchronization

/// Other API servers behind this one: follows the APIServices, looks after the servers they name, and tells of each
/// whether it can be used.
final class Aggregation: Sendable {
  static let apiGroup: String = "apiregistration.k8s.io"
  static let plural: String = "apiservices"
  /// How often servers are looked at when nothing seems to change.
  private static let period: Duration = .seconds(30)
  private static let firstRetry: Duration = .milliseconds(50)

  /// What is under way for one APIService.
  private struct Progress {
    var isRunning: Bool = false
    var isDirty: Bool = false
    var failures: Int = 0
  }

  let table: APIServiceTable = APIServiceTable()
  let resolver: ServiceResolver
  let documents: RemoteDocuments
  let local: LocalAPIServices
  private let caller: RemoteCaller
  private let registry: ResourceRegistry
  private let identity: (certificate: [UInt8], key: [UInt8])?
  private let logger: Logger
  private let progress: Mutex<[String: Progress]> = Mutex([:])

  init(_ configuration: APIServerConfiguration, registry: ResourceRegistry, logger: Logger) {
    self.registry = registry
    self.logger = logger
    if let certificate: [UInt8] = configuration.proxyClientCertificate, let key: [UInt8] = configuration.proxyClientKey {
      identity = (certificate, key)
    } else {
      identity = nil
    }
    resolver = ServiceResolver(registry: registry)
    caller = RemoteCaller(resolver: resolver)
    documents = RemoteDocuments(caller)
    local = LocalAPIServices(registry: registry)
  }

  /// Reads what is there at start.
  func load() async throws {
    try await local.load()
    for object: JSONValue in try await registry.storage(Self.apiGroup, Self.plural)?.objects() ?? [] {
      table.set(APIServiceEntry(object, identity: identity))
    }
  }

  /// Who else serves what a request is about.
  func handler(for info: RequestInfo) -> AggregatedRequest? {
    table.remote(for: info).map { AggregatedRequest(resolver: resolver, entry: $0) }
  }

  // MARK: following

  /// Works until the task ends.
  func run(_ core: ServerCore) async {
    let (names, poke): (AsyncStream<String>, AsyncStream<String>.Continuation) = AsyncStream.makeStream()
    await withDiscardingTaskGroup { group in
      group.addTask { await self.followAPIServices(core, poke) }
      group.addTask { await self.followServices(poke) }
      group.addTask { await self.tick(poke) }
      for await name: String in names {
        group.addTask { await self.look(after: name, core, poke) }
      }
      group.cancelAll()
    }
  }

  private func followAPIServices(_ core: ServerCore, _ poke: AsyncStream<String>.Continuation) async {
    // Which definitions there are must be known before an APIService can be too many.
    await retrying("reading APIServices") { try await self.load() }
    await withDiscardingTaskGroup { group in
      group.addTask {
        await self.follow(self.registry.storage("apiextensions.k8s.io", "customresourcedefinitions")) { event in
          for version: GroupVersion in try self.local.hear(event) { try await self.local.reconcile(version, core) }
        }
      }
      group.addTask {
        await self.follow(self.registry.storage(Self.apiGroup, Self.plural)) { event in
          try await self.hear(event, core, poke)
        }
      }
    }
  }

  private func hear(_ event: WatchEvent, _ core: ServerCore, _ poke: AsyncStream<String>.Continuation) async throws {
    switch event {
    case .added(let object), .modified(let object):
      let entry: APIServiceEntry = APIServiceEntry(try ObjectStorage.tree(object), identity: identity)
      table.set(entry)
      poke.yield(entry.name)
      try await local.reconcile(entry.groupVersion, core)
    case .deleted(let object):
      let entry: APIServiceEntry = APIServiceEntry(try ObjectStorage.tree(object), identity: nil)
      table.remove(object.name)
      documents.forget(entry.groupVersion)
      try await local.reconcile(entry.groupVersion, core)
    case .bookmark: break
    }
  }

  /// Looks again when a Service or its endpoints change.
  private func followServices(_ poke: AsyncStream<String>.Continuation) async {
    @Sendable func tell(_ namespace: String, _ name: String) {
      for entry: APIServiceEntry in table.remote where entry.service?.namespace == namespace && entry.service?.name == name {
        poke.yield(entry.name)
      }
    }
    await withDiscardingTaskGroup { group in
      group.addTask {
        await self.follow(self.registry.storage("", "services")) { event in
          if let object: CachedObject = event.object { tell(object.namespace, object.name) }
        }
      }
      group.addTask {
        await self.follow(self.registry.storage("discovery.k8s.io", "endpointslices")) { event in
          if let object: CachedObject = event.object, let name: String = object.labels["kubernetes.io/service-name"] {
            tell(object.namespace, name)
          }
        }
      }
    }
  }

  private func tick(_ poke: AsyncStream<String>.Continuation) async {
    while true {
      do { try await Task.sleep(for: Self.period) } catch { return }
      for entry: APIServiceEntry in table.remote { poke.yield(entry.name) }
    }
  }

  private func follow(_ storage: ObjectStorage?, _ hear: @Sendable (WatchEvent) async throws -> Void) async {
    guard let storage else { return }
    await retrying("following \(storage.group)") {
      let watch: WatchStream = try await storage.watch(WatchRequest(start: .initialEvents(.newest)))
      defer { watch.cancel() }
      while let events: [WatchEvent] = try await watch.next() {
        for event: WatchEvent in events {
          do { try await hear(event) } catch {
            if Task.isCancelled { return }
            // The next change tries again.
            self.logger.warning("\(storage.group) \(event.object?.name ?? ""): \(error)")
          }
        }
      }
      throw APIServerError(.store, "the watch ended")
    }
  }

  private func retrying(_ what: String, _ work: @Sendable () async throws -> Void) async {
    while !Task.isCancelled {
      do { return try await work() } catch {
        if Task.isCancelled { return }
        logger.warning("\(what): \(error)")
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }

  // MARK: looking after one server

  /// Looks after one APIService; what asks meanwhile is seen to in the same go.
  private func look(after name: String, _ core: ServerCore, _ poke: AsyncStream<String>.Continuation) async {
    let isFirst: Bool = progress.withLock { all in
      all[name, default: Progress()].isDirty = true
      guard all[name]?.isRunning == false else { return false }
      all[name]?.isRunning = true
      return true
    }
    guard isFirst else { return }
    var hasFailed: Bool = false
    while progress.withLock({ all in
      let isDirty: Bool = all[name]?.isDirty ?? false
      all[name]?.isDirty = false
      if !isDirty { all[name]?.isRunning = false }
      return isDirty
    }) {
      do { hasFailed = try await !sync(name, core) } catch {
        if Task.isCancelled { return }
        logger.info("the APIService \(name) cannot be looked at: \(error)")
        hasFailed = true
      }
    }
    guard hasFailed else { return progress.withLock { $0[name] = nil } }
    let failures: Int = progress.withLock { all in
      all[name]?.failures += 1
      return all[name]?.failures ?? 1
    }
    do { try await Task.sleep(for: min(Self.firstRetry * (1 << min(failures, 16)), Self.period)) } catch { return }
    poke.yield(name)
  }

  /// Tells of an APIService whether its server can be used; false where the server itself did not answer well.
  private func sync(_ name: String, _ core: ServerCore) async throws -> Bool {
    let client: InternalClient = InternalClient(core: core)
    guard let object: JSONValue = try await client.get(Self.apiGroup, Self.plural, name: name) else { return true }
    let entry: APIServiceEntry = APIServiceEntry(object, identity: identity)
    let condition: AvailabilityCondition = try await condition(entry)
    if entry.service != nil {
      if condition == .passed { await documents.refresh(entry) } else { documents.markStale(entry.groupVersion) }
    }
    if let conditions: [JSONValue] = condition.merged(
      into: object["status"]["conditions"].items, now: Timestamp.now.rfc3339)
    {
      try await client.patch(
        Self.apiGroup, Self.plural, name: name, subresource: "status", ["status": ["conditions": .array(conditions)]])
    }
    return condition.reason != "FailedDiscoveryCheck"
  }

  private func condition(_ entry: APIServiceEntry) async throws -> AvailabilityCondition {
    guard let wanted: APIServiceEntry.Service = entry.service else { return .local }
    let service: JSONValue? = try await registry.storage("", "services")?.object(
      namespace: wanted.namespace, name: wanted.name)
    let slices: [JSONValue] = try await resolver.slices(wanted)
    if let missing: AvailabilityCondition = .ofObjects(wanted, service: service, slices: slices) { return missing }
    // One endpoint of several may be on its way out.
    var failure: String = ""
    for _ in 0..<2 {
      do {
        try await caller.probe(entry)
        return .passed
      } catch { failure = "\(error)" }
    }
    return .missing("FailedDiscoveryCheck", failure)
  }
}

extension WatchEvent {
  /// The object that an event is about.
  var object: CachedObject? {
    switch self {
    case .added(let object), .modified(let object), .deleted(let object): object
    case .bookmark: nil
    }
  }
}
