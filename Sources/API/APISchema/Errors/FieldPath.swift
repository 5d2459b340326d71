// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The place of a value in an object, written as Kubernetes writes it: `spec.containers[0].name`,
/// `metadata.labels[app]`.
public struct FieldPath: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
  /// The path as text; `<nil>` names the object itself, as upstream prints it.
  public let description: String

  /// A path that begins with the given members.
  public init(_ first: String, _ more: String...) {
    description = more.isEmpty ? first : first + "." + more.joined(separator: ".")
  }

  /// A path from its text.
  public init(stringLiteral value: String) { description = value }

  /// The object itself.
  public static let root: FieldPath = FieldPath("<nil>")

  /// Whether this names the object itself.
  public var isRoot: Bool { description.isEmpty || description == "<nil>" }

  /// The path of a member (of a member ...).
  public func child(_ names: String...) -> FieldPath {
    var text: String = isRoot ? "" : description
    for name: String in names { text = text.isEmpty ? name : text + "." + name }
    return FieldPath(text)
  }

  /// The path of an item of a list.
  public func index(_ index: Int) -> FieldPath { FieldPath((isRoot ? "" : description) + "[\(index)]") }

  /// The path of a value in a map.
  public func key(_ key: String) -> FieldPath { FieldPath((isRoot ? "" : description) + "[\(key)]") }
}
