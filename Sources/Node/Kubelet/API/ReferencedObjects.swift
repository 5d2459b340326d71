// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues
import Logging
import SwiftProtobuf
import Synchronization

/// The objects that this node's pods refer to: read once when a pod needs them, watched one by one while it lives, as
/// the node authorizer demands.
final class ReferencedObjects: PodObjects, Sendable {
  /// What a pod refers to.
  private struct Reference: Hashable, Sendable {
    enum Kind: Sendable { case configMap, secret }
    var kind: Kind
    var key: ObjectKey
  }
  private struct Watched {
    var configMap: Informer<ConfigMap>?
    var secret: Informer<Secret>?
    var handle: Nursery.Handle
    var users: Set<PodUID>
  }
  private struct Token {
    var text: String
    var issued: Timestamp
    var renewal: Timestamp
    var expiry: Timestamp
  }
  private struct State {
    var watched: [Reference: Watched] = [:]
    var references: [PodUID: Set<Reference>] = [:]
    /// The version in which each object was read last; empty where it was not there.
    var versions: [Reference: String] = [:]
    var tokens: [String: Token] = [:]
  }

  private let client: KubeClient
  private let nursery: Nursery
  private let services: Informer<Service>
  private let state: Mutex<State> = Mutex(State())
  /// Called with the pods that use an object that has changed.
  private let changed: @Sendable (Set<PodUID>) async -> Void

  init(
    client: KubeClient, nursery: Nursery, services: Informer<Service>,
    changed: @Sendable @escaping (Set<PodUID>) async -> Void
  ) {
    self.client = client
    self.nursery = nursery
    self.services = services
    self.changed = changed
  }

  // MARK: What pods use

  /// Watches what a pod refers to.
  func retain(_ pod: Pod) {
    let wanted: Set<Reference> = Self.references(of: pod)
    let (fresh, unused): ([Reference], [Nursery.Handle]) = state.withLock { state in
      let before: Set<Reference> = state.references.updateValue(wanted, forKey: pod.uid) ?? []
      for reference: Reference in wanted { state.watched[reference]?.users.insert(pod.uid) }
      return (wanted.filter { state.watched[$0] == nil }, Self.drop(before.subtracting(wanted), pod.uid, &state))
    }
    for handle: Nursery.Handle in unused { handle.cancel() }
    for reference: Reference in fresh { watch(reference, pod.uid) }
  }

  /// Ends the watches that only this pod needed.
  func release(_ uid: PodUID) {
    let unused: [Nursery.Handle] = state.withLock { state in
      let before: Set<Reference> = state.references.removeValue(forKey: uid) ?? []
      state.tokens = state.tokens.filter { !$0.key.hasPrefix(uid.text) }
      return Self.drop(before, uid, &state)
    }
    for handle: Nursery.Handle in unused { handle.cancel() }
  }

  var users: Set<PodUID> { state.withLock { Set($0.references.keys) } }

  private static func drop(_ references: Set<Reference>, _ uid: PodUID, _ state: inout State) -> [Nursery.Handle] {
    var unused: [Nursery.Handle] = []
    for reference: Reference in references {
      state.watched[reference]?.users.remove(uid)
      if let watched: Watched = state.watched[reference], watched.users.isEmpty {
        unused.append(watched.handle)
        state.watched[reference] = nil
        state.versions[reference] = nil
      }
    }
    return unused
  }

  private func watch(_ reference: Reference, _ uid: PodUID) {
    let name: String = "metadata.name=\(reference.key.name)"
    switch reference.kind {
    case .configMap:
      let informer: Informer<ConfigMap> = Informer(client: client, namespace: reference.key.namespace, fieldSelector: name)
      informer.addHandler { [weak self] event in
        if case .added(let object) = event, self?.isKnown(reference, object.metadata.resourceVersion) != false { return }
        self?.tell(reference)
      }
      keep(reference, uid, configMap: informer, secret: nil) { try await informer.run() }
    case .secret:
      let informer: Informer<Secret> = Informer(client: client, namespace: reference.key.namespace, fieldSelector: name)
      informer.addHandler { [weak self] event in
        if case .added(let object) = event, self?.isKnown(reference, object.metadata.resourceVersion) != false { return }
        self?.tell(reference)
      }
      keep(reference, uid, configMap: nil, secret: informer) { try await informer.run() }
    }
  }

