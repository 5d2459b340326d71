// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import HTTPServing
import JSON
import KubeValues
import NIOHTTP1

/// Serves one request for a resource: reads the parameters, calls the strategy, admission and the store.
struct ResourceEndpoint: Sendable {
  let core: ServerCore
  let resource: ServedResource
  let call: APICall
  /// The text of the member that is kept as it is written, where the request has one.
  var rawText: [UInt8]?

  var info: RequestInfo { call.info }
  var group: GroupResource { resource.groupResource }
  /// The namespace for the store: none for resources of the cluster.
  var namespace: String { resource.definition.isNamespaced ? info.namespace : "" }

  func storage() throws -> ObjectStorage {
    guard let storage = resource.storage else { throw Self.methodNotAllowed }
    return storage
  }

  static var methodNotAllowed: StatusError {
    StatusError(
      code: 405, reason: "MethodNotAllowed", message: "the server does not allow this method on the requested resource",
      details: .object(JSONObject()))
  }

  static var unknownPath: StatusError {
    StatusError(
      code: 404, reason: "NotFound", message: "the server could not find the requested resource",
      details: .object(JSONObject()))
  }

  func context(subresource: String? = nil) -> StrategyContext {
    let core: ServerCore = self.core
    let user: UserInfo = call.user
    let warnings: WarningSink = call.warnings
    var context: StrategyContext = StrategyContext(
      resource: resource.definition, subresource: subresource ?? (info.subresource.isEmpty ? nil : info.subresource),
      userName: user.name, userGroups: user.groups, userUID: user.uid, userExtra: user.extra, now: call.now.rfc3339,
      isAuthorized: { verb, group, resource, namespace, name in
        await core.authorizer.isAllowed(
          AuthorizationAttributes(
            user: user, verb: verb, group: group, resource: resource, namespace: namespace, name: name))
      })
    context.warn = { warnings.add($0) }
    return context
  }

  /// Whether the resource or subresource answers the method at all.
  static func allows(_ resource: ServedResource, _ info: RequestInfo) -> Bool {
    let isProxy: Bool = info.subresource == "proxy" && resource.schema.isBuiltIn
    guard !info.verb.isEmpty || isProxy else { return false }
    let verb: String = info.verb
    if !info.subresource.isEmpty {
      guard let sub: SubresourceDefinition = resource.definition.subresource(info.subresource) else { return false }
      // What is passed on can be asked in every way.
      if isProxy { return true }
      return sub.verbs.names.contains(verb)
    }
    let isNamespaced: Bool = resource.definition.isNamespaced
    switch verb {
    case "create": guard info.name.isEmpty, !isNamespaced || !info.namespace.isEmpty else { return false }
    case "deletecollection": guard !isNamespaced || !info.namespace.isEmpty else { return false }
    case "update", "patch": guard !info.name.isEmpty else { return false }
    default: break
    }
    return resource.definition.verbs.names.contains(verb)
  }

  func run() async throws {
    if resource.custom != nil, !CustomRequests.hasPath(self) { return try await CustomRequests.answerUnknown(call) }
    try CustomRequests.check(self)
    guard info.parts.count <= 2 || resource.definition.subresource(info.subresource) != nil else {
      throw Self.unknownPath
    }
    if !isScopeRight || !hasNamedPath { throw Self.unknownPath }
    if call.request.method == "HEAD", info.subresource != "proxy" { throw Self.methodNotAllowed }
    guard Self.allows(resource, info) else { throw Self.methodNotAllowed }
    if group == GroupResource("", "endpoints") {
      call.warnings.add("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
    }
    if let special: any SubresourceHandler = core.subresources.handler(for: resource, info) {
      return try await special.handle(self)
    }
    guard resource.storage != nil else { throw Self.methodNotAllowed }
    switch info.verb {
    case "get": try await get()
    case "list": try await list()
    case "watch": try await watch()
    case "create": try await create()
    case "update": try await update()
    case "patch": try await patch()
    case "delete": try await delete()
    case "deletecollection": try await deleteCollection()
    default: throw Self.methodNotAllowed
    }
    await FlowSchemaStatus.follow(info, core)
  }

  /// What is only ever made, such as a review, has no paths of its own.
  private var hasNamedPath: Bool {
    guard !info.name.isEmpty, info.subresource.isEmpty, resource.custom == nil else { return true }
    return !["get", "update", "patch", "delete"].filter(resource.definition.verbs.names.contains).isEmpty
  }

  /// A namespaced object must be named with its namespace, and one of the cluster without.
  private var isScopeRight: Bool {
    if resource.definition.isNamespaced {
      return !(info.namespace.isEmpty && !info.name.isEmpty)
    }
    return info.namespace.isEmpty || (info.resource == "namespaces" && !info.isNested)
  }

  /// The object's JSON in the store's form; 404 where there is none.
  func existing(_ name: String) async throws -> CachedObject {
    guard let object: CachedObject = try await storage().get(namespace: namespace, name: name) else {
      throw StatusError.notFound(group, name)
    }
    return object
  }

  /// Reads a request body of the resource's kind, or of a subresource's.
  func decode(_ bytes: [UInt8], as schema: KindSchema, validation: FieldValidation) throws -> JSONValue {
    let body: RequestBody = try RequestBodyReader.read(bytes, contentType: call.request.headers.first(name: "content-type"), kind: schema.kind.kind)
    let decoded: DecodedObject = try schema.decode(body, validation: validation)
    call.warnings.add(decoded.warnings)
    if schema.kind == resource.kind { try CustomRequests.checkKind(decoded.object, self) }
    return decoded.object
  }
}

/// Serves a subresource, or a resource that is not stored.
protocol SubresourceHandler: Sendable {
  func handle(_ endpoint: ResourceEndpoint) async throws
}
