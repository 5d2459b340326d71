// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import HTTPServing
import JSON
import NIOHTTP1

/// How requests for custom resources differ from those for others.
enum CustomRequests {
  /// Paths outside of what definitions serve are no resources at all, as any other unknown path.
  static func isUnknown(_ info: RequestInfo, _ core: ServerCore) -> Bool {
    !info.group.isEmpty && !core.registry.builtInGroupVersions.contains { $0.group == info.group }
  }

  static func answerUnknown(_ call: APICall) async throws {
    try await call.answer(text: "404 page not found\n", status: .notFound)
  }

  /// Whether the path is one of the resource's; a namespace before a resource of the cluster is not.
  static func hasPath(_ endpoint: ResourceEndpoint) -> Bool {
    endpoint.resource.definition.isNamespaced || endpoint.info.namespace.isEmpty
  }

  /// Refuses what a custom resource does not have, and warns of versions that are on their way out.
  static func check(_ endpoint: ResourceEndpoint) throws {
    guard let custom: CustomResource = endpoint.resource.custom else { return }
    let info: RequestInfo = endpoint.info
    if !info.subresource.isEmpty, endpoint.resource.definition.subresource(info.subresource) == nil {
      throw StatusError.notFound(endpoint.group, info.name)
    }
    if !ResourceEndpoint.allows(endpoint.resource, info), !info.verb.isEmpty {
      throw StatusError(
        code: 405, reason: "MethodNotAllowed",
        message: "\(info.verb) is not supported on resources of kind \"\(endpoint.group)\"",
        details: StatusError.details(group: endpoint.group.group, kind: endpoint.group.resource))
    }
    let version: JSONValue = custom.version(endpoint.resource.kind.version)
    if version["deprecated"].bool == true {
      endpoint.call.warnings.add(version["deprecationWarning"].string ?? deprecation(custom, endpoint.resource.kind.version))
    }
  }

  private static func deprecation(_ custom: CustomResource, _ version: String) -> String {
    let newer: [String] = custom.servedVersions.filter { $0["deprecated"].bool != true }.compactMap { $0["name"].string }
      .filter { VersionRank($0) > VersionRank(version) }
    let text: String = "\(custom.group)/\(version) \(custom.kind) is deprecated"
    guard let best: String = newer.max(by: { VersionRank($0) < VersionRank($1) }) else { return text }
    return "\(text); use \(custom.group)/\(best) \(custom.kind)"
  }

  /// Refuses new objects of a definition that goes.
  static func checkCreation(_ endpoint: ResourceEndpoint, _ name: String) async throws {
    guard let custom: CustomResource = endpoint.resource.custom,
      let definitions: ObjectStorage = endpoint.core.registry.storage("apiextensions.k8s.io", "customresourcedefinitions"),
      let definition: JSONValue = try await definitions.object(namespace: "", name: "\(custom.plural).\(custom.group)"),
      definition.isBeingDeleted
    else { return }
    throw StatusError.forbidden(
      endpoint.group, name, "create not allowed while custom resource definition is terminating")
  }

  /// An object must be of the kind that is written.
  static func checkKind(_ object: JSONValue, _ endpoint: ResourceEndpoint) throws(StatusError) {
    let given: String = object["kind"].string ?? ""
    guard let custom: CustomResource = endpoint.resource.custom, !given.isEmpty, given != custom.kind else { return }
    throw .invalid(
      GroupKind(custom.group, given), object.objectName,
      [.invalid("kind", .string(given), "must be \(custom.kind)")])
  }
}

/// The rank of a version's name: v2 before v1 before v1beta2 before v1alpha1 before all others.
struct VersionRank: Comparable {
  private let stage: Int
  private let major: Int
  private let minor: Int
  private let name: String

  init(_ name: String) {
    self.name = name
    let digits: Substring = name.dropFirst().prefix { $0.isASCII && $0.isNumber }
    let rest: Substring = name.dropFirst(1 + digits.count)
    let tail: Substring = rest.drop { $0.isLetter }
    let stages: [Substring: Int] = ["": 3, "beta": 2, "alpha": 1]
    guard name.hasPrefix("v"), let major: Int = Int(digits), let stage: Int = stages[rest.prefix { $0.isLetter }],
      stage == 3 ? tail.isEmpty : Int(tail) != nil
    else {
      (stage, major, minor) = (0, 0, 0)
      return
    }
    self.stage = stage
    self.major = major
    minor = Int(tail) ?? 0
  }

  static func < (left: VersionRank, right: VersionRank) -> Bool {
    if left.stage == 0, right.stage == 0 { return left.name > right.name }
    return (left.stage, left.major, left.minor) < (right.stage, right.major, right.minor)
  }
}
