// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// A failure that a client of the API gets: a `metav1.Status` with its HTTP code.
///
/// The constructors have upstream's wording (k8s.io/apimachinery/pkg/api/errors).
public struct StatusError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The HTTP status code.
  public var code: Int
  /// The machine-readable reason, such as `NotFound`; may be empty.
  public var reason: String
  /// What the user reads.
  public var message: String
  /// `metav1.StatusDetails`, or null.
  public var details: JSONValue
  /// Seconds after which the client may try again (also the Retry-After header).
  public var retryAfterSeconds: Int?
  /// Warnings that go with the answer, beside those that the request gathered.
  public var warnings: [String] = []
  /// With what a list can go on whose own token is too old; empty where it cannot.
  public var continueToken: String = ""

  /// A failure from its parts.
  public init(code: Int, reason: String, message: String, details: JSONValue = .null, retryAfterSeconds: Int? = nil) {
    self.code = code
    self.reason = reason
    self.message = message
    self.details = details
    self.retryAfterSeconds = retryAfterSeconds
  }

  public var description: String { message }

  /// The `v1` `Status` object.
  public var status: JSONValue {
    var members: JSONObject = JSONObject()
    members["kind"] = "Status"
    members["apiVersion"] = "v1"
    members["metadata"] = continueToken.isEmpty ? .object(JSONObject()) : ["continue": .string(continueToken)]
    members["status"] = "Failure"
    if !message.isEmpty { members["message"] = .string(message) }
    if !reason.isEmpty { members["reason"] = .string(reason) }
    var details: JSONValue = details
    if let retryAfterSeconds { details["retryAfterSeconds"] = .int(Int64(retryAfterSeconds)) }
    if !details.isNull { members["details"] = details }
    members["code"] = .int(Int64(code))
    return .object(members)
  }

  /// Details that name an object: `name`, `group`, `kind`, each only when not empty.
  public static func details(name: String = "", group: String = "", kind: String = "", uid: String = "") -> JSONValue {
    var members: JSONObject = JSONObject()
    if !name.isEmpty { members["name"] = .string(name) }
    if !group.isEmpty { members["group"] = .string(group) }
    if !kind.isEmpty { members["kind"] = .string(kind) }
    if !uid.isEmpty { members["uid"] = .string(uid) }
    return .object(members)
  }
}

extension StatusError {
  /// 400.
  public static func badRequest(_ message: String) -> StatusError {
    StatusError(code: 400, reason: "BadRequest", message: message)
  }

  /// 404: `pods "x" not found`.
  public static func notFound(_ resource: GroupResource, _ name: String) -> StatusError {
    StatusError(
      code: 404, reason: "NotFound", message: "\(resource) \(name.goQuoted) not found",
      details: details(name: name, group: resource.group, kind: resource.resource))
  }

  /// 409: `pods "x" already exists`.
  public static func alreadyExists(_ resource: GroupResource, _ name: String) -> StatusError {
    StatusError(
      code: 409, reason: "AlreadyExists", message: "\(resource) \(name.goQuoted) already exists",
      details: details(name: name, group: resource.group, kind: resource.resource))
  }

  /// 409: `Operation cannot be fulfilled on pods "x": why`.
  public static func conflict(_ resource: GroupResource, _ name: String, _ why: String) -> StatusError {
    StatusError(
      code: 409, reason: "Conflict", message: "Operation cannot be fulfilled on \(resource) \(name.goQuoted): \(why)",
      details: details(name: name, group: resource.group, kind: resource.resource))
  }

  /// 403: `pods "x" is forbidden: why`.
  public static func forbidden(_ resource: GroupResource, _ name: String, _ why: String) -> StatusError {
    let message: String
    if resource.resource.isEmpty {
      message = "forbidden: \(why)"
    } else if name.isEmpty {
      message = "\(resource) is forbidden: \(why)"
    } else {
      message = "\(resource) \(name.goQuoted) is forbidden: \(why)"
    }
    return StatusError(
      code: 403, reason: "Forbidden", message: message,
      details: details(name: name, group: resource.group, kind: resource.resource))
  }

  /// 422: `Pod "x" is invalid: [...]` with a cause an error.
  public static func invalid(_ kind: GroupKind, _ name: String, _ errors: [FieldError]) -> StatusError {
    var details: JSONValue = details(name: name, group: kind.group, kind: kind.kind)
    if !errors.isEmpty { details["causes"] = .array(errors.map(\.cause)) }
    var message: String = "\(kind) \(name.goQuoted) is invalid"
    if !errors.isEmpty { message += ": " + errors.aggregateMessage }
    return StatusError(code: 422, reason: "Invalid", message: message, details: details)
  }

  /// 500.
  public static func internalError(_ message: String) -> StatusError {
    StatusError(
      code: 500, reason: "InternalError", message: "Internal error occurred: \(message)",
      details: ["causes": [["message": .string(message)]]])
  }

  /// 405.
  public static func methodNotSupported(_ resource: GroupResource, _ action: String) -> StatusError {
    StatusError(
      code: 405, reason: "MethodNotAllowed", message: "\(action) is not supported on resources of kind \"\(resource)\"",
      details: details(group: resource.group, kind: resource.resource))
  }

  /// 401.
  public static func unauthorized(_ message: String = "not authorized") -> StatusError {
    StatusError(code: 401, reason: "Unauthorized", message: message.isEmpty ? "not authorized" : message)
  }

  /// 410: a resource version or continue token is too old.
  public static func expired(_ message: String) -> StatusError {
    StatusError(code: 410, reason: "Expired", message: message)
  }

  /// 409: server-side apply met fields of other managers; `causes` are `FieldManagerConflict`s.
  public static func applyConflict(_ causes: [JSONValue], _ message: String) -> StatusError {
    StatusError(code: 409, reason: "Conflict", message: message, details: ["causes": .array(causes)])
  }
}