  private func keep(
    _ reference: Reference, _ uid: PodUID, configMap: Informer<ConfigMap>?, secret: Informer<Secret>?,
    run: @Sendable @escaping () async throws -> Void
  ) {
    let handle: Nursery.Handle = nursery.start {
      // An informer ends only by cancellation.
      try? await run()
    }
    state.withLock { state in
      state.watched[reference] = Watched(configMap: configMap, secret: secret, handle: handle, users: [uid])
    }
  }

  /// Whether pods have what a watch shows first: they read it in this version, or are yet to read it.
  private func isKnown(_ reference: Reference, _ version: String) -> Bool {
    state.withLock { $0.versions[reference].map { $0 == version } ?? true }
  }

  private func note(_ reference: Reference, _ version: String) {
    state.withLock { if $0.watched[reference] != nil { $0.versions[reference] = version } }
  }

  private func tell(_ reference: Reference) {
    let users: Set<PodUID> = state.withLock { $0.watched[reference]?.users ?? [] }
    guard !users.isEmpty else { return }
    nursery.start { [changed] in await changed(users) }
  }

  private static func references(of pod: Pod) -> Set<Reference> {
    var found: Set<Reference> = []
    let namespace: String = pod.metadata.namespace
    func add(_ kind: Reference.Kind, _ name: String) {
      if !name.isEmpty { found.insert(Reference(kind: kind, key: ObjectKey(namespace: namespace, name: name))) }
    }
    for volume: Volume in pod.spec.volumes {
      let source: VolumeSource = volume.volumeSource
      if source.hasConfigMap { add(.configMap, source.configMap.localObjectReference.name) }
      if source.hasSecret { add(.secret, source.secret.secretName) }
      for part: VolumeProjection in source.projected.sources {
        if part.hasConfigMap { add(.configMap, part.configMap.localObjectReference.name) }
        if part.hasSecret { add(.secret, part.secret.localObjectReference.name) }
      }
    }
    return found
  }

  // MARK: Reading

  func configMap(namespace: String, name: String) async throws -> ConfigMap {
    let reference: Reference = Reference(kind: .configMap, key: ObjectKey(namespace: namespace, name: name))
    return try await read("configmap", reference, state.withLock { $0.watched[reference]?.configMap })
  }

  func secret(namespace: String, name: String) async throws -> Secret {
    let reference: Reference = Reference(kind: .secret, key: ObjectKey(namespace: namespace, name: name))
    return try await read("secret", reference, state.withLock { $0.watched[reference]?.secret })
  }

  private func read<Object: KubeObject>(
    _ kind: String, _ reference: Reference, _ informer: Informer<Object>?
  ) async throws -> Object {
    if let informer, informer.hasSynced, let object: Object = informer.get(reference.key) {
      note(reference, object.metadata.resourceVersion)
      return object
    }
    do {
      let object: Object = try await read(kind, reference.key.name) { try await client.get(Object.self, reference.key) }
      note(reference, object.metadata.resourceVersion)
      // The watch may have begun meanwhile, with a newer one.
      if let shown: Object = informer?.get(reference.key), shown.metadata.resourceVersion != object.metadata.resourceVersion {
        tell(reference)
      }
      return object
    } catch let error as KubeletError {
      if error.code == .notFound { note(reference, "") }
      throw error
    }
  }

  func claim(namespace: String, name: String) async throws -> PersistentVolumeClaim {
    try await read("persistentvolumeclaim", name) {
      try await client.get(PersistentVolumeClaim.self, namespace: namespace, name: name)
    }
  }

  func volume(name: String) async throws -> PersistentVolume {
    try await read("persistentvolume", name) { try await client.get(PersistentVolume.self, name: name) }
  }

  func attachment(name: String) async throws -> StorageVolumeAttachment {
    try await read("volumeattachment", name) { try await client.get(StorageVolumeAttachment.self, name: name) }
  }

  func driver(name: String) async throws -> StorageCSIDriver? {
    do {
      return try await client.get(StorageCSIDriver.self, name: name)
    } catch {
      guard error.isNotFound else { throw error }
      return nil
    }
  }

