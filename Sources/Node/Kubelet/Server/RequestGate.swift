// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Crypto
import HTTPServing
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import Logging
import NIOHTTP1
import SwiftASN1
import SwiftProtobuf
import Synchronization
import X509

/// Who asks the kubelet's server, and whether they may.
final class RequestGate: Sendable {
  /// Who asks.
  struct User: Sendable, Hashable {
    var name: String
    var groups: [String]
    var uid: String = ""
  }

  private struct Decision {
    var isAllowed: Bool
    var expiry: ContinuousClock.Instant
  }
  private struct Session {
    var user: User?
    var expiry: ContinuousClock.Instant
  }
  private struct State {
    var decisions: [String: Decision] = [:]
    var sessions: [String: Session] = [:]
  }

  /// Upstream's cache times.
  private static let tokenLife: Duration = .seconds(120)
  private static let allowedLife: Duration = .seconds(300)
  private static let deniedLife: Duration = .seconds(30)
  private static let cacheMax: Int = 1000

  private let configuration: KubeletConfiguration
  private let client: KubeClient?
  private let logger: Logger
  private let state: Mutex<State> = Mutex(State())

  init(configuration: KubeletConfiguration, client: KubeClient?, logger: Logger) {
    self.configuration = configuration
    self.client = client
    self.logger = logger
  }

  // MARK: Who

  /// The user of a request; nil where none is known and nobody unknown is let in.
  func authenticate(_ request: HTTPRequest) async -> User? {
    // The chain was verified by the handshake.
    if configuration.clientCAFile != nil, let der: [UInt8] = request.peerCertificatesDER.first, let user: User = Self.user(der) {
      return user
    }
    if let header: String = request.headers.first(name: "authorization"), header.lowercased().hasPrefix("bearer ") {
      guard let user: User = await review(String(header.dropFirst(7))) else { return nil }
      return user
    }
    return configuration.isAnonymousAllowed ? User(name: "system:anonymous", groups: ["system:unauthenticated"]) : nil
  }

  private static func user(_ der: [UInt8]) -> User? {
    guard let certificate: Certificate = try? Certificate(derEncoded: der) else { return nil }
    var name: String = ""
    var groups: [String] = []
    for relative in certificate.subject {
      for attribute in relative {
        guard let value: String = String(attribute.value) else { continue }
        if attribute.type == .RDNAttributeType.commonName { name = value }
        if attribute.type == .RDNAttributeType.organizationName { groups.append(value) }
      }
    }
    return name.isEmpty ? nil : User(name: name, groups: groups + ["system:authenticated"])
  }

  private func review(_ token: String) async -> User? {
    guard configuration.isTokenReviewEnabled, let client else { return nil }
    // The token itself is not kept.
    let key: String = CSIVolumes.hash(token)
    if let session: Session = state.withLock({ $0.sessions[key] }), session.expiry > .now { return session.user }
    var review: AuthenticationTokenReview = AuthenticationTokenReview()
    review.spec.token = token
    do {
      let answer: AuthenticationTokenReview = try await client.create(review)
      let user: User? =
        answer.status.authenticated
        ? User(name: answer.status.user.username, groups: answer.status.user.groups, uid: answer.status.user.uid) : nil
      state.withLock { state in
        if state.sessions.count >= Self.cacheMax { state.sessions = [:] }
        state.sessions[key] = Session(user: user, expiry: .now + Self.tokenLife)
      }
      return user
    } catch {
      logger.warning("cannot review a token", metadata: ["error": "\(error)"])
      return nil
    }
  }

  // MARK: What

  /// Whether a user may do what a request asks for.
  func authorize(_ user: User, _ request: HTTPRequest, _ path: [String]) async -> Bool {
    if configuration.authorization == .alwaysAllow || user.groups.contains("system:masters") { return true }
    if path.first == "healthz", client == nil { return true }
    guard let client else { return false }
    let verb: String = Self.verb(request.method)
    let subresource: String = Self.subresource(path)
    let key: String = "\(user.name)|\(user.groups.joined(separator: ","))|\(verb)|\(subresource)"
    if let known: Decision = state.withLock({ $0.decisions[key] }), known.expiry > .now { return known.isAllowed }
    var review: AuthorizationSubjectAccessReview = AuthorizationSubjectAccessReview()
    review.spec.user = user.name
    review.spec.groups = user.groups
    review.spec.uid = user.uid
    review.spec.resourceAttributes = .with {
      $0.verb = verb
      $0.version = "v1"
      $0.resource = "nodes"
      $0.subresource = subresource
      $0.name = configuration.nodeName
    }
    do {
      let isAllowed: Bool = try await client.create(review).status.allowed
      state.withLock { state in
        if state.decisions.count >= Self.cacheMax { state.decisions = [:] }
        state.decisions[key] = Decision(
          isAllowed: isAllowed, expiry: .now + (isAllowed ? Self.allowedLife : Self.deniedLife))
      }
      return isAllowed
    } catch {
      logger.warning("cannot ask whether a request is allowed", metadata: ["error": "\(error)"])
      return false
    }
  }

  static func verb(_ method: String) -> String {
    switch method {
    case "POST": "create"
    case "PUT": "update"
    case "PATCH": "patch"
    case "DELETE": "delete"
    default: "get"
    }
  }

  static func subresource(_ path: [String]) -> String {
    switch path.first ?? "" {
    case "stats": "stats"
    case "metrics": "metrics"
    case "logs": "log"
    case "spec": "spec"
    case "healthz": "healthz"
    case "configz": "configz"
    case "pods", "runningpods": "pods"
    default: "proxy"
    }
  }
}
