// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Foundation
import HTTPServing
import NIOHTTP1

/// Says who makes a request: client certificate, front proxy, bearer token, or nobody.
struct Authenticator: Sendable {
  let certificates: ClientCertificates
  private let requestHeader: RequestHeaderConfiguration?
  let staticTokens: StaticTokens
  let serviceAccounts: ServiceAccountTokens
  private let bootstrapTokens: BootstrapTokens?
  private let allowsAnonymous: Bool

  init(_ configuration: APIServerConfiguration, tokens: ServiceAccountTokens, registry: ResourceRegistry) throws {
    certificates = try ClientCertificates(
      clientCA: configuration.clientCA, requestHeaderCA: configuration.requestHeader?.clientCA)
    requestHeader = configuration.requestHeader
    staticTokens = try StaticTokens(file: configuration.tokenFile)
    serviceAccounts = tokens
    bootstrapTokens =
      configuration.allowsBootstrapTokens ? registry.storage("", "secrets").map(BootstrapTokens.init) : nil
    allowsAnonymous = configuration.allowsAnonymous
  }

  /// - Throws: 401.
  func authenticate(_ request: HTTPRequest) async throws -> UserInfo {
    let isShowingCertificate: Bool = !request.peerCertificatesDER.isEmpty
    if isShowingCertificate, let certificate = await certificates.read(request.peerCertificatesDER) {
      if certificate.isFrontProxy, let user: UserInfo = fromHeaders(request.headers, certificate) { return user }
      if certificate.isClient, let user: UserInfo = certificate.user { return Self.authenticated(user) }
    }
    if let token: String = bearerToken(request.headers) {
      guard let user: UserInfo = await user(token: token) else { throw StatusError.unauthorized("Unauthorized") }
      return Self.authenticated(user)
    }
    // Who shows a certificate that does not hold wants to be somebody, and not nobody.
    guard allowsAnonymous, !isShowingCertificate else { throw StatusError.unauthorized("Unauthorized") }
    return .anonymous
  }

  /// Who a bearer token stands for.
  func user(token: String) async -> UserInfo? {
    if let user: UserInfo = staticTokens.user(token) { return user }
    if let user: UserInfo = await serviceAccounts.user(token) { return user }
    return await bootstrapTokens?.user(token)
  }

  private func bearerToken(_ headers: HTTPHeaders) -> String? {
    guard let value: String = headers.first(name: "authorization") else { return nil }
    let parts: [Substring] = value.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
    return parts[1].trimmingCharacters(in: .whitespaces)
  }

  private func fromHeaders(_ headers: HTTPHeaders, _ certificate: ClientCertificates.Known) -> UserInfo? {
    guard let requestHeader else { return nil }
    let allowed: [String] = requestHeader.allowedNames
    guard allowed.isEmpty || allowed.contains(certificate.commonName),
      let name: String = requestHeader.usernameHeaders.lazy.compactMap({ headers.first(name: $0) }).first
    else { return nil }
    let uid: String = requestHeader.uidHeaders.lazy.compactMap({ headers.first(name: $0) }).first ?? ""
    let groups: [String] = requestHeader.groupHeaders.flatMap { headers[$0] }
    var extra: [String: [String]] = [:]
    for (header, value) in headers {
      for prefix: String in requestHeader.extraPrefixes where header.lowercased().hasPrefix(prefix.lowercased()) {
        let key: String = PercentCoding.decode(header.dropFirst(prefix.count), plusIsSpace: false).lowercased()
        extra[key, default: []].append(value)
      }
    }
    return Self.authenticated(UserInfo(name: name, uid: uid, groups: groups, extra: extra))
  }

  private static func authenticated(_ user: UserInfo) -> UserInfo {
    guard user.name != UserInfo.anonymous.name, !user.groups.contains(UserInfo.authenticatedGroup) else { return user }
    var user: UserInfo = user
    user.groups.append(UserInfo.authenticatedGroup)
    return user
  }
}

/// Tokens of a file: `token,user,uid,"group1,group2"` a line.
struct StaticTokens: Sendable {
  private var users: [String: UserInfo] = [:]

  init(file: String?) throws {
    guard let file else { return }
    guard let text: String = try? String(contentsOfFile: file, encoding: .utf8) else {
      throw APIServerError(.invalidConfiguration, "--token-auth-file: cannot read \(file)")
    }
    for line: Substring in text.split(whereSeparator: \.isNewline) {
      let fields: [String] = Self.fields(line)
      guard fields.count >= 3 else {
        throw APIServerError(.invalidConfiguration, "--token-auth-file: a line needs token, user and uid, found \"\(line.prefix(20))\"")
      }
      let groups: [String] = fields.count > 3 ? fields[3].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } : []
      users[fields[0]] = UserInfo(name: fields[1], uid: fields[2], groups: groups)
    }
  }

  private static func fields(_ line: Substring) -> [String] {
    var fields: [String] = [""]
    var isQuoted: Bool = false
    for character: Character in line {
      if character == "\"" {
        isQuoted.toggle()
      } else if character == ",", !isQuoted {
        fields.append("")
      } else {
        fields[fields.count - 1].append(character)
      }
    }
    return fields.map { $0.trimmingCharacters(in: .whitespaces) }
  }

  func user(_ token: String) -> UserInfo? { users[token] }
}
