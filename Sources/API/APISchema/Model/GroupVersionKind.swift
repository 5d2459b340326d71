// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A kind of an API group, without the version; prints as `Deployment.apps`.
public struct GroupKind: Sendable, Hashable, CustomStringConvertible {
  /// The API group; empty for the core group.
  public var group: String
  /// The kind, such as `Deployment`.
  public var kind: String

  /// A kind of a group.
  public init(_ group: String, _ kind: String) {
    self.group = group
    self.kind = kind
  }

  public var description: String { group.isEmpty ? kind : "\(kind).\(group)" }
}

/// A resource of an API group, without the version; prints as `deployments.apps`.
public struct GroupResource: Sendable, Hashable, CustomStringConvertible {
  /// The API group; empty for the core group.
  public var group: String
  /// The plural name, such as `deployments`; with a subresource `pods/status`.
  public var resource: String

  /// A resource of a group.
  public init(_ group: String, _ resource: String) {
    self.group = group
    self.resource = resource
  }

  public var description: String { group.isEmpty ? resource : "\(resource).\(group)" }
}

/// A version of an API group; prints as `apps/v1`.
public struct GroupVersion: Sendable, Hashable, CustomStringConvertible {
  /// The API group; empty for the core group.
  public var group: String
  /// The version, such as `v1`.
  public var version: String

  /// A version of a group.
  public init(_ group: String, _ version: String) {
    self.group = group
    self.version = version
  }

  /// From an `apiVersion`; nil where it has more than one slash.
  public init?(apiVersion: String) {
    let parts: [Substring] = apiVersion.split(separator: "/", omittingEmptySubsequences: false)
    switch parts.count {
    case 1: self.init("", apiVersion)
    case 2: self.init(String(parts[0]), String(parts[1]))
    default: return nil
    }
  }

  /// As in `apiVersion`: `v1`, `apps/v1`.
  public var description: String { group.isEmpty ? version : "\(group)/\(version)" }
}

/// The full name of a kind; prints as upstream does: `apps/v1, Kind=Deployment`.
public struct GroupVersionKind: Sendable, Hashable, CustomStringConvertible {
  /// The API group; empty for the core group.
  public var group: String
  /// The version, such as `v1`.
  public var version: String
  /// The kind, such as `Deployment`.
  public var kind: String

  /// A kind of a group's version.
  public init(_ group: String, _ version: String, _ kind: String) {
    self.group = group
    self.version = version
    self.kind = kind
  }

  /// Group and version.
  public var groupVersion: GroupVersion { GroupVersion(group, version) }
  /// Group and kind.
  public var groupKind: GroupKind { GroupKind(group, kind) }
  /// As in an object: `v1`, `apps/v1`.
  public var apiVersion: String { groupVersion.description }

  public var description: String { "\(group)/\(version), Kind=\(kind)" }
}
