// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeMeta
import Logging
import Synchronization

/// A change of an informer's cache.
public enum InformerEvent<Object: Sendable>: Sendable {
  /// The object came into the cache.
  case added(Object)
  /// The object was replaced.
  case updated(old: Object, new: Object)
  /// The object went; this is the last state that was seen.
  case deleted(Object)

  /// The object as it is now, or was at last.
  public var object: Object {
    switch self {
    case .added(let object), .updated(_, let object), .deleted(let object): object
    }
  }
}

/// A local copy of the objects of one resource, kept current by a list and a watch.
///
/// Add handlers and indexes, then `run()`; the cache may be read at any time from anywhere. Handlers are called one
/// after another, in the order of the changes, and must return quickly: they put keys into work queues. After a
/// lost connection the watch resumes where it was; when its version is too old, everything is listed again and the
/// differences are reported. The first list is reported as additions, and then `hasSynced` holds.
public final class Informer<Object: KubeMessage>: Sendable {
  /// What is called with each change.
  public typealias Handler = @Sendable (InformerEvent<Object>) -> Void
  /// What changes an object before it is kept, for example drops what nobody reads.
  public typealias Transform = @Sendable (inout Object) -> Void

  /// The resource.
  public let resource: ResourceType
  private let client: KubeClient
  private let namespace: String?
  private let options: ListOptions
  private let transform: Transform
  private let logger: Logger
  private let state: Mutex<InformerState<Object>> = Mutex(InformerState())

  /// An informer of a resource, as messages of a type.
  ///
  /// `managedFields` are always dropped: nobody who reads a cache needs them.
  public init(
    client: KubeClient, resource: ResourceType, namespace: String? = nil, labelSelector: String = "",
    fieldSelector: String = "", transform: Transform? = nil
  ) {
    self.client = client
    self.resource = resource
    self.namespace = namespace
    self.transform = { object in
      object.metadata.managedFields = []
      transform?(&object)
    }
    options = ListOptions(labelSelector: labelSelector, fieldSelector: fieldSelector)
    logger = client.logger
  }

  // MARK: Before it runs

  /// Calls a handler with every change; one that is added later gets what is there as additions first.
  public func addHandler(_ handler: @escaping Handler) {
    let present: [Object] = state.withLock { state in
      state.handlers.append(handler)
      return Array(state.objects.values)
    }
    for object: Object in present { handler(.added(object)) }
  }

  /// Keeps an index; `keys` gives the values under which an object is found by `indexed(_:_:)`.
  public func addIndex(_ name: String, _ keys: @escaping @Sendable (Object) -> [String]) {
    state.withLock { $0.addIndex(name, keys) }
  }

  // MARK: Reading

  /// Whether the cache holds what the first list found.
  public var hasSynced: Bool { state.withLock { $0.hasSynced } }

  /// Returns when the cache holds what the first list found.
  public func waitForSync() async throws {
    while !hasSynced { try await Task.sleep(for: .milliseconds(2)) }
  }

  /// One object.
  public func get(_ key: ObjectKey) -> Object? { state.withLock { $0.objects[key] } }
  /// One object.
  public func get(namespace: String = "", name: String) -> Object? { get(ObjectKey(namespace: namespace, name: name)) }
  /// All objects, in no order.
  public func list() -> [Object] { state.withLock { Array($0.objects.values) } }
  /// The objects of a namespace, in no order.
  public func list(namespace: String) -> [Object] { state.withLock { $0.inNamespace(namespace) } }
  /// The objects that an index has under a value.
  public func indexed(_ index: String, _ value: String) -> [Object] { state.withLock { $0.indexed(index, value) } }
  /// The number of objects.
  public var count: Int { state.withLock { $0.objects.count } }

  /// Puts an object into the cache that its caller has just written, so that readers see it before the watch tells.
  ///
  /// An object that is older than the cached one is ignored. Handlers are not called; the watch's event follows, or
  /// that of a new list, and has the state before this as the old one.
  public func remember(_ object: Object) {
    var object: Object = object
    transform(&object)
    state.withLock { $0.remember(object) }
  }

  // MARK: Running

  /// Lists and watches until the task is cancelled.
  public func run() async throws {
    var version: String = ""
    var mustBeNewest: Bool = false
    var backOff: BackOff = BackOff(initial: .milliseconds(100), limit: .seconds(10))
    while !Task.isCancelled {
      do {
        if version.isEmpty { version = try await relist(mustBeNewest: mustBeNewest) }
        try await follow(&version)
        backOff.reset()
      } catch let error as KubeClientError where error.isExpired {
        logger.debug("watch of \(resource) expired, listing again", metadata: ["error": "\(error)"])
        mustBeNewest = true
        version = ""
      } catch {
        guard !Task.isCancelled else { break }
        let isRefused: Bool = error.asKubeClientError?.code == .status
        logger.log(level: isRefused ? .warning : .info, "cannot watch \(resource)", metadata: ["error": "\(error)"])
        // An answer that is an error says nothing of the version; a broken connection does not either.
        if isRefused { version = "" }
        try await Task.sleep(for: backOff.next())
      }
    }
    throw CancellationError()
  }

  private func relist(mustBeNewest: Bool) async throws -> String {
    var options: ListOptions = options
    options.resourceVersion = mustBeNewest ? "" : "0"
    let list: ObjectList<Object> = try await client.list(
      Object.self, resource: resource, namespace: namespace, options: options)
    var items: [Object] = list.items
    for place: Int in items.indices { transform(&items[place]) }
    let events: [InformerEvent<Object>] = state.withLock { $0.replace(with: items) }
    notify(events)
    state.withLock { $0.hasSynced = true }
    return list.resourceVersion
  }

  private func follow(_ version: inout String) async throws {
    var options: ListOptions = options
    options.resourceVersion = version
    let stream: WatchStream<Object> = try await client.watch(
      Object.self, resource: resource, namespace: namespace, options: options)
    for try await event: WatchEvent<Object> in stream {
      switch event {
      case .added(var object), .modified(var object):
        version = object.metadata.resourceVersion
        transform(&object)
        let change: InformerEvent<Object> = state.withLock { $0.set(object) }
        notify([change])
      case .deleted(let object):
        version = object.metadata.resourceVersion
        let change: InformerEvent<Object>? = state.withLock { $0.remove(object) }
        notify(change.map { [$0] } ?? [])
      case .bookmark(let resourceVersion): version = resourceVersion
      }
    }
  }

  private func notify(_ events: [InformerEvent<Object>]) {
    guard !events.isEmpty else { return }
    let handlers: [Handler] = state.withLock { $0.handlers }
    for event: InformerEvent<Object> in events {
      for handler: Handler in handlers { handler(event) }
    }
  }
}

extension Informer where Object: KubeObject {
  /// An informer of the objects of a type.
  public convenience init(
    client: KubeClient, namespace: String? = nil, labelSelector: String = "", fieldSelector: String = "",
    transform: Transform? = nil
  ) {
    self.init(
      client: client, resource: Object.resource, namespace: namespace, labelSelector: labelSelector,
      fieldSelector: fieldSelector, transform: transform)
  }
}

extension KubeMessage {
  /// Whether another state of the same object is newer; versions that are no numbers count as newer.
  func isOlder(than other: Self) -> Bool {
    guard metadata.uid == other.metadata.uid, let mine: UInt64 = UInt64(metadata.resourceVersion),
      let theirs: UInt64 = UInt64(other.metadata.resourceVersion)
    else { return true }
    return mine < theirs
  }
}
