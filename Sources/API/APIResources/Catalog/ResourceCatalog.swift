// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import APISchema

/// Every resource that the API server serves by default, by group and version.
///
/// The tables of `ResourceCatalog+*.swift` say what each is; `strategy(for:)` says what it does.
public struct ResourceCatalog: Sendable {
  /// The resources of one group and version.
  public struct ServedGroupVersion: Sendable {
    /// The API group; empty for the core group.
    public var group: String
    /// The version within the group.
    public var version: String
    /// Its resources, in discovery's order (alphabetical).
    public var resources: [ResourceDefinition]

    /// The value of apiVersion.
    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
  }

  /// The groups in the order in which discovery lists them, the preferred version of a group first.
  public let groupVersions: [ServedGroupVersion]
  private let byResource: [GroupVersionResource: ResourceDefinition]
  private let byKind: [GroupVersionKind: ResourceDefinition]

  /// The built-in resources.
  public static let builtIn: ResourceCatalog = ResourceCatalog()

  private init() {
    var groupVersions: [ServedGroupVersion] = []
    var byResource: [GroupVersionResource: ResourceDefinition] = [:]
    var byKind: [GroupVersionKind: ResourceDefinition] = [:]
    for row: GroupRow in Self.rows {
      let resources: [ResourceDefinition] = row.rows.map { $0.definition(group: row.group, version: row.version) }
      groupVersions.append(ServedGroupVersion(group: row.group, version: row.version, resources: resources))
      for resource: ResourceDefinition in resources {
        byResource[resource.identifier] = resource
        byKind[resource.kind] = resource
      }
    }
    self.groupVersions = groupVersions
    self.byResource = byResource
    self.byKind = byKind
  }

  /// All resources, group by group.
  public var resources: [ResourceDefinition] { groupVersions.flatMap(\.resources) }

  /// The resource of a path.
  public func resource(group: String, version: String, plural: String) -> ResourceDefinition? {
    byResource[GroupVersionResource(group, version, plural)]
  }

  /// The resource of a path.
  public subscript(identifier: GroupVersionResource) -> ResourceDefinition? { byResource[identifier] }

  /// The resource whose objects have a kind.
  public func resource(kind: GroupVersionKind) -> ResourceDefinition? { byKind[kind] }

  /// Whether a group is one of ours.
  public func contains(group: String) -> Bool { groupVersions.contains { $0.group == group } }

  /// Whether objects of a resource change their form between the request and the store.
  static func convertsStorage(_ definition: ResourceDefinition) -> Bool {
    ["events.k8s.io", "autoscaling"].contains(definition.kind.group)
  }

  /// The order of upstream's group priorities.
  private static let rows: [GroupRow] = [
    GroupRow("", "v1", coreV1),
    GroupRow("apiregistration.k8s.io", "v1", apiRegistrationV1),
    GroupRow("apps", "v1", appsV1),
    GroupRow("events.k8s.io", "v1", eventsV1),
    GroupRow("authentication.k8s.io", "v1", authenticationV1),
    GroupRow("authorization.k8s.io", "v1", authorizationV1),
    GroupRow("autoscaling", "v2", autoscalingV2),
    GroupRow("autoscaling", "v1", autoscalingV1),
    GroupRow("batch", "v1", batchV1),
    GroupRow("certificates.k8s.io", "v1", certificatesV1),
    GroupRow("networking.k8s.io", "v1", networkingV1),
    GroupRow("policy", "v1", policyV1),
    GroupRow("rbac.authorization.k8s.io", "v1", rbacV1),
    GroupRow("storage.k8s.io", "v1", storageV1),
    GroupRow("admissionregistration.k8s.io", "v1", admissionRegistrationV1),
    GroupRow("apiextensions.k8s.io", "v1", apiExtensionsV1),
    GroupRow("scheduling.k8s.io", "v1", schedulingV1),
    GroupRow("coordination.k8s.io", "v1", coordinationV1),
    GroupRow("node.k8s.io", "v1", nodeV1),
    GroupRow("discovery.k8s.io", "v1", discoveryV1),
    GroupRow("resource.k8s.io", "v1", resourceV1),
    GroupRow("flowcontrol.apiserver.k8s.io", "v1", flowControlV1),
  ]
}

