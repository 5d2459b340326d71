// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIStore
import Foundation
import JSON
import KubeValues

/// Tokens with which new nodes ask for their certificate: Secrets `bootstrap-token-ID` in kube-system.
struct BootstrapTokens: Sendable {
  let secrets: ObjectStorage

  init(_ secrets: ObjectStorage) { self.secrets = secrets }

  func user(_ token: String) async -> UserInfo? {
    let parts: [Substring] = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].count == 6, parts[1].count == 16,
      let secret: JSONValue = try? await secrets.object(namespace: "kube-system", name: "bootstrap-token-\(parts[0])"),
      secret["type"].string == "bootstrap.kubernetes.io/token", !secret.isBeingDeleted
    else { return nil }
    func value(_ key: String) -> String {
      guard let data: Data = Data(base64Encoded: secret["data"][key].string ?? "") else { return "" }
      return String(decoding: data, as: UTF8.self)
    }
    guard value("token-id") == parts[0], Self.equal(value("token-secret"), String(parts[1])),
      value("usage-bootstrap-authentication") == "true"
    else { return nil }
    let expiry: String = value("expiration")
    if !expiry.isEmpty {
      guard let time: Timestamp = try? Timestamp(parsing: expiry), time > .now else { return nil }
    }
    let groups: [String] = value("auth-extra-groups").split(separator: ",").map(String.init)
    return UserInfo(name: "system:bootstrap:\(parts[0])", groups: ["system:bootstrappers"] + groups)
  }

  /// Compares in the same time wherever the texts differ.
  private static func equal(_ left: String, _ right: String) -> Bool {
    let left: [UInt8] = Array(left.utf8)
    let right: [UInt8] = Array(right.utf8)
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }
}
