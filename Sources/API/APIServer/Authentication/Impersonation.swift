// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import HTTPServing
import NIOHTTP1

/// Acting as somebody else: the Impersonate headers.
enum Impersonation {
  /// - Throws: 403 where the caller may not, 500 where the headers make no sense (as upstream).
  static func user(_ headers: HTTPHeaders, by caller: UserInfo, authorizer: AuthorizerChain) async throws -> UserInfo {
    let name: String = headers.first(name: "impersonate-user") ?? ""
    var groups: [String] = headers["impersonate-group"]
    let uid: String = headers.first(name: "impersonate-uid") ?? ""
    var extra: [String: [String]] = [:]
    for (header, value) in headers where header.lowercased().hasPrefix("impersonate-extra-") {
      let key: String = PercentCoding.decode(header.dropFirst("impersonate-extra-".count), plusIsSpace: false).lowercased()
      extra[key, default: []].append(value)
    }
    guard !name.isEmpty else {
      throw StatusError.internalError(
        "requested impersonation of groups or extra without impersonating a user")
    }
    var account: (namespace: String, name: String)?
    if name.hasPrefix("system:serviceaccount:") { account = UserInfo(name: name).serviceAccount }
    if let account {
      try await check(caller, authorizer, group: "", "serviceaccounts", account.name, namespace: account.namespace)
    } else {
      try await check(caller, authorizer, group: "", "users", name)
    }
    for group: String in groups { try await check(caller, authorizer, group: "", "groups", group) }
    if !uid.isEmpty { try await check(caller, authorizer, group: "authentication.k8s.io", "uids", uid) }
    for (key, values) in extra {
      for value: String in values {
        try await check(caller, authorizer, group: "authentication.k8s.io", "userextras/\(key)", value)
      }
    }
    if groups.isEmpty, let account {
      groups = ["system:serviceaccounts", "system:serviceaccounts:\(account.namespace)"]
    }
    if name != UserInfo.anonymous.name {
      if !groups.contains(UserInfo.authenticatedGroup), !groups.contains("system:unauthenticated") {
        groups.append(UserInfo.authenticatedGroup)
      }
    } else if !groups.contains("system:unauthenticated") {
      groups.append("system:unauthenticated")
    }
    return UserInfo(name: name, uid: uid, groups: groups, extra: extra)
  }

  private static func check(
    _ caller: UserInfo, _ authorizer: AuthorizerChain, group: String, _ resource: String, _ name: String,
    namespace: String = ""
  ) async throws {
    try await authorizer.require(
      AuthorizationAttributes(
        user: caller, verb: "impersonate", group: group, resource: resource, namespace: namespace, name: name))
  }
}
