// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import HTTPServing
import NIOHTTP1

/// A request for a group-version of another API server: passed on with the caller's name, and answered with what that
/// server answers.
struct AggregatedRequest: Sendable {
  let resolver: ServiceResolver
  let entry: APIServiceEntry

  func run(_ call: APICall, path: String? = nil) async throws {
    guard entry.isAvailable, let service: APIServiceEntry.Service = entry.service else {
      return try await Self.refuse(call, .serviceUnavailable, "service unavailable")
    }
    let tls: HTTPClientTLS
    switch entry.tls {
    case .success(let usable): tls = usable
    case .failure(let error): return try await Self.refuse(call, .internalServerError, "\(error)")
    case nil: return try await Self.refuse(call, .notFound, "")
    }
    let address: HTTPAddress
    do { address = try await resolver.address(service) } catch {
      return try await Self.refuse(call, .serviceUnavailable, "service unavailable")
    }
    var passing: PassThrough = PassThrough(
      target: ProxyTarget(address: address, tls: tls, hostHeader: address.description), path: path ?? call.request.target)
    passing.identity = RemoteIdentity.headers(call.user)
    passing.refusesRedirects = true
    do { try await passing.run(call) } catch let error as StatusError {
      guard !call.response.hasBegun else { throw error }
      try await Self.refuse(call, .serviceUnavailable, error.message)
    }
  }

  /// Answers in plain words, as the other server's clients get them from upstream.
  private static func refuse(_ call: APICall, _ status: HTTPResponseStatus, _ text: String) async throws {
    var headers: HTTPHeaders = call.headers(contentType: "text/plain; charset=utf-8")
    headers.add(name: "x-content-type-options", value: "nosniff")
    try await call.response.send(status: status, headers: headers, body: Array((text + "\n").utf8))
  }
}

/// The headers by which a front proxy says for whom it asks.
enum RemoteIdentity {
  private static let names: Set<String> = ["x-remote-user", "x-remote-uid", "x-remote-group"]
  private static let extraPrefix: String = "x-remote-extra-"

  /// Whether only a front proxy may set a header (in lower case).
  static func owns(_ name: String) -> Bool { names.contains(name) || name.hasPrefix(extraPrefix) }

  static func headers(_ user: UserInfo) -> HTTPHeaders {
    var headers: HTTPHeaders = ["X-Remote-User": user.name]
    if !user.uid.isEmpty { headers.add(name: "X-Remote-Uid", value: user.uid) }
    for group: String in user.groups { headers.add(name: "X-Remote-Group", value: group) }
    for key: String in user.extra.keys.sorted() {
      for value: String in user.extra[key] ?? [] {
        headers.add(name: "X-Remote-Extra-" + PercentCoding.encode(key, keeping: "!#$&'*+^`|"), value: value)
      }
    }
    return headers
  }

  /// This server itself, when it asks on its own account.
  static let aggregator: UserInfo = UserInfo(name: "system:kube-aggregator", groups: [UserInfo.mastersGroup])
}
