// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Who makes a request.
public struct UserInfo: Sendable, Hashable {
  /// The user's name.
  public var name: String
  /// An identifier that changes when the name is given to somebody else.
  public var uid: String
  /// The groups that the user is in.
  public var groups: [String]
  /// Further facts, such as the pod of a service account's token.
  public var extra: [String: [String]]

  /// A user.
  public init(name: String, uid: String = "", groups: [String] = [], extra: [String: [String]] = [:]) {
    self.name = name
    self.uid = uid
    self.groups = groups
    self.extra = extra
  }

  /// Who gives no credentials.
  static let anonymous: UserInfo = UserInfo(name: "system:anonymous", groups: ["system:unauthenticated"])
  /// The server itself.
  static let apiServer: UserInfo = UserInfo(name: "system:apiserver", groups: ["system:masters", "system:authenticated"])

  static let mastersGroup: String = "system:masters"
  static let authenticatedGroup: String = "system:authenticated"

  var isMaster: Bool { groups.contains(Self.mastersGroup) }

  /// The `authentication.k8s.io` `UserInfo`.
  var json: JSONValue {
    var value: JSONValue = ["username": .string(name)]
    if !uid.isEmpty { value["uid"] = .string(uid) }
    if !groups.isEmpty { value["groups"] = JSONValue(groups) }
    if !extra.isEmpty {
      var members: JSONObject = JSONObject()
      for key: String in extra.keys.sorted() { members[key] = JSONValue(extra[key] ?? []) }
      value["extra"] = .object(members)
    }
    return value
  }

  /// The node that the user is, when it is one.
  var nodeName: String? {
    guard groups.contains("system:nodes"), name.hasPrefix("system:node:") else { return nil }
    return String(name.dropFirst("system:node:".count))
  }

  /// The namespace and name of the service account that the user is, when it is one.
  var serviceAccount: (namespace: String, name: String)? {
    guard name.hasPrefix("system:serviceaccount:") else { return nil }
    let parts: [Substring] = name.dropFirst("system:serviceaccount:".count).split(
      separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    return (String(parts[0]), String(parts[1]))
  }
}
