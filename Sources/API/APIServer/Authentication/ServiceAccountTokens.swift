// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import Crypto
import Foundation
import JSON
import SwiftASN1
import Synchronization
import X509
import _CryptoExtras

/// Signs and verifies the tokens of service accounts (JSON Web Tokens, RS256 and ES256).
final class ServiceAccountTokens: Sendable {
  private enum PublicKey: Sendable {
    case rsa(_RSA.Signing.PublicKey)
    case p256(P256.Signing.PublicKey)
  }

  private enum PrivateKey: Sendable {
    case rsa(_RSA.Signing.PrivateKey)
    case p256(P256.Signing.PrivateKey)
  }

  /// A token is read anew after so many others, so that the memory for verified ones is bounded.
  private static let verifiedLimit: Int = 10_000

  let issuers: [String]
  let audiences: [String]
  private let keys: [(id: String, key: PublicKey)]
  private let signingKey: PrivateKey?
  private let signingKeyID: String
  private let registry: ResourceRegistry
  private let verified: Mutex<[String: JSONValue]> = Mutex([:])

  init(_ configuration: APIServerConfiguration, registry: ResourceRegistry) throws {
    issuers = configuration.serviceAccountIssuers
    audiences = configuration.apiAudiences.isEmpty ? configuration.serviceAccountIssuers : configuration.apiAudiences
    self.registry = registry
    var keys: [(id: String, key: PublicKey)] = []
    for pem: String in configuration.serviceAccountKeys { keys += try Self.publicKeys(pem) }
    if let pem: String = configuration.serviceAccountSigningKey {
      let key: PrivateKey = try Self.privateKey(pem)
      signingKey = key
      let own: PublicKey = Self.publicKey(of: key)
      signingKeyID = Self.identifier(own)
      if !keys.contains(where: { $0.id == Self.identifier(own) }) { keys.append((Self.identifier(own), own)) }
    } else {
      signingKey = nil
      signingKeyID = ""
    }
    self.keys = keys
  }

  // MARK: keys

  private static func privateKey(_ pem: String) throws -> PrivateKey {
    if let key: _RSA.Signing.PrivateKey = try? _RSA.Signing.PrivateKey(pemRepresentation: pem) { return .rsa(key) }
    if let key: P256.Signing.PrivateKey = try? P256.Signing.PrivateKey(pemRepresentation: pem) { return .p256(key) }
    throw APIServerError(.invalidConfiguration, "--service-account-signing-key-file: no RSA or P-256 private key in it")
  }

  private static func publicKeys(_ pem: String) throws -> [(id: String, key: PublicKey)] {
    let documents: [PEMDocument] = (try? PEMDocument.parseMultiple(pemString: pem)) ?? []
    let found: [PublicKey] = documents.compactMap { document in
      let text: String = document.pemString
      if let key: _RSA.Signing.PublicKey = try? _RSA.Signing.PublicKey(pemRepresentation: text) { return .rsa(key) }
      if let key: P256.Signing.PublicKey = try? P256.Signing.PublicKey(pemRepresentation: text) { return .p256(key) }
      if let key: PrivateKey = try? privateKey(text) { return publicKey(of: key) }
      if let certificate: Certificate = try? Certificate(pemEncoded: text),
        let pem: String = try? certificate.publicKey.serializeAsPEM().pemString
      {
        return (try? publicKeys(pem))?.first?.key
      }
      return nil
    }
    guard !found.isEmpty else {
      throw APIServerError(.invalidConfiguration, "--service-account-key-file: no RSA or P-256 key in it")
    }
    return found.map { (identifier($0), $0) }
  }

  private static func publicKey(of key: PrivateKey) -> PublicKey {
    switch key {
    case .rsa(let key): .rsa(key.publicKey)
    case .p256(let key): .p256(key.publicKey)
    }
  }

  /// As upstream: the hash of the public key's DER form.
  private static func identifier(_ key: PublicKey) -> String {
    let der: Data =
      switch key {
      case .rsa(let key): (try? PEMDocument(pemString: key.pemRepresentation)).map { Data($0.derBytes) } ?? key.derRepresentation
      case .p256(let key): key.derRepresentation
      }
    return Base64URL.encode(SHA256.hash(data: der))
  }

  // MARK: tokens

