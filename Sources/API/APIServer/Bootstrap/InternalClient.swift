// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import HTTPServing
import JSON
import NIOHTTP1

/// Requests of the server to itself: the same path as everybody's, without the network.
struct InternalClient: Sendable {
  let core: ServerCore

  func endpoint(
    _ group: String, _ resource: String, namespace: String = "", name: String = "", subresource: String = "",
    verb: String, contentType: String = "application/json", manager: String? = nil
  ) throws -> ResourceEndpoint {
    guard let served: ServedResource = core.registry.any(group, resource) else {
      throw APIServerError(.store, "\(GroupResource(group, resource)) is not served")
    }
    var info: RequestInfo = RequestInfo(method: "", path: "/", query: QueryParameters([]))
    info.isResource = true
    info.verb = verb
    info.group = group
    info.version = served.kind.version
    info.resource = resource
    info.namespace = namespace
    info.name = name
    info.subresource = subresource
    let request: HTTPRequest = HTTPRequest(
      method: "", target: "/", headers: ["user-agent": "kube-apiserver/v1.36", "content-type": contentType])
    return ResourceEndpoint(
      core: core, resource: served,
      call: APICall(
        request: request, response: .unconnected, query: QueryParameters(manager.map { [("fieldManager", $0)] } ?? []),
        info: info, user: .apiServer))
  }

  private static func options(_ kind: WriteOptions.Kind) throws -> WriteOptions {
    try WriteOptions(kind, query: QueryParameters([("fieldValidation", "Ignore")]))
  }

  func get(_ group: String, _ resource: String, namespace: String = "", name: String) async throws -> JSONValue? {
    try await core.registry.storage(group, resource)?.object(namespace: namespace, name: name)
  }

  @discardableResult
  func create(
    _ group: String, _ resource: String, _ object: JSONValue, manager: String? = nil
  ) async throws -> JSONValue {
    let endpoint: ResourceEndpoint = try endpoint(
      group, resource, namespace: object.objectNamespace, verb: "create", manager: manager)
    let decoded: DecodedObject = try endpoint.resource.schema.decode(.json(object.bytes), validation: .ignore)
    return try await endpoint.create(decoded.object, options: Self.options(.create))
  }

  /// Makes an object where there is none.
  func ensure(_ group: String, _ resource: String, _ object: JSONValue, manager: String? = nil) async throws {
    if try await get(group, resource, namespace: object.objectNamespace, name: object.objectName) != nil { return }
    do { try await create(group, resource, object, manager: manager) } catch let error as StatusError {
      // Another server was faster; of a Service one may hear first that its address is taken.
      if try await get(group, resource, namespace: object.objectNamespace, name: object.objectName) == nil { throw error }
    }
  }

  /// Changes an object by a merge patch.
  @discardableResult
  func patch(
    _ group: String, _ resource: String, namespace: String = "", name: String, subresource: String = "",
    _ patch: JSONValue
  ) async throws -> JSONValue {
    let endpoint: ResourceEndpoint = try endpoint(
      group, resource, namespace: namespace, name: name, subresource: subresource, verb: "patch",
      contentType: "application/merge-patch+json")
    return try await endpoint.patch(.merge(patch), Self.options(.patch)).0
  }

  /// Applies a part of an object of the cluster, its status perhaps.
  func apply(
    _ group: String, _ resource: String, _ object: JSONValue, subresource: String = "", manager: String
  ) async throws {
    let endpoint: ResourceEndpoint = try endpoint(
      group, resource, name: object.objectName, subresource: subresource, verb: "patch",
      contentType: "application/apply-patch+yaml", manager: manager)
    let query: QueryParameters = QueryParameters([("fieldManager", manager), ("force", "true")])
    _ = try await endpoint.patch(.apply(object), try WriteOptions(.patch, query: query, isApply: true))
  }

  func delete(_ group: String, _ resource: String, namespace: String = "", name: String) async throws {
    let endpoint: ResourceEndpoint = try endpoint(group, resource, namespace: namespace, name: name, verb: "delete")
    _ = try await endpoint.delete(name, DeleteOptions())
  }
}
