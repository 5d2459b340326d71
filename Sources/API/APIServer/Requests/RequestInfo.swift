// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What a request is about, from its method and path.
struct RequestInfo: Sendable {
  /// Whether the path names an API resource.
  var isResource: Bool = false
  /// get, list, watch, create, update, patch, delete, deletecollection; the lower-case method of other paths.
  var verb: String = ""
  var group: String = ""
  var version: String = ""
  var namespace: String = ""
  var resource: String = ""
  var subresource: String = ""
  var name: String = ""
  /// The path, percent-decoded.
  var path: String = ""
  /// The segments from the resource on.
  var parts: [String] = []

  /// Whether the path names the resource below a namespace.
  var isNested: Bool = false
  /// The field selector of a list or watch, as it came.
  var fieldSelector: String = ""

  /// The path below the subresource (`pods/x/proxy/REST`), with its leading slash where there is one.
  var rest: String = ""

  init(method: String, path: String, query: QueryParameters) {
    self.path = path
    verb = method.lowercased()
    var segments: [Substring] = path.split(separator: "/", omittingEmptySubsequences: true)
    guard segments.count >= 3, segments[0] == "api" || segments[0] == "apis" else { return }
    if segments[0] == "apis" {
      guard segments.count >= 4 else { return }
      group = String(segments[1])
      segments.removeFirst()
    }
    version = String(segments[1])
    segments.removeFirst(2)
    isResource = true
    verb =
      switch method {
      case "POST": "create"
      case "GET", "HEAD": "get"
      case "PUT": "update"
      case "PATCH": "patch"
      case "DELETE": "delete"
      default: ""
      }
    let isOldWatch: Bool = segments.first == "watch" && segments.count > 1
    if isOldWatch {
      segments.removeFirst()
      verb = "watch"
    }
    readResource(segments, query)
    fieldSelector = query["fieldSelector"] ?? ""
    if !isOldWatch { readCollectionVerb(query) }
  }

  private mutating func readResource(_ given: [Substring], _ query: QueryParameters) {
    var segments: [Substring] = given
    if segments.first == "namespaces", segments.count > 1 {
      namespace = String(segments[1])
      // Below a namespace come its resources, but for the namespace's own subresources.
      if segments.count > 2, !["status", "finalize"].contains(segments[2]) {
        segments.removeFirst(2)
        isNested = true
      }
    }
    parts = segments.map(String.init)
    resource = parts.first ?? ""
    name = parts.count > 1 ? parts[1] : ""
    if parts.count > 2 { subresource = parts[2] }
    if resource == "namespaces", !isNested { namespace = name }
    if parts.count > 3 { rest = "/" + parts[3...].joined(separator: "/") }
    if parts.count > 2, path.hasSuffix("/") { rest += "/" }
  }

  private mutating func readCollectionVerb(_ query: QueryParameters) {
    guard name.isEmpty else { return }
    if verb == "get" { verb = query.flag("watch") ? "watch" : "list" }
    if verb == "delete" { verb = "deletecollection" }
    // A list that names one object is authorized like a get of it.
    if ["list", "watch", "deletecollection"].contains(verb), let selector = query["fieldSelector"],
      let one: Substring = selector.split(separator: ",").first(where: { $0.hasPrefix("metadata.name=") })
    {
      selectedName = one.drop { $0 != "=" }.drop { $0 == "=" }.description
    }
  }

  /// The name that a list's field selector asks for.
  var selectedName: String = ""

  /// The name for authorization.
  var authorizedName: String { name.isEmpty ? selectedName : name }
}

/// The query of a request.
struct QueryParameters: Sendable {
  let items: [(name: String, value: String)]

  init(_ items: [(name: String, value: String)]) { self.items = items }

  /// The first value of a parameter.
  subscript(name: String) -> String? { items.first { $0.name == name }?.value }

  /// All values of a parameter.
  func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

  /// Whether a parameter is there and not `false` or `0`, as upstream reads booleans.
  func flag(_ name: String) -> Bool {
    guard let value = self[name] else { return false }
    return !["false", "0"].contains(value.lowercased())
  }

  /// The integer of a parameter.
  func int(_ name: String) -> Int? { self[name].flatMap { Int($0) } }
}
