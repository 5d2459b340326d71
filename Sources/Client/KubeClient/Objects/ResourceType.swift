// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import KubeMeta
public import SwiftProtobuf

/// A resource of the API: where its objects are found and what they are called.
public struct ResourceType: Hashable, Sendable, CustomStringConvertible {
  /// The API group; empty for the core.
  public var group: String
  /// The version, as in `v1`.
  public var version: String
  /// The resource's name in paths, as in `pods`.
  public var plural: String
  /// The kind of its objects, as in `Pod`.
  public var kind: String
  /// Whether its objects live in namespaces.
  public var isNamespaced: Bool

  /// A resource.
  public init(group: String, version: String, plural: String, kind: String, isNamespaced: Bool) {
    self.group = group
    self.version = version
    self.plural = plural
    self.kind = kind
    self.isNamespaced = isNamespaced
  }

  /// `v1`, or `apps/v1`.
  public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

  /// `pods`, or `deployments.apps`.
  public var description: String { group.isEmpty ? plural : "\(plural).\(group)" }

  /// The path of the collection, of an object, or of an object's subresource.
  public func path(namespace: String? = nil, name: String? = nil, subresource: String? = nil) -> String {
    var path: String = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
    if isNamespaced, let namespace, !namespace.isEmpty { path += "/namespaces/\(namespace)" }
    path += "/\(plural)"
    if let name { path += "/\(name)" }
    if let subresource { path += "/\(subresource)" }
    return path
  }
}

/// A protobuf message that is a Kubernetes object: it has metadata.
public protocol KubeMessage: SwiftProtobuf.Message, Hashable {
  /// The object's metadata.
  var metadata: MetaObjectMeta { get set }
}

/// A Kubernetes object of a known resource.
public protocol KubeObject: KubeMessage {
  /// The resource that holds such objects.
  static var resource: ResourceType { get }
}

extension MetaPartialObjectMetadata: KubeMessage {}

/// The namespace and the name of an object; the namespace is empty for objects of the cluster.
public struct ObjectKey: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The namespace, or nothing.
  public var namespace: String
  /// The name.
  public var name: String

  /// A key.
  public init(namespace: String = "", name: String) {
    self.namespace = namespace
    self.name = name
  }

  /// `namespace/name`, or `name`.
  public var description: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }

  public static func < (left: ObjectKey, right: ObjectKey) -> Bool {
    (left.namespace, left.name) < (right.namespace, right.name)
  }
}

extension KubeMessage {
  /// The object's namespace and name.
  public var key: ObjectKey { ObjectKey(namespace: metadata.namespace, name: metadata.name) }
}
