// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeMeta
import NIOHTTP1
import SwiftProtobuf

extension KubeClient {
  private static let accept: String = "\(ProtobufEnvelope.mediaType),application/json"
  private static let metadataAccept: String =
    "\(ProtobufEnvelope.mediaType);as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
    + "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
  private static let metadataListAccept: String =
    "\(ProtobufEnvelope.mediaType);as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
    + "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

  private func decoded<M: SwiftProtobuf.Message>(_ type: M.Type, _ body: [UInt8]) throws(KubeClientError) -> M {
    try ProtobufEnvelope.decode(M.self, try ProtobufEnvelope.unwrap(body[...]).raw)
  }

  private func encoded<Object: KubeObject>(_ object: Object) throws(KubeClientError) -> [UInt8] {
    do {
      return try ProtobufEnvelope.wrap(object, apiVersion: Object.resource.apiVersion, kind: Object.resource.kind)
    } catch {
      throw KubeClientError(.invalidConfiguration, "cannot encode a \(Object.resource.kind)", cause: error)
    }
  }

  // MARK: Reading

  /// One object.
  public func get<Object: KubeObject>(
    _ type: Object.Type, namespace: String? = nil, name: String
  ) async throws(KubeClientError) -> Object {
    let path: String = Object.resource.path(namespace: namespace, name: name)
    return try decoded(Object.self, try await transport.send(APIRequest(path: path, accept: Self.accept)).body)
  }

  /// One object.
  public func get<Object: KubeObject>(_ type: Object.Type, _ key: ObjectKey) async throws(KubeClientError) -> Object {
    try await get(type, namespace: key.namespace, name: key.name)
  }

  /// The objects of a namespace, or of all.
  public func list<Object: KubeObject>(
    _ type: Object.Type, namespace: String? = nil, options: ListOptions = ListOptions()
  ) async throws(KubeClientError) -> ObjectList<Object> {
    try await list(type, resource: Object.resource, namespace: namespace, options: options)
  }

  /// The objects of a resource as messages of a type; as `MetaPartialObjectMetadata` any resource can be listed.
  public func list<Object: KubeMessage>(
    _ type: Object.Type, resource: ResourceType, namespace: String? = nil, options: ListOptions = ListOptions()
  ) async throws(KubeClientError) -> ObjectList<Object> {
    let accept: String = Object.self is MetaPartialObjectMetadata.Type ? Self.metadataListAccept : Self.accept
    let request: APIRequest = APIRequest(
      path: resource.path(namespace: namespace), query: options.query, accept: accept)
    let answer: [UInt8] = try await transport.send(request).body
    if answer.first == UInt8(ascii: "{") { return try MetadataDecoding.list(Object.self, answer) }
    let list: (metadata: MetaListMeta, items: [Object]) = try ProtobufEnvelope.decodeList(
      Object.self, try ProtobufEnvelope.unwrap(answer[...]).raw)
    return ObjectList(
      items: list.items, resourceVersion: list.metadata.resourceVersion, continueToken: list.metadata.continue)
  }

  /// What happens to the objects of a namespace, or of all, from `options.resourceVersion` on.
  public func watch<Object: KubeObject>(
    _ type: Object.Type, namespace: String? = nil, options: ListOptions = ListOptions()
  ) async throws(KubeClientError) -> WatchStream<Object> {
    try await watch(type, resource: Object.resource, namespace: namespace, options: options)
  }

  /// What happens to the objects of a resource, as messages of a type.
  public func watch<Object: KubeMessage>(
    _ type: Object.Type, resource: ResourceType, namespace: String? = nil, options: ListOptions = ListOptions()
  ) async throws(KubeClientError) -> WatchStream<Object> {
    var options: ListOptions = options
    if options.timeoutSeconds == 0 { options.timeoutSeconds = Int.random(in: Self.watchSeconds) }
    let accept: String =
      Object.self is MetaPartialObjectMetadata.Type
      ? Self.metadataAccept : "\(ProtobufEnvelope.mediaType);stream=watch,\(ProtobufEnvelope.mediaType)"
    var request: APIRequest = APIRequest(
      path: resource.path(namespace: namespace), query: options.query, accept: accept)
    request.query += [("watch", "true"), ("allowWatchBookmarks", "true")]
    request.timeout = .seconds(options.timeoutSeconds + 30)
    return WatchStream(body: try await transport.stream(request))
  }

