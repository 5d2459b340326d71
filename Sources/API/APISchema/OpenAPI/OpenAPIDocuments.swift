// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// Makes the OpenAPI documents of the server from the schemas and the catalogue of resources.
///
/// Documents are made anew at each call; who serves them keeps the bytes until the resources change.
public struct OpenAPIDocuments: Sendable {
  /// The version in `info`: `1.36`.
  public var version: String
  /// Every group-version with its resources and subresources, custom ones too.
  public var groups: [(groupVersion: GroupVersion, resources: [OpenAPIResource])]
  /// The custom kinds among them.
  public var custom: [KindSchema]

  /// Documents of a server.
  public init(
    version: String = "1.36", groups: [(groupVersion: GroupVersion, resources: [OpenAPIResource])],
    custom: [KindSchema] = []
  ) {
    self.version = version
    self.groups = groups
    self.custom = custom
  }

  private var customByKind: [GroupVersionKind: KindSchema] {
    Dictionary(custom.map { ($0.kind, $0) }) { _, last in last }
  }

  /// The keys of the OpenAPI v3 index, below `/openapi/v3/`.
  public var v3Paths: [String] {
    var paths: Set<String> = [".well-known/openid-configuration", "api", "apis", "openid/v1/jwks", "version"]
    for (groupVersion, _) in groups {
      paths.insert(Self.path(groupVersion))
      if !groupVersion.group.isEmpty { paths.insert("apis/\(groupVersion.group)") }
    }
    return paths.sorted()
  }

  private static func path(_ groupVersion: GroupVersion) -> String {
    groupVersion.group.isEmpty ? "api/\(groupVersion.version)" : "apis/\(groupVersion)"
  }

  /// The OpenAPI v3 document below `/openapi/v3/`; nil where there is none.
  public func v3(_ path: String) -> JSONValue? {
    if let group = groups.first(where: { Self.path($0.groupVersion) == path }) {
      var operations: OpenAPIOperations = OpenAPIOperations(
        group.groupVersion, OpenAPIComponents(.v3, groupVersions: [group.groupVersion], custom: customByKind))
      if !isCustom(group.resources) { operations.addDiscovery() }
      for resource: OpenAPIResource in group.resources { operations.add(resource) }
      return document(operations.paths, operations.components)
    }
    guard v3Paths.contains(path) else { return nil }
    return small(path)
  }

  /// What the document of a path (or `v2`) is made of, as bytes: equal bytes, equal document.
  public func fingerprint(_ path: String) -> [UInt8] {
    var text: String = "\(path) \(version)"
    for (groupVersion, resources) in groups where path == "v2" || Self.path(groupVersion) == path {
      for resource: OpenAPIResource in resources {
        text +=
          "\n\(resource.plural)/\(resource.subresource) \(resource.kind) \(resource.isNamespaced) \(resource.verbs)"
      }
    }
    var bytes: [UInt8] = Array(text.utf8)
    for kind: KindSchema in custom where path == "v2" || Self.path(kind.kind.groupVersion) == path {
      bytes += Array(kind.kind.description.utf8)
      kind.document.write(to: &bytes)
    }
    return bytes
  }

  private func isCustom(_ resources: [OpenAPIResource]) -> Bool {
    let known: [GroupVersionKind: KindSchema] = customByKind
    return resources.contains { known[$0.kind] != nil }
  }

  private func document(_ paths: JSONValue, _ components: OpenAPIComponents) -> JSONValue {
    var parts: JSONObject = JSONObject()
    if !components.schemas.isEmpty { parts["schemas"] = components.object }
    parts["securitySchemes"] = [
      "BearerToken": [
        "type": "apiKey", "description": "Bearer Token authentication", "name": "authorization", "in": "header",
      ]
    ]
    return [
      "openapi": "3.0.0", "info": ["title": "Kubernetes", "version": .string(version)], "paths": paths,
      "components": .object(parts),
    ]
  }

