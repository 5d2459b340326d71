// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// What a list or a watch selects, and from where it reads.
public struct ListOptions: Sendable, Hashable {
  /// A label selector's text.
  public var labelSelector: String = ""
  /// A field selector's text.
  public var fieldSelector: String = ""
  /// Empty: the newest; "0": whatever the server has; else at least, or from, this version.
  public var resourceVersion: String = ""
  /// How `resourceVersion` is meant: `NotOlderThan`, `Exact` or nothing.
  public var resourceVersionMatch: String = ""
  /// The largest number of items of one answer; 0 means all.
  public var limit: Int = 0
  /// Where a limited list goes on.
  public var continueToken: String = ""
  /// After how many seconds the server ends a watch; 0 leaves it to the server.
  public var timeoutSeconds: Int = 0

  /// Everything, from the newest.
  public init(labelSelector: String = "", fieldSelector: String = "", resourceVersion: String = "", limit: Int = 0) {
    self.labelSelector = labelSelector
    self.fieldSelector = fieldSelector
    self.resourceVersion = resourceVersion
    self.limit = limit
  }

  var query: [(String, String)] {
    var query: [(String, String)] = []
    if !labelSelector.isEmpty { query.append(("labelSelector", labelSelector)) }
    if !fieldSelector.isEmpty { query.append(("fieldSelector", fieldSelector)) }
    if !resourceVersion.isEmpty { query.append(("resourceVersion", resourceVersion)) }
    if !resourceVersionMatch.isEmpty { query.append(("resourceVersionMatch", resourceVersionMatch)) }
    if limit > 0 { query.append(("limit", String(limit))) }
    if !continueToken.isEmpty { query.append(("continue", continueToken)) }
    if timeoutSeconds > 0 { query.append(("timeoutSeconds", String(timeoutSeconds))) }
    return query
  }
}

/// How an object is deleted.
public struct DeleteOptions: Sendable, Hashable {
  /// What happens to what the object owns.
  public enum Propagation: String, Sendable, Hashable {
    case background = "Background"
    case foreground = "Foreground"
    case orphan = "Orphan"
  }

  /// How long a pod may take to end; nil leaves it to the object.
  public var gracePeriodSeconds: Int64?
  /// What happens to what the object owns; nil leaves it to the kind.
  public var propagation: Propagation?
  /// The deletion is refused if the object has another UID.
  public var uid: String?
  /// The deletion is refused if the object has another version.
  public var resourceVersion: String?

  /// A deletion.
  public init(
    gracePeriodSeconds: Int64? = nil, propagation: Propagation? = nil, uid: String? = nil,
    resourceVersion: String? = nil
  ) {
    self.gracePeriodSeconds = gracePeriodSeconds
    self.propagation = propagation
    self.uid = uid
    self.resourceVersion = resourceVersion
  }

  /// The `DeleteOptions` document.
  var document: JSONValue {
    var document: JSONValue = ["kind": "DeleteOptions", "apiVersion": "v1"]
    if let gracePeriodSeconds { document["gracePeriodSeconds"] = .int(gracePeriodSeconds) }
    if let propagation { document["propagationPolicy"] = .string(propagation.rawValue) }
    if let uid { document["preconditions"]["uid"] = .string(uid) }
    if let resourceVersion { document["preconditions"]["resourceVersion"] = .string(resourceVersion) }
    return document
  }
}

/// A patch of one of the four types.
public enum Patch: Sendable, Hashable {
  /// RFC 6902: an array of operations.
  case json(JSONValue)
  /// RFC 7386: null removes.
  case merge(JSONValue)
  /// Kubernetes' own: lists are merged by their keys.
  case strategic(JSONValue)
  /// Server-side apply; the document must have apiVersion and kind.
  case apply(JSONValue, fieldManager: String, force: Bool)

  var contentType: String {
    switch self {
    case .json: "application/json-patch+json"
    case .merge: "application/merge-patch+json"
    case .strategic: "application/strategic-merge-patch+json"
    case .apply: "application/apply-patch+yaml"
    }
  }

  var body: [UInt8] {
    switch self {
    case .json(let value), .merge(let value), .strategic(let value), .apply(let value, _, _): value.bytes
    }
  }

  var query: [(String, String)] {
    guard case .apply(_, let manager, let force) = self else { return [] }
    return [("fieldManager", manager)] + (force ? [("force", "true")] : [])
  }
}

/// A list's answer.
public struct ObjectList<Object: Sendable>: Sendable {
  /// The objects.
  public var items: [Object]
  /// The version of the list; a watch from it misses nothing.
  public var resourceVersion: String
  /// Where the list goes on, if it was limited.
  public var continueToken: String
}
