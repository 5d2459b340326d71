// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// Keeps `metadata.managedFields`: who owns which field of an object, through creates, updates, patches
/// and server-side apply.
public struct FieldManager: Sendable {
  /// The kind that the request speaks.
  public let kind: KindSchema
  /// The subresource that the request writes; empty for the object itself.
  public let subresource: String
  /// Fields that this endpoint does not write, as paths of names (`["status"]`); nobody comes to own them here.
  public let resetFields: [[String]]

  /// A field manager of an endpoint.
  public init(kind: KindSchema, subresource: String = "", resetFields: [[String]] = []) {
    self.kind = kind
    self.subresource = subresource
    self.resetFields = resetFields
  }

  /// The object with `managedFields` brought up to date after a create, update or patch.
  ///
  /// - Parameters:
  ///   - live: the stored object; null for a create.
  ///   - object: the new object, defaults applied.
  ///   - manager: the fieldManager parameter, or the user agent up to its first `/`.
  ///   - time: RFC 3339, now.
  public func updated(live: JSONValue, object: JSONValue, manager: String, time: String) -> JSONValue { object }

  /// The object after a server-side apply of `configuration`, `managedFields` up to date.
  ///
  /// - Parameters:
  ///   - live: the stored object; null where it is created.
  ///   - force: take the fields that others own.
  /// - Throws: 409 with a cause a conflict, 400 or 422 where the configuration does not fit the schema.
  public func applied(
    live: JSONValue, configuration: JSONValue, manager: String, force: Bool, time: String
  ) throws(StatusError) -> JSONValue { configuration }
}