  /// The documents of what belongs to no group-version.
  private func small(_ path: String) -> JSONValue {
    var operations: OpenAPIOperations = OpenAPIOperations(
      GroupVersion("", "v1"), OpenAPIComponents(.v3, groupVersions: [], custom: [:]))
    let meta: String = "k8s.io.apimachinery.pkg.apis.meta.v1."
    let types: [String] = ["application/json", "application/vnd.kubernetes.protobuf", "application/yaml"]
    func add(_ url: String, _ tag: String, _ name: String, _ schema: JSONValue, _ types: [String]) {
      operations.add(
        url, "get",
        [
          "tags": [.string(tag)], "operationId": .string(name),
          "responses": operations.responses([(200, schema)], types),
        ])
    }
    switch path {
    case "version":
      let name: String = "io.k8s.apimachinery.pkg.version.Info"
      operations.components.define(name, Self.versionInfo)
      add(
        "/version/", "version", "getCodeVersion", ["$ref": .string("#/components/schemas/" + name)],
        ["application/json"])
    case "api":
      add("/api/", "core", "getCoreAPIVersions", operations.components.reference(message: meta + "APIVersions"), types)
    case "apis":
      add("/apis/", "apis", "getAPIVersions", operations.components.reference(message: meta + "APIGroupList"), types)
    case "openid/v1/jwks":
      add(
        "/openid/v1/jwks/", "openid", "getServiceAccountIssuerOpenIDKeyset", ["type": "string"],
        ["application/jwk-set+json"])
    case ".well-known/openid-configuration":
      add(
        "/.well-known/openid-configuration/", "WellKnown", "getServiceAccountIssuerOpenIDConfiguration",
        ["type": "string"], ["application/json"])
    default:
      let name: String = OpenAPIOperations.groupName(String(path.dropFirst(5)))
      add(
        "/\(path)/", name, "get\(OpenAPIOperations.capitalized(name))APIGroup",
        operations.components.reference(message: meta + "APIGroup"), types)
    }
    return document(operations.paths, operations.components)
  }

  /// The schema of the answer of `/version`, which has no protobuf form and hence no descriptor.
  private static var versionInfo: JSONValue {
    let required: [String] = [
      "major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform",
    ]
    let optional: [String] = ["emulationMajor", "emulationMinor", "minCompatibilityMajor", "minCompatibilityMinor"]
    var properties: JSONObject = JSONObject()
    for name: String in (required + optional).sorted() {
      properties[name] = optional.contains(name) ? ["type": "string"] : ["type": "string", "default": ""]
    }
    return [
      "description": "Info contains versioning information.", "type": "object", "required": JSONValue(required),
      "properties": .object(properties),
    ]
  }

  /// The OpenAPI v2 document of the whole server.
  public func v2() -> JSONValue {
    var components: OpenAPIComponents = OpenAPIComponents(
      .v2, groupVersions: groups.map(\.groupVersion), custom: customByKind)
    var paths: JSONObject = JSONObject()
    for (groupVersion, resources) in groups {
      var operations: OpenAPIOperations = OpenAPIOperations(groupVersion, components)
      if !isCustom(resources) { operations.addDiscovery() }
      for resource: OpenAPIResource in resources { operations.add(resource) }
      for (path, entry) in operations.paths.object ?? JSONObject() { paths[path] = OpenAPIv2.pathItem(entry) }
      components = operations.components
    }
    return [
      "swagger": "2.0", "info": ["title": "Kubernetes", "version": .string(version)], "paths": .object(paths),
      "definitions": components.object,
      "securityDefinitions": [
        "BearerToken": [
          "type": "apiKey", "description": "Bearer Token authentication", "name": "authorization", "in": "header",
        ]
      ],
      "security": [["BearerToken": []]],
    ]
  }
}

/// Turns operations of OpenAPI v3 into those of v2.
enum OpenAPIv2 {
  static func pathItem(_ item: JSONValue) -> JSONValue {
    var result: JSONObject = JSONObject()
    for (key, value) in item.object ?? JSONObject() {
      result.appendUnique(key, key == "parameters" ? .array(value.items.map(parameter)) : operation(value))
    }
    return .object(result)
  }

  private static func parameter(_ value: JSONValue) -> JSONValue {
    var result: JSONValue = value
    result["schema"] = .null
    result["type"] = value["schema"]["type"]
    result["uniqueItems"] = true
    return result
  }

  private static func operation(_ value: JSONValue) -> JSONValue {
    var result: JSONValue = value
    var parameters: [JSONValue] = value["parameters"].items.map(parameter)
    var produces: [String] = []
    for (code, response) in value["responses"].object ?? JSONObject() {
      var answer: JSONValue = ["description": response["description"].isNull ? "OK" : response["description"]]
      if let content: JSONObject = response["content"].object, let first = content.first {
        answer["schema"] = first.value["schema"]
        if code == "200" { produces = content.keys }
      }
      result["responses"][code] = answer
    }
    if let content: JSONObject = value["requestBody"]["content"].object, let first = content.first {
      var body: JSONValue = ["name": "body", "in": "body", "schema": first.value["schema"]]
      if value["requestBody"]["required"].bool == true { body["required"] = true }
      parameters.insert(body, at: 0)
      result["consumes"] = JSONValue(content.keys)
      result["requestBody"] = .null
    }
    result["produces"] = JSONValue(produces)
    result["schemes"] = ["https"]
    result["parameters"] = parameters.isEmpty ? .null : .array(parameters)
    return result
  }
}
