// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import APISchema

/// A group, a version and a resource's plural name: what a request's path names.
public struct GroupVersionResource: Sendable, Hashable, CustomStringConvertible {
  /// The API group; empty for the core group.
  public var group: String
  /// The version within the group.
  public var version: String
  /// The plural name, such as `pods`.
  public var resource: String

  /// An identifier of its three parts.
  public init(_ group: String, _ version: String, _ resource: String) {
    self.group = group
    self.version = version
    self.resource = resource
  }

  /// Group and resource.
  public var groupResource: GroupResource { GroupResource(group, resource) }

  public var description: String { group.isEmpty ? "\(version)/\(resource)" : "\(group)/\(version)/\(resource)" }
}

/// The requests that a resource answers, by the names that discovery and RBAC use.
public struct ResourceVerbs: OptionSet, Sendable, Hashable {
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }

  public static let create: ResourceVerbs = .init(rawValue: 1)
  public static let delete: ResourceVerbs = .init(rawValue: 2)
  public static let deletecollection: ResourceVerbs = .init(rawValue: 4)
  public static let get: ResourceVerbs = .init(rawValue: 8)
  public static let list: ResourceVerbs = .init(rawValue: 16)
  public static let patch: ResourceVerbs = .init(rawValue: 32)
  public static let update: ResourceVerbs = .init(rawValue: 64)
  public static let watch: ResourceVerbs = .init(rawValue: 128)

  /// What a stored resource answers.
  public static let all: ResourceVerbs = [
    .create, .delete, .deletecollection, .get, .list, .patch, .update, .watch,
  ]
  /// What a status subresource answers.
  public static let readAndWrite: ResourceVerbs = [.get, .patch, .update]

  private static let ordered: [(ResourceVerbs, String)] = [
    (.create, "create"), (.delete, "delete"), (.deletecollection, "deletecollection"), (.get, "get"),
    (.list, "list"), (.patch, "patch"), (.update, "update"), (.watch, "watch"),
  ]

  /// The names in alphabetical order, as discovery shows them.
  public var names: [String] { Self.ordered.filter { contains($0.0) }.map(\.1) }
}

/// A path below a single object, such as `status` or `scale`.
public struct SubresourceDefinition: Sendable, Hashable {
  /// The last part of the path.
  public var name: String
  /// What is sent and answered.
  public var kind: GroupVersionKind
  /// The requests that it answers.
  public var verbs: ResourceVerbs

  /// A subresource.
  public init(_ name: String, kind: GroupVersionKind, verbs: ResourceVerbs) {
    self.name = name
    self.kind = kind
    self.verbs = verbs
  }
}

/// One resource of one group and version: everything that discovery, storage and routing ask about it.
public struct ResourceDefinition: Sendable {
  /// Where it is served.
  public var identifier: GroupVersionResource
  /// The kind of its objects.
  public var kind: GroupVersionKind
  /// The kind of its lists; nil where it cannot be listed.
  public var listKind: String?
  /// The singular name.
  public var singular: String
  /// Whether its objects live in namespaces.
  public var isNamespaced: Bool
  /// The requests that it answers.
  public var verbs: ResourceVerbs
  /// Abbreviations that clients accept.
  public var shortNames: [String]
  /// Groups of resources that clients name together, such as `all`.
  public var categories: [String]
  /// Paths below a single object, by name.
  public var subresources: [SubresourceDefinition]
  /// The part of the store's key between `/registry/` and the namespace or name; nil where nothing is stored.
  public var storagePrefix: String?
  /// The kind that is stored.
  public var storageKind: GroupVersionKind
  /// The hash that discovery publishes of the stored version.
  public var storageVersionHash: String?
  /// The columns of its tables.
  public var columns: [TableColumn]

  /// A definition from its parts, for custom resources.
  public init(
    identifier: GroupVersionResource, kind: GroupVersionKind, listKind: String?, singular: String, isNamespaced: Bool,
    verbs: ResourceVerbs, shortNames: [String], categories: [String], subresources: [SubresourceDefinition],
    storagePrefix: String?, storageKind: GroupVersionKind, storageVersionHash: String?, columns: [TableColumn]
  ) {
    self.identifier = identifier
    self.kind = kind
    self.listKind = listKind
    self.singular = singular
    self.isNamespaced = isNamespaced
    self.verbs = verbs
    self.shortNames = shortNames
    self.categories = categories
    self.subresources = subresources
    self.storagePrefix = storagePrefix
    self.storageKind = storageKind
    self.storageVersionHash = storageVersionHash
    self.columns = columns
  }

  /// Whether this is the definition in whose form objects are stored (others are converted to it).
  public var isStorageForm: Bool {
    kind.group == storageKind.group && (kind.version == storageKind.version || !ResourceCatalog.convertsStorage(self))
  }

  /// The subresource of a name.
  public func subresource(_ name: String) -> SubresourceDefinition? { subresources.first { $0.name == name } }

  /// The prefix of all keys of the resource, ending in a slash: `/registry/pods/`.
  public func keyPrefix(root: String = "/registry") -> String? { storagePrefix.map { "\(root)/\($0)/" } }

  /// The prefix of the keys of one namespace, ending in a slash; of all when there is none.
  public func keyPrefix(namespace: String?, root: String = "/registry") -> String? {
    guard let prefix: String = keyPrefix(root: root) else { return nil }
    guard isNamespaced, let namespace, !namespace.isEmpty else { return prefix }
    return "\(prefix)\(namespace)/"
  }

  /// The key of an object.
  public func key(namespace: String?, name: String, root: String = "/registry") -> String? {
    keyPrefix(namespace: namespace, root: root).map { $0 + name }
  }
}

/// A column of a server-side table (meta/v1 TableColumnDefinition).
public struct TableColumn: Sendable, Hashable {
  /// The heading.
  public var name: String
  /// The OpenAPI type: string, integer, boolean, number, date.
  public var type: String
  /// The OpenAPI format; `name` marks the primary identifier.
  public var format: String
  /// What the column means.
  public var description: String
  /// 0 is shown always; larger ones with `-o wide`.
  public var priority: Int

  /// A column.
  public init(_ name: String, type: String = "string", format: String = "", description: String = "", priority: Int = 0)
  {
    self.name = name
    self.type = type
    self.format = format
    self.description = description
    self.priority = priority
  }

  /// A column of whole numbers.
  public static func integer(_ name: String) -> TableColumn { TableColumn(name, type: "integer") }
  /// A column that only wide tables show.
  public static func wide(_ name: String) -> TableColumn { TableColumn(name, priority: 1) }
  /// The object's name.
  public static let name: TableColumn = TableColumn("Name", format: "name")
  /// The time since the object was created.
  public static let age: TableColumn = TableColumn("Age")
  /// The columns of resources that have none of their own.
  public static let byDefault: [TableColumn] = [.name, TableColumn("Created At", type: "date")]
}
