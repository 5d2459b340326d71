// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON
import NIOHTTP1

extension KubeClient {
  private func sendJSON(_ request: APIRequest) async throws(KubeClientError) -> JSONValue {
    try Self.json(try await transport.send(request).body)
  }

  /// One object as JSON.
  public func get(
    _ resource: ResourceType, namespace: String? = nil, name: String, subresource: String? = nil
  ) async throws(KubeClientError) -> JSONValue {
    let path: String = resource.path(namespace: namespace, name: name, subresource: subresource)
    return try await sendJSON(APIRequest(path: path, accept: "application/json"))
  }

  /// The objects of a resource as JSON.
  public func list(
    _ resource: ResourceType, namespace: String? = nil, options: ListOptions = ListOptions()
  ) async throws(KubeClientError) -> ObjectList<JSONValue> {
    let request: APIRequest = APIRequest(
      path: resource.path(namespace: namespace), query: options.query, accept: "application/json")
    let list: JSONValue = try await sendJSON(request)
    return ObjectList(
      items: list["items"].items, resourceVersion: list["metadata"]["resourceVersion"].string ?? "",
      continueToken: list["metadata"]["continue"].string ?? "")
  }

  /// Creates an object, or a subresource of the object `name`.
  @discardableResult
  public func create(
    _ resource: ResourceType, namespace: String? = nil, name: String? = nil, subresource: String? = nil,
    _ object: JSONValue
  ) async throws(KubeClientError) -> JSONValue {
    let path: String = resource.path(namespace: namespace, name: name, subresource: subresource)
    return try await sendJSON(
      APIRequest(
        method: .POST, path: path, accept: "application/json", contentType: "application/json", body: object.bytes))
  }

  /// Replaces an object, or a subresource of it.
  @discardableResult
  public func update(
    _ resource: ResourceType, namespace: String? = nil, name: String, subresource: String? = nil, _ object: JSONValue
  ) async throws(KubeClientError) -> JSONValue {
    let path: String = resource.path(namespace: namespace, name: name, subresource: subresource)
    return try await sendJSON(
      APIRequest(
        method: .PUT, path: path, accept: "application/json", contentType: "application/json", body: object.bytes))
  }

  /// Changes an object, or a subresource of it, in part.
  @discardableResult
  public func patch(
    _ resource: ResourceType, namespace: String? = nil, name: String, subresource: String? = nil, _ patch: Patch
  ) async throws(KubeClientError) -> JSONValue {
    let path: String = resource.path(namespace: namespace, name: name, subresource: subresource)
    return try await sendJSON(
      APIRequest(
        method: .PATCH, path: path, query: patch.query, accept: "application/json", contentType: patch.contentType,
        body: patch.body))
  }

  /// Deletes an object, or begins to.
  public func delete(
    _ resource: ResourceType, namespace: String? = nil, name: String, options: DeleteOptions = DeleteOptions()
  ) async throws(KubeClientError) {
    let path: String = resource.path(namespace: namespace, name: name)
    _ = try await transport.send(
      APIRequest(
        method: .DELETE, path: path, accept: "application/json", contentType: "application/json",
        body: options.document.bytes))
  }

  /// Deletes all selected objects of a namespace, or of the cluster.
  public func deleteCollection(
    _ resource: ResourceType, namespace: String? = nil, selecting list: ListOptions = ListOptions(),
    options: DeleteOptions = DeleteOptions()
  ) async throws(KubeClientError) {
    _ = try await transport.send(
      APIRequest(
        method: .DELETE, path: resource.path(namespace: namespace), query: list.query, accept: "application/json",
        contentType: "application/json", body: options.document.bytes))
  }
}