  func serviceAccount(namespace: String, name: String) async throws -> ServiceAccount {
    try await read("serviceaccount", name) {
      try await client.get(ServiceAccount.self, namespace: namespace, name: name)
    }
  }

  func services(namespace: String) async -> [Service] {
    var found: [Service] = services.list(namespace: namespace)
    if namespace != "default", let master: Service = services.get(namespace: "default", name: "kubernetes") {
      found.append(master)
    }
    return found
  }

  private func read<Object>(
    _ kind: String, _ name: String, _ body: () async throws -> Object
  ) async throws -> Object {
    do {
      return try await body()
    } catch {
      if error.isNotFound { throw KubeletError(.notFound, "\(kind) \"\(name)\" not found") }
      throw KubeletError(.mount, "failed to get \(kind) \"\(name)\": \(error)")
    }
  }

  // MARK: Tokens

  func token(for pod: Pod, audience: String, seconds: Int64) async throws -> String {
    let key: String = "\(pod.metadata.uid)/\(audience)/\(seconds)"
    let now: Timestamp = .now
    let kept: Token? = state.withLock { $0.tokens[key] }
    // One from a time that is yet to come was made before the clock was set back: nobody accepts it.
    if let kept, kept.issued <= now, now < kept.renewal { return kept.text }
    var request: AuthenticationTokenRequest = AuthenticationTokenRequest()
    request.metadata.namespace = pod.metadata.namespace
    request.spec.expirationSeconds = seconds
    if !audience.isEmpty { request.spec.audiences = [audience] }
    request.spec.boundObjectRef = .with {
      $0.kind = "Pod"
      $0.apiVersion = "v1"
      $0.name = pod.metadata.name
      $0.uID = pod.metadata.uid
    }
    do {
      let answer: AuthenticationTokenRequest = try await client.request(
        request, on: ServiceAccount.resource, namespace: pod.metadata.namespace,
        name: pod.spec.serviceAccountName.isEmpty ? "default" : pod.spec.serviceAccountName, subresource: "token")
      let expiry: Timestamp = Timestamp(answer.status.expirationTimestamp)
      let life: Int64 = max(expiry.seconds - now.seconds, 1)
      // Renewed when a fifth of its life, or a day, is left.
      let renewal: Timestamp = now + .seconds(min(life * 4 / 5, 86_400))
      state.withLock { $0.tokens[key] = Token(text: answer.status.token, issued: now, renewal: renewal, expiry: expiry) }
      return answer.status.token
    } catch {
      if let kept, now < kept.expiry { return kept.text }
      throw KubeletError(.mount, "failed to fetch token: \(error)")
    }
  }
}

extension ReferencedObjects: RuntimeClasses {
  func handler(for name: String) async throws -> String {
    do {
      return try await client.get(RuntimeClass.self, name: name).handler
    } catch {
      guard error.isNotFound else { throw error }
      throw KubeletError(.notFound, "RuntimeClass \"\(name)\" not found")
    }
  }
}

/// Without an API server there are no objects to refer to.
struct NoObjects: PodObjects, RuntimeClasses {
  private func missing(_ kind: String, _ name: String) -> KubeletError {
    KubeletError(.notFound, "\(kind) \"\(name)\" not found: this kubelet has no API server")
  }
  func configMap(namespace: String, name: String) async throws -> ConfigMap { throw missing("configmap", name) }
  func secret(namespace: String, name: String) async throws -> Secret { throw missing("secret", name) }
  func claim(namespace: String, name: String) async throws -> PersistentVolumeClaim {
    throw missing("persistentvolumeclaim", name)
  }
  func volume(name: String) async throws -> PersistentVolume { throw missing("persistentvolume", name) }
  func attachment(name: String) async throws -> StorageVolumeAttachment { throw missing("volumeattachment", name) }
  func driver(name: String) async throws -> StorageCSIDriver? { nil }
  func serviceAccount(namespace: String, name: String) async throws -> ServiceAccount {
    throw missing("serviceaccount", name)
  }
  func token(for pod: Pod, audience: String, seconds: Int64) async throws -> String {
    throw missing("serviceaccount", pod.spec.serviceAccountName)
  }
  func services(namespace: String) async -> [Service] { [] }
  func handler(for name: String) async throws -> String { throw missing("RuntimeClass", name) }
}