/// One group and version of the tables.
private struct GroupRow {
  var group: String
  var version: String
  var rows: [ResourceTableRow]

  init(_ group: String, _ version: String, _ rows: [ResourceTableRow]) {
    self.group = group
    self.version = version
    self.rows = rows
  }
}

/// One line of the tables: a definition without what its group says already.
struct ResourceTableRow: Sendable {
  /// Where a resource's objects live.
  enum Scope { case namespaced, cluster }

  /// A subresource without what its resource says already.
  enum Subresource: Sendable {
    case status
    case scale
    case same(String, ResourceVerbs)
    case other(String, GroupVersionKind, ResourceVerbs)
  }

  private var plural: String
  private var singular: String
  private var kind: String
  private var scope: Scope
  private var verbs: ResourceVerbs
  private var short: [String]
  private var categories: [String]
  private var key: String?
  private var storage: GroupVersionKind?
  private var hash: String?
  private var isListed: Bool
  private var subresources: [Subresource]
  private var columns: [TableColumn]

  /// A resource whose objects are kept.
  static func stored(
    _ plural: String, _ singular: String, _ kind: String, _ scope: Scope, verbs: ResourceVerbs = .all,
    short: [String] = [], categories: [String] = [], key: String? = nil, storage: GroupVersionKind? = nil,
    hash: String, subresources: [Subresource] = [], columns: [TableColumn] = TableColumn.byDefault
  ) -> ResourceTableRow {
    ResourceTableRow(
      plural: plural, singular: singular, kind: kind, scope: scope, verbs: verbs, short: short,
      categories: categories, key: key ?? plural, storage: storage, hash: hash, isListed: true,
      subresources: subresources, columns: columns)
  }

  /// A resource whose objects are questions that are answered and forgotten.
  static func virtual(
    _ plural: String, _ singular: String, _ kind: String, _ scope: Scope, verbs: ResourceVerbs,
    short: [String] = [], isListed: Bool = false, subresources: [Subresource] = [],
    columns: [TableColumn] = TableColumn.byDefault
  ) -> ResourceTableRow {
    ResourceTableRow(
      plural: plural, singular: singular, kind: kind, scope: scope, verbs: verbs, short: short,
      categories: [], key: nil, storage: nil, hash: nil, isListed: isListed,
      subresources: subresources, columns: columns)
  }

  /// The whole definition.
  func definition(group: String, version: String) -> ResourceDefinition {
    let own: GroupVersionKind = GroupVersionKind(group, version, kind)
    return ResourceDefinition(
      identifier: GroupVersionResource(group, version, plural), kind: own,
      listKind: isListed ? kind + "List" : nil, singular: singular, isNamespaced: scope == .namespaced,
      verbs: verbs, shortNames: short, categories: categories,
      subresources: subresources.map { Self.definition($0, of: own) }, storagePrefix: key,
      storageKind: storage ?? own, storageVersionHash: hash, columns: columns)
  }

  private static func definition(_ row: Subresource, of kind: GroupVersionKind) -> SubresourceDefinition {
    switch row {
    case .status: SubresourceDefinition("status", kind: kind, verbs: .readAndWrite)
    case .scale:
      SubresourceDefinition(
        "scale", kind: GroupVersionKind("autoscaling", "v1", "Scale"), verbs: .readAndWrite)
    case .same(let name, let verbs): SubresourceDefinition(name, kind: kind, verbs: verbs)
    case .other(let name, let other, let verbs): SubresourceDefinition(name, kind: other, verbs: verbs)
    }
  }
}
