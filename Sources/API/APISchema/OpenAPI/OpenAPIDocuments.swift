// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// A resource as the OpenAPI documents need it.
public struct OpenAPIResource: Sendable {
  /// The plural name, such as `pods`.
  public var plural: String
  /// The kind of the object.
  public var kind: GroupVersionKind
  public var isNamespaced: Bool
  /// create, delete, deletecollection, get, list, patch, update, watch.
  public var verbs: [String]
  /// The subresource (`status`), or empty.
  public var subresource: String

  /// A resource of a group-version.
  public init(plural: String, kind: GroupVersionKind, isNamespaced: Bool, verbs: [String], subresource: String = "") {
    self.plural = plural
    self.kind = kind
    self.isNamespaced = isNamespaced
    self.verbs = verbs
    self.subresource = subresource
  }
}

/// Makes the OpenAPI documents of the server.
public struct OpenAPIDocuments: Sendable {
  /// The version in `info`, such as `v1.36.2`.
  public var version: String

  /// Documents of a server of this version.
  public init(version: String) { self.version = version }

  /// The OpenAPI v3 document of a group-version.
  public func v3(_ groupVersion: GroupVersion, resources: [OpenAPIResource], custom: [KindSchema]) -> JSONValue { .null }

  /// The OpenAPI v2 document of the whole server.
  public func v2(resources: [(GroupVersion, [OpenAPIResource])], custom: [KindSchema]) -> JSONValue { .null }
}