  /// A token with these claims.
  func sign(_ claims: JSONValue) throws(StatusError) -> String {
    guard let signingKey else { throw .notFound(GroupResource("", "serviceaccounts"), "token") }
    do {
      let algorithm: String = if case .rsa = signingKey { "RS256" } else { "ES256" }
      let header: JSONValue = ["alg": .string(algorithm), "kid": .string(signingKeyID)]
      let text: String = Base64URL.encode(header.bytes) + "." + Base64URL.encode(claims.bytes)
      let data: Data = Data(text.utf8)
      switch signingKey {
      case .rsa(let key):
        return text + "." + Base64URL.encode(try key.signature(for: data, padding: .insecurePKCS1v1_5).rawRepresentation)
      case .p256(let key): return text + "." + Base64URL.encode(try key.signature(for: data).rawRepresentation)
      }
    } catch { throw .internalError("cannot sign a token: \(error)") }
  }

  /// The claims of a token with a good signature, whatever they say.
  func claims(_ token: String) -> JSONValue? {
    if let known: JSONValue = verified.withLock({ $0[token] }) { return known }
    let parts: [Substring] = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let headerBytes: [UInt8] = Base64URL.decode(parts[0]),
      let header: JSONValue = try? JSONValue(parsing: headerBytes), let payload: [UInt8] = Base64URL.decode(parts[1]),
      let claims: JSONValue = try? JSONValue(parsing: payload), let signature: [UInt8] = Base64URL.decode(parts[2])
    else { return nil }
    let signed: Data = Data("\(parts[0]).\(parts[1])".utf8)
    let wanted: String = header["kid"].string ?? ""
    let algorithm: String = header["alg"].string ?? ""
    let candidates: [(id: String, key: PublicKey)] = wanted.isEmpty ? keys : keys.filter { $0.id == wanted }
    guard candidates.contains(where: { Self.verify($0.key, algorithm, signed, signature) }) else { return nil }
    verified.withLock { verified in
      if verified.count >= Self.verifiedLimit { verified.removeAll() }
      verified[token] = claims
    }
    return claims
  }

  private static func verify(_ key: PublicKey, _ algorithm: String, _ signed: Data, _ signature: [UInt8]) -> Bool {
    switch key {
    case .rsa(let key):
      return algorithm == "RS256"
        && key.isValidSignature(
          _RSA.Signing.RSASignature(rawRepresentation: Data(signature)), for: signed, padding: .insecurePKCS1v1_5)
    case .p256(let key):
      guard algorithm == "ES256", let signature = try? P256.Signing.ECDSASignature(rawRepresentation: Data(signature)) else {
        return false
      }
      return key.isValidSignature(signature, for: signed)
    }
  }

  /// Who a token stands for, when it is one of this cluster's that is still good.
  ///
  /// - Parameter audiences: The audiences asked for; those of this server when empty.
  func user(_ token: String, audiences wanted: [String] = []) async -> UserInfo? {
    guard let claims: JSONValue = claims(token), let issuer: String = claims["iss"].string else { return nil }
    let accepted: [String] = wanted.isEmpty ? audiences : wanted
    if issuer == "kubernetes/serviceaccount" { return await legacyUser(claims) }
    guard issuers.contains(issuer) else { return nil }
    let given: [String] = claims["aud"].string.map { [$0] } ?? claims["aud"].stringItems
    guard given.contains(where: accepted.contains) else { return nil }
    let now: Double = Date().timeIntervalSince1970
    if let expiry: Double = claims["exp"].double, expiry <= now { return nil }
    if let start: Double = claims["nbf"].double, start > now + 5 { return nil }
    return await boundUser(claims["kubernetes.io"], identifier: claims["jti"].string)
  }

