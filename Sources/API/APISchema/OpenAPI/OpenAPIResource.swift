// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A resource or subresource as the OpenAPI documents need it.
public struct OpenAPIResource: Sendable {
  /// The plural name, such as `pods`.
  public var plural: String
  /// The kind of the object that travels; of a subresource perhaps another than the resource's (`autoscaling/v1` `Scale`).
  public var kind: GroupVersionKind
  /// The kind of the resource itself, after which operations are named.
  public var resourceKind: String
  /// Lives in a namespace.
  public var isNamespaced: Bool
  /// create, delete, deletecollection, get, list, patch, update, watch.
  public var verbs: [String]
  /// The subresource (`status`), or empty.
  public var subresource: String

  /// A resource of a group-version.
  public init(
    plural: String, kind: GroupVersionKind, resourceKind: String? = nil, isNamespaced: Bool, verbs: [String],
    subresource: String = ""
  ) {
    self.plural = plural
    self.kind = kind
    self.resourceKind = resourceKind ?? kind.kind
    self.isNamespaced = isNamespaced
    self.verbs = verbs
    self.subresource = subresource
  }
}
