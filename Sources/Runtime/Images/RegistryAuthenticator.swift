// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import JSON
internal import NIOCore
internal import NIOHTTP1

/// Answers a registry's challenges: Basic, and Bearer with a token service (the distribution project's token specification).
actor RegistryAuthenticator {
  private static let answerBytesMax: Int = 1 << 20

  private let client: HTTPClient
  private let credentials: RegistryCredentials?
  /// What to send, by host and repository.
  private var authorizations: [String: String] = [:]

  init(client: HTTPClient, credentials: RegistryCredentials?) {
    self.client = client
    self.credentials = credentials
  }

  private func key(_ host: RegistryHost, _ repository: String) -> String { "\(host.base) \(repository)" }

  func authorization(_ host: RegistryHost, _ repository: String) -> String? {
    if let known: String = authorizations[key(host, repository)] { return known }
    // A registry token is sent at once: no challenge can be answered with it otherwise.
    if let token: String = credentials?.registryToken, !token.isEmpty, !host.isMirror { return "Bearer \(token)" }
    return nil
  }

  func hasAuthorization(_ host: RegistryHost, _ repository: String) -> Bool { authorization(host, repository) != nil }

  /// Prepares the answer to a challenge; false when there is none, or when the last answer was refused.
  func answer(_ challenges: [String], host: RegistryHost, repository: String, isRepeated: Bool) async throws -> Bool {
    for text: String in challenges {
      let challenge: Challenge = Challenge(text)
      switch challenge.scheme {
      case "bearer":
        let token: String? = try await bearerToken(challenge, host: host, repository: repository)
        guard let token, authorizations[key(host, repository)] != "Bearer \(token)" else { continue }
        authorizations[key(host, repository)] = "Bearer \(token)"
        return true
      case "basic":
        guard !isRepeated, let basic: String = basicCredentials else { continue }
        authorizations[key(host, repository)] = "Basic \(basic)"
        return true
      default: continue
      }
    }
    return false
  }

  private var basicCredentials: String? {
    guard let credentials else { return nil }
    if !credentials.auth.isEmpty { return credentials.auth }
    guard !credentials.username.isEmpty else { return nil }
    return Base64.encode(Array("\(credentials.username):\(credentials.password)".utf8))
  }

  private func bearerToken(_ challenge: Challenge, host: RegistryHost, repository: String) async throws -> String? {
    guard let realm: String = challenge.parameters["realm"] else { return nil }
    let scope: String = challenge.parameters["scope"] ?? "repository:\(repository):pull"
    var fields: [(String, String)] = [("scope", scope)]
    if let service: String = challenge.parameters["service"] { fields.append(("service", service)) }
    var request: HTTPClientRequest
    if let refresh: String = credentials?.identityToken, !refresh.isEmpty {
      fields += [("grant_type", "refresh_token"), ("refresh_token", refresh), ("client_id", "apus")]
      request = HTTPClientRequest(url: realm)
      request.method = .POST
      request.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
      request.body = .bytes(ByteBuffer(string: Self.form(fields)))
    } else {
      request = HTTPClientRequest(url: "\(realm)\(realm.contains("?") ? "&" : "?")\(Self.form(fields))")
      if let basic: String = basicCredentials { request.headers.add(name: "authorization", value: "Basic \(basic)") }
    }
    if realm.hasPrefix(host.base + "/") { request.tlsConfiguration = host.tls }
    let response: HTTPClientResponse = try await client.execute(request, timeout: .seconds(60))
    guard response.status == .ok else {
      throw ImagesError(
        code: .unauthorized,
        message: "failed to authorize: failed to fetch a token from \(realm): unexpected status: \(response.status)")
    }
    let body: ByteBuffer = try await response.body.collect(upTo: Self.answerBytesMax)
    let json: JSONValue = try JSONValue(parsing: Array(body.readableBytesView))
    return json["token"].string ?? json["access_token"].string
  }

  private static func form(_ fields: [(String, String)]) -> String {
    fields.map { "\($0.0)=\(escape($0.1))" }.joined(separator: "&")
  }

  private static func escape(_ text: String) -> String {
    var output: String = ""
    for byte: UInt8 in text.utf8 {
      let scalar: Unicode.Scalar = Unicode.Scalar(byte)
      let isSafe: Bool =
        byte < 128
        && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "-._~".unicodeScalars.contains(scalar))
      if isSafe {
        output.unicodeScalars.append(scalar)
      } else {
        let hex: String = String(byte, radix: 16, uppercase: true)
        output += "%" + (hex.count == 1 ? "0" : "") + hex
      }
    }
    return output
  }
}

/// A WWW-Authenticate header (RFC 9110, 11.6.1): one scheme and its parameters.
struct Challenge: Hashable, Sendable {
  var scheme: String
  var parameters: [String: String] = [:]

  init(_ header: String) {
    let parts: [Substring] = header.split(separator: " ", maxSplits: 1)
    scheme = parts.first.map { $0.lowercased() } ?? ""
    var rest: Substring = parts.count > 1 ? parts[1] : ""
    while let equals: Substring.Index = rest.firstIndex(of: "=") {
      let name: String = rest[..<equals].filter { $0 != " " && $0 != "," }.lowercased()
      rest = rest[rest.index(after: equals)...]
      if rest.first == "\"" {
        rest = rest.dropFirst()
        var value: String = ""
        while let character: Character = rest.popFirst(), character != "\"" {
          if character == "\\", let escaped: Character = rest.popFirst() {
            value.append(escaped)
          } else {
            value.append(character)
          }
        }
        parameters[name] = value
      } else {
        let value: Substring = rest.prefix { $0 != "," }
        parameters[name] = String(value.filter { $0 != " " })
        rest = rest[value.endIndex...]
      }
    }
  }
}

/// Base64 (RFC 4648, 4).
enum Base64 {
  static func encode(_ bytes: [UInt8]) -> String {
    let alphabet: [UInt8] = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var output: [UInt8] = []
    for start: Int in stride(from: 0, to: bytes.count, by: 3) {
      let part: ArraySlice<UInt8> = bytes[start..<min(start + 3, bytes.count)]
      var group: UInt32 = 0
      for byte: UInt8 in part { group = group << 8 | UInt32(byte) }
      group <<= 8 * UInt32(3 - part.count)
      for index: Int in 0..<4 {
        output.append(index <= part.count ? alphabet[Int(group >> (18 - 6 * UInt32(index)) & 63)] : UInt8(ascii: "="))
      }
    }
    return String(decoding: output, as: UTF8.self)
  }
}