  private func boundUser(_ facts: JSONValue, identifier: String?) async -> UserInfo? {
    let namespace: String = facts["namespace"].string ?? ""
    let name: String = facts["serviceaccount"]["name"].string ?? ""
    let uid: String = facts["serviceaccount"]["uid"].string ?? ""
    guard await exists("serviceaccounts", namespace, name, uid) else { return nil }
    var extra: [String: [String]] = [:]
    if let identifier { extra["authentication.kubernetes.io/credential-id"] = ["JTI=\(identifier)"] }
    if facts["pod"].object != nil {
      let pod: String = facts["pod"]["name"].string ?? ""
      guard await exists("pods", namespace, pod, facts["pod"]["uid"].string ?? "") else { return nil }
      extra["authentication.kubernetes.io/pod-name"] = [pod]
      extra["authentication.kubernetes.io/pod-uid"] = [facts["pod"]["uid"].string ?? ""]
    }
    if facts["secret"].object != nil {
      guard await exists("secrets", namespace, facts["secret"]["name"].string ?? "", facts["secret"]["uid"].string ?? "") else {
        return nil
      }
    }
    if let node: String = facts["node"]["name"].string {
      extra["authentication.kubernetes.io/node-name"] = [node]
      if let uid: String = facts["node"]["uid"].string { extra["authentication.kubernetes.io/node-uid"] = [uid] }
      if facts["pod"].object == nil, !(await exists("nodes", "", node, facts["node"]["uid"].string ?? "")) { return nil }
    }
    return Self.user(namespace: namespace, name: name, uid: uid, extra: extra)
  }

  /// A token of a Secret, without an end.
  private func legacyUser(_ claims: JSONValue) async -> UserInfo? {
    let prefix: String = "kubernetes.io/serviceaccount/"
    let namespace: String = claims[prefix + "namespace"].string ?? ""
    let name: String = claims[prefix + "service-account.name"].string ?? ""
    let uid: String = claims[prefix + "service-account.uid"].string ?? ""
    let secret: String = claims[prefix + "secret.name"].string ?? ""
    guard await exists("serviceaccounts", namespace, name, uid), await exists("secrets", namespace, secret, "") else {
      return nil
    }
    return Self.user(namespace: namespace, name: name, uid: uid, extra: [:])
  }

  static func user(namespace: String, name: String, uid: String, extra: [String: [String]]) -> UserInfo {
    UserInfo(
      name: "system:serviceaccount:\(namespace):\(name)", uid: uid,
      groups: ["system:serviceaccounts", "system:serviceaccounts:\(namespace)"], extra: extra)
  }

  /// Whether an object is still the one that a token was bound to.
  private func exists(_ resource: String, _ namespace: String, _ name: String, _ uid: String) async -> Bool {
    guard let storage: ObjectStorage = registry.storage("", resource),
      let object: JSONValue = try? await storage.object(namespace: namespace, name: name)
    else { return false }
    return uid.isEmpty || object.objectUID == uid
  }

  // MARK: discovery of the issuer

  func openIDConfiguration(_ configuration: APIServerConfiguration) -> JSONValue {
    let host: String = configuration.externalHost.isEmpty ? configuration.advertiseAddress : configuration.externalHost
    return [
      "issuer": .string(issuers.first ?? ""),
      "jwks_uri": .string("https://\(host.contains(":") ? "[\(host)]" : host):\(configuration.securePort)/openid/v1/jwks"),
      "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
      "id_token_signing_alg_values_supported": JSONValue(
        Set(keys.map { if case .rsa = $0.key { "RS256" } else { "ES256" } }).sorted()),
    ]
  }

  /// The public keys as a JSON Web Key Set.
  var keySet: JSONValue {
    let all: [JSONValue] = keys.compactMap { id, key in
      switch key {
      case .rsa(let key):
        guard let primitives = try? key.getKeyPrimitives() else { return nil }
        return [
          "use": "sig", "kty": "RSA", "kid": .string(id), "alg": "RS256",
          "n": .string(Base64URL.encode(primitives.modulus)), "e": .string(Base64URL.encode(primitives.publicExponent)),
        ]
      case .p256(let key):
        let raw: Data = key.rawRepresentation
        return [
          "use": "sig", "kty": "EC", "kid": .string(id), "crv": "P-256", "alg": "ES256",
          "x": .string(Base64URL.encode(raw.prefix(32))), "y": .string(Base64URL.encode(raw.suffix(32))),
        ]
      }
    }
    return ["keys": .array(all)]
  }
}

/// Base64 for URLs, without padding (RFC 4648, section 5).
enum Base64URL {
  static func encode(_ bytes: some Sequence<UInt8>) -> String {
    Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
      .replacingOccurrences(of: "=", with: "")
  }

  static func decode(_ text: some StringProtocol) -> [UInt8]? {
    var plain: String = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
    while plain.count % 4 != 0 { plain += "=" }
    return Data(base64Encoded: plain).map { [UInt8]($0) }
  }
}
