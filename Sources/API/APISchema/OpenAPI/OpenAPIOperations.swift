// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Makes the operations of a group-version's resources.
struct OpenAPIOperations {
  let groupVersion: GroupVersion
  var components: OpenAPIComponents
  /// Operations by path and method.
  private var operations: [String: [(method: String, operation: JSONValue)]] = [:]
  private var order: [String] = []

  private static let meta: String = "k8s.io.apimachinery.pkg.apis.meta.v1."
  private static let mediaTypes: [String] = [
    "application/json", "application/vnd.kubernetes.protobuf", "application/yaml",
  ]
  private static let watchTypes: [String] = [
    "application/json", "application/json;stream=watch", "application/vnd.kubernetes.protobuf",
    "application/vnd.kubernetes.protobuf;stream=watch", "application/yaml",
  ]

  init(_ groupVersion: GroupVersion, _ components: OpenAPIComponents) {
    self.groupVersion = groupVersion
    self.components = components
  }

  /// The base path, `/api/v1` or `/apis/apps/v1`.
  var base: String {
    groupVersion.group.isEmpty ? "/api/\(groupVersion.version)" : "/apis/\(groupVersion)"
  }

  /// `appsV1` with a capital: `AppsV1`, `RbacAuthorizationV1`, `CoreV1`.
  var title: String { Self.capitalized(Self.groupName(groupVersion.group)) + Self.capitalized(groupVersion.version) }

  /// `apps_v1`, `rbacAuthorization_v1`, `core_v1`.
  var tag: String { "\(Self.groupName(groupVersion.group))_\(groupVersion.version)" }

  /// A group's name in identifiers: `rbacAuthorization` for `rbac.authorization.k8s.io`.
  static func groupName(_ group: String) -> String {
    if group.isEmpty { return "core" }
    let stem: Substring = group.hasSuffix(".k8s.io") ? group.dropLast(7) : group[...]
    let parts: [Substring] = stem.split(separator: ".")
    return parts.enumerated().map { $0.offset == 0 ? String($0.element) : capitalized(String($0.element)) }.joined()
  }