  // MARK: Writing

  /// Creates an object in its namespace and gives it as the server made it.
  @discardableResult
  public func create<Object: KubeObject>(_ object: Object) async throws(KubeClientError) -> Object {
    try await write(.POST, Object.resource.path(namespace: object.metadata.namespace), object)
  }

  /// Creates a subresource of an object, as in `pods/binding`; the answer's type may be another, so it is ignored.
  public func create<Object: KubeObject>(
    _ object: Object, on resource: ResourceType, namespace: String?, name: String, subresource: String
  ) async throws(KubeClientError) {
    let path: String = resource.path(namespace: namespace, name: name, subresource: subresource)
    _ = try await transport.send(
      APIRequest(
        method: .POST, path: path, accept: Self.accept, contentType: ProtobufEnvelope.mediaType,
        body: try encoded(object)))
  }

  /// Creates a subresource whose answer is of the same type, as in `serviceaccounts/token`.
  public func request<Object: KubeObject>(
    _ object: Object, on resource: ResourceType, namespace: String?, name: String, subresource: String
  ) async throws(KubeClientError) -> Object {
    try await write(.POST, resource.path(namespace: namespace, name: name, subresource: subresource), object)
  }

  /// Replaces an object; it must have the version that it was read with.
  @discardableResult
  public func update<Object: KubeObject>(
    _ object: Object, subresource: String? = nil
  ) async throws(KubeClientError) -> Object {
    let path: String = Object.resource.path(
      namespace: object.metadata.namespace, name: object.metadata.name, subresource: subresource)
    return try await write(.PUT, path, object)
  }

  /// Replaces an object's status.
  @discardableResult
  public func updateStatus<Object: KubeObject>(_ object: Object) async throws(KubeClientError) -> Object {
    try await update(object, subresource: "status")
  }

  private func write<Object: KubeObject>(
    _ method: HTTPMethod, _ path: String, _ object: Object
  ) async throws(KubeClientError) -> Object {
    let request: APIRequest = APIRequest(
      method: method, path: path, accept: Self.accept, contentType: ProtobufEnvelope.mediaType,
      body: try encoded(object))
    return try decoded(Object.self, try await transport.send(request).body)
  }

  /// Changes an object, or a subresource of it, in part.
  @discardableResult
  public func patch<Object: KubeObject>(
    _ type: Object.Type, namespace: String? = nil, name: String, subresource: String? = nil, _ patch: Patch
  ) async throws(KubeClientError) -> Object {
    let path: String = Object.resource.path(namespace: namespace, name: name, subresource: subresource)
    let request: APIRequest = APIRequest(
      method: .PATCH, path: path, query: patch.query, accept: Self.accept, contentType: patch.contentType,
      body: patch.body)
    return try decoded(Object.self, try await transport.send(request).body)
  }

  /// Deletes an object, or begins to.
  public func delete<Object: KubeObject>(
    _ type: Object.Type, namespace: String? = nil, name: String, options: DeleteOptions = DeleteOptions()
  ) async throws(KubeClientError) {
    try await delete(Object.resource, namespace: namespace, name: name, options: options)
  }

  /// Changes an object that others change too: reads it, applies the change, writes it, and again on a conflict.
  ///
  /// - Parameter change: returns false to leave the object as it is.
  @discardableResult
  public func modify<Object: KubeObject>(
    _ type: Object.Type, namespace: String? = nil, name: String, subresource: String? = nil,
    _ change: (inout Object) throws -> Bool
  ) async throws -> Object {
    var attempts: Int = 0
    while true {
      var object: Object = try await get(type, namespace: namespace, name: name)
      guard try change(&object) else { return object }
      do throws(KubeClientError) {
        return try await update(object, subresource: subresource)
      } catch {
        attempts += 1
        guard error.isConflict, attempts < 10 else { throw error }
      }
    }
  }
}