  static func capitalized(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

  /// The `paths` object; parameters that all operations of a path have stand beside the operations.
  var paths: JSONValue {
    var result: JSONObject = JSONObject()
    for path: String in order.sorted() {
      guard let items = operations[path] else { continue }
      let lists: [[JSONValue]] = items.map { $0.operation["parameters"].items }
      let common: [JSONValue] = (lists.first ?? []).filter { one in lists.allSatisfy { $0.contains(one) } }
      var entry: JSONObject = JSONObject()
      for (method, operation) in items {
        var operation: JSONValue = operation
        let own: [JSONValue] = operation["parameters"].items.filter { !common.contains($0) }
        operation["parameters"] = own.isEmpty ? .null : .array(Self.sorted(own))
        entry.appendUnique(method, operation)
      }
      if !common.isEmpty { entry.appendUnique("parameters", .array(Self.sorted(common))) }
      result.appendUnique(path, .object(entry))
    }
    return .object(result)
  }

  private static func sorted(_ parameters: [JSONValue]) -> [JSONValue] {
    parameters.sorted { ($0["name"].string ?? "") < ($1["name"].string ?? "") }
  }

  /// Adds the discovery operation of the group-version.
  mutating func addDiscovery() {
    let list: JSONValue = components.reference(message: Self.meta + "APIResourceList")
    add(
      "\(base)/", "get",
      [
        "tags": [.string(tag)], "description": "get available resources",
        "operationId": .string("get\(title)APIResources"), "responses": responses([(200, list)], Self.mediaTypes),
      ])
  }

  /// Adds an operation as it is.
  mutating func add(_ path: String, _ method: String, _ operation: JSONValue) {
    if operations[path] == nil { order.append(path) }
    operations[path, default: []].append((method, operation))
  }

  func responses(_ schemas: [(code: Int, schema: JSONValue)], _ types: [String]) -> JSONValue {
    var result: JSONObject = JSONObject()
    for (code, schema) in schemas {
      var content: JSONObject = JSONObject()
      for type: String in types { content.appendUnique(type, ["schema": schema]) }
      let text: String = code == 201 ? "Created" : code == 202 ? "Accepted" : "OK"
      result.appendUnique(String(code), ["description": .string(text), "content": .object(content)])
    }
    result.appendUnique("401", ["description": "Unauthorized"])
    return .object(result)
  }

  /// Adds the operations of a resource or subresource.
  mutating func add(_ resource: OpenAPIResource) {
    let scope: String = resource.isNamespaced ? "\(base)/namespaces/{namespace}" : base
    let collection: String = "\(scope)/\(resource.plural)"
    let noun: String = (resource.isNamespaced ? "Namespaced" : "") + resource.resourceKind
    if resource.subresource.isEmpty {
      addCollection(resource, collection, noun)
      addObject(resource, "\(collection)/{name}", noun)
      addWatches(resource, noun)
    } else if resource.kind.kind.hasSuffix("Options") {
      // Exec and its kin: the kind holds the options of a connection.
      addConnect(resource, "\(collection)/{name}/\(resource.subresource)", noun)
    } else {
      addObject(resource, "\(collection)/{name}/\(resource.subresource)", noun + Self.title(of: resource.subresource))
    }
  }

  private static func title(of subresource: String) -> String {
    subresource == "ephemeralcontainers" ? "Ephemeralcontainers" : capitalized(subresource)
  }

  private func operation(
    _ resource: OpenAPIResource, _ name: String, action: String, _ parameters: [String], inPath: [String],
    body: JSONValue = .null, _ responses: JSONValue
  ) -> JSONValue {
    var result: JSONObject = JSONObject()
    result["tags"] = [.string(tag)]
    result["description"] = .string("\(action) \(resource.kind.kind)")
    result["operationId"] = .string(name)
    let all: [JSONValue] =
      (parameters + ["pretty"]).map { OpenAPIParameters.query($0) } + inPath.map { OpenAPIParameters.path($0) }
    result["parameters"] = .array(all)
    if !body.isNull { result["requestBody"] = body }
    result["responses"] = responses
    result["x-kubernetes-action"] = .string(action)
    result["x-kubernetes-group-version-kind"] = [
      "group": .string(resource.kind.group), "version": .string(resource.kind.version),
      "kind": .string(resource.kind.kind),
    ]
    return .object(result)
  }

  private static func body(_ schema: JSONValue, isRequired: Bool = true) -> JSONValue {
    var body: JSONValue = ["content": ["*/*": ["schema": schema]]]
    if isRequired { body["required"] = true }
    return body
  }

  private mutating func addCollection(_ resource: OpenAPIResource, _ path: String, _ noun: String) {
    let inPath: [String] = resource.isNamespaced ? ["namespace"] : []
    if resource.verbs.contains("list") {
      let list: JSONValue = components.reference(listKind(resource))
      let answer: JSONValue = responses([(200, list)], Self.watchTypes)
      add(
        path, "get",
        operation(resource, "list\(title)\(noun)", action: "list", OpenAPIParameters.list, inPath: inPath, answer))
      if resource.isNamespaced {
        let name: String = "list\(title)\(resource.resourceKind)ForAllNamespaces"
        add(
          "\(base)/\(resource.plural)", "get",
          operation(resource, name, action: "list", OpenAPIParameters.list, inPath: [], answer))
      }
    }
    if resource.verbs.contains("create") {
      let object: JSONValue = components.reference(resource.kind)
      add(
        path, "post",
        operation(
          resource, "create\(title)\(noun)", action: "post", OpenAPIParameters.write, inPath: inPath,
          body: Self.body(object),
          responses([(200, object), (201, object), (202, object)], Self.mediaTypes)))
    }
    if resource.verbs.contains("deletecollection") {
      let options: JSONValue = components.reference(message: Self.meta + "DeleteOptions")
      let status: JSONValue = components.reference(message: Self.meta + "Status")
      add(
        path, "delete",
        operation(
          resource, "delete\(title)Collection\(noun)", action: "deletecollection", OpenAPIParameters.deleteCollection,
          inPath: inPath, body: Self.body(options, isRequired: false), responses([(200, status)], Self.mediaTypes)))
    }
  }

  private func listKind(_ resource: OpenAPIResource) -> GroupVersionKind {
    GroupVersionKind(resource.kind.group, resource.kind.version, resource.kind.kind + "List")
  }

  private mutating func addObject(_ resource: OpenAPIResource, _ path: String, _ noun: String) {
    let inPath: [String] = resource.isNamespaced ? ["name", "namespace"] : ["name"]
    let object: JSONValue = components.reference(resource.kind)
    if resource.verbs.contains("get") {
      let isLog: Bool = resource.subresource == "log"
      let answer: JSONValue =
        isLog
        ? responses([(200, ["type": "string"])], ["text/plain"] + Self.mediaTypes)
        : responses([(200, object)], Self.mediaTypes)
      add(
        path, "get",
        operation(
          resource, "read\(title)\(noun)", action: "get", isLog ? OpenAPIParameters.log : [], inPath: inPath, answer))
    }
    if resource.verbs.contains("update") {
      add(
        path, "put",
        operation(
          resource, "replace\(title)\(noun)", action: "put", OpenAPIParameters.write, inPath: inPath,
          body: Self.body(object),
          responses([(200, object), (201, object)], Self.mediaTypes)))
    }
    if resource.verbs.contains("create"), !resource.subresource.isEmpty {
      add(
        path, "post",
        operation(
          resource, "create\(title)\(noun)", action: "post", OpenAPIParameters.write, inPath: inPath,
          body: Self.body(object),
          responses([(200, object), (201, object), (202, object)], Self.mediaTypes)))
    }
    if resource.verbs.contains("delete") {
      let options: JSONValue = components.reference(message: Self.meta + "DeleteOptions")
      let answer: JSONValue =
        OpenAPIParameters.returnsDeleted(resource.kind)
        ? object : components.reference(message: Self.meta + "Status")
      add(
        path, "delete",
        operation(
          resource, "delete\(title)\(noun)", action: "delete", OpenAPIParameters.delete, inPath: inPath,
          body: Self.body(options, isRequired: false), responses([(200, answer), (202, answer)], Self.mediaTypes)))
    }
    if resource.verbs.contains("patch") { addPatch(resource, path, noun, inPath, object) }
  }

  private mutating func addPatch(
    _ resource: OpenAPIResource, _ path: String, _ noun: String, _ inPath: [String], _ object: JSONValue
  ) {
    let patch: JSONValue = components.reference(message: Self.meta + "Patch")
    var content: JSONObject = JSONObject()
    let types: [PatchType] =
      components.custom[resource.kind] == nil ? [.apply, .json, .merge, .strategic] : [.apply, .json, .merge]
    for type: PatchType in types { content.appendUnique(type.rawValue, ["schema": patch]) }
    add(
      path, "patch",
      operation(
        resource, "patch\(title)\(noun)", action: "patch", OpenAPIParameters.write + ["force"], inPath: inPath,
        body: ["content": .object(content), "required": true],
        responses([(200, object), (201, object)], Self.mediaTypes)))
  }

  private mutating func addWatches(_ resource: OpenAPIResource, _ noun: String) {
    guard resource.verbs.contains("watch") else { return }
    let event: JSONValue = components.reference(message: Self.meta + "WatchEvent")
    let answer: JSONValue = responses([(200, event)], Self.watchTypes)
    let all: String = "\(base)/watch/\(resource.plural)"
    guard resource.isNamespaced else {
      add(
        all, "get",
        operation(resource, "watch\(title)\(noun)List", action: "watchlist", OpenAPIParameters.list, inPath: [], answer)
      )
      add(
        "\(all)/{name}", "get",
        operation(resource, "watch\(title)\(noun)", action: "watch", OpenAPIParameters.list, inPath: ["name"], answer))
      return
    }
    let some: String = "\(base)/watch/namespaces/{namespace}/\(resource.plural)"
    let name: String = "watch\(title)\(resource.resourceKind)ListForAllNamespaces"
    add(all, "get", operation(resource, name, action: "watchlist", OpenAPIParameters.list, inPath: [], answer))
    add(
      some, "get",
      operation(
        resource, "watch\(title)\(noun)List", action: "watchlist", OpenAPIParameters.list, inPath: ["namespace"], answer
      ))
    add(
      "\(some)/{name}", "get",
      operation(
        resource, "watch\(title)\(noun)", action: "watch", OpenAPIParameters.list, inPath: ["name", "namespace"], answer
      ))
  }

  private mutating func addConnect(_ resource: OpenAPIResource, _ path: String, _ noun: String) {
    let inPath: [String] = resource.isNamespaced ? ["name", "namespace"] : ["name"]
    let answer: JSONValue = responses([(200, ["type": "string"])], ["*/*"])
    let isProxy: Bool = resource.subresource == "proxy"
    let methods: [String] = isProxy ? ["get", "put", "post", "delete", "options", "head", "patch"] : ["get", "post"]
    let suffix: String = noun + Self.title(of: resource.subresource)
    let parameters: [String] = OpenAPIParameters.connect(resource.subresource)
    for method: String in methods {
      let name: String = "connect\(title)\(Self.capitalized(method))\(suffix)"
      add(path, method, operation(resource, name, action: "connect", parameters, inPath: inPath, answer))
      if isProxy {
        add(
          "\(path)/{path}", method,
          operation(
            resource, "\(name)WithPath", action: "connect", parameters, inPath: inPath + ["path"], answer))
      }
    }
  }
}
