// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import HTTPServing
import JSON
import NIOCore
import NIOHTTP1

/// Passes a request to another server and its answer back: bodies in both directions, and upgrades as raw bytes.
struct PassThrough: Sendable {
  /// Fields of one connection alone (RFC 9110, section 7.6.1).
  private static let hopByHop: [String] = [
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
    "upgrade",
  ]

  private static let statusBytesMax: Int = 2048

  let target: ProxyTarget
  /// Path and query at the other server.
  let path: String
  /// Whether an error that the other server tells in plain words becomes a Status.
  var makesStatus: Bool = false
  /// For whom the other server is asked, where this server vouches for that.
  var identity: HTTPHeaders?
  /// Whether an answer that sends the caller elsewhere is one that must not be.
  var refusesRedirects: Bool = false
  /// How links in the answer are made to lead through this server again.
  var links: LinkRewriting?

  func run(_ call: APICall, method: String? = nil) async throws {
    let isUpgrade: Bool = call.request.isUpgrade
    var headers: HTTPHeaders = HTTPHeaders()
    for (name, value) in call.request.headers {
      let lower: String = name.lowercased()
      if lower == "host" || lower == "authorization" || lower.hasPrefix("impersonate-") || RemoteIdentity.owns(lower) { continue }
      if Self.hopByHop.contains(lower), !(isUpgrade && (lower == "connection" || lower == "upgrade")) { continue }
      headers.add(name: name, value: value)
    }
    headers.add(name: "host", value: target.hostHeader)
    let before: [String] = headers["x-forwarded-for"]
    headers.replaceOrAdd(
      name: "x-forwarded-for", value: (before + [call.request.remoteAddress]).joined(separator: ", "))
    if let links { headers.replaceOrAdd(name: "x-forwarded-uri", value: links.forwardedPath(path)) }
    if let identity { headers.add(contentsOf: identity) }
    headers.replaceOrAdd(name: "audit-id", value: call.auditID)
    let hasBody: Bool = !isUpgrade && !["GET", "HEAD"].contains(call.request.method)
    if hasBody, !call.request.body.isEmpty, !headers.contains(name: "content-length") {
      headers.add(name: "transfer-encoding", value: "chunked")
    }
    let request: HTTPClientRequest = HTTPClientRequest(
      method: method ?? call.request.method, target: path, headers: headers,
      body: hasBody ? call.request.body : HTTPBody())
    let answer: HTTPClientResponse = try await open(request)
    if let connection: RawConnection = answer.connection {
      return try await switchProtocols(call, answer, connection)
    }
    if makesStatus, !(200...206).contains(answer.status.code) { throw try await Self.status(answer) }
    try await copy(answer, to: call)
  }

  func open(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
    do {
      return try await UpgradeClient.connect(to: target.address, tls: target.tls, request: request)
    } catch {
      if error is CancellationError { throw error }
      if links != nil || identity != nil {
        throw StatusError(
          code: 503, reason: "ServiceUnavailable", message: "error trying to reach service: \(error)")
      }
      throw StatusError.internalError("error dialing backend: \(error)")
    }
  }

  static func status(_ answer: HTTPClientResponse) async throws -> StatusError {
    defer { answer.close() }
    var bytes: [UInt8] = []
    for try await chunk in answer.body {
      bytes += Array(chunk.readableBytesView)
      if bytes.count >= statusBytesMax { break }
    }
    let text: String = String(decoding: bytes.prefix(statusBytesMax), as: UTF8.self)
    switch answer.status.code {
    case 400: return .badRequest(text)
    case 404: return StatusError(code: 404, reason: "NotFound", message: text)
    default: return .internalError(text)
    }
  }

  private func switchProtocols(_ call: APICall, _ answer: HTTPClientResponse, _ other: RawConnection) async throws {
    let own: RawConnection = try await call.response.upgrade(headers: answer.headers, status: answer.status)
    await relay(own, other)
  }

  private func copy(_ answer: HTTPClientResponse, to call: APICall) async throws {
    defer { answer.close() }
    if refusesRedirects, (300..<400).contains(answer.status.code), answer.headers.contains(name: "location") {
      let text: String = "the backend attempted to redirect this request, which is not permitted"
      return try await call.response.send(status: .badGateway, headers: HTTPHeaders(), body: Array(text.utf8))
    }
    var headers: HTTPHeaders = HTTPHeaders()
    for (name, value) in answer.headers where !Self.hopByHop.contains(name.lowercased()) && name.lowercased() != "date" {
      headers.add(name: name, value: value)
    }
    if let links {
      for name: String in LinkRewriting.crossOriginHeaders { headers.remove(name: name) }
      if let location: String = headers.first(name: "location") {
        headers.replaceOrAdd(name: "location", value: links.rewritten(location))
      } else if links.concerns(headers), call.request.method != "HEAD" {
        let page: [UInt8] = Array(buffer: try await answer.body.collect(upTo: LinkRewriting.pageBytesMax))
        headers.remove(name: "content-length")
        return try await call.response.send(status: answer.status, headers: headers, body: links.rewrite(page: page))
      }
    }
    headers.replaceOrAdd(name: "audit-id", value: call.auditID)
    try await call.response.begin(status: answer.status, headers: headers)
    for try await chunk in answer.body { try await call.response.write(chunk) }
    try await call.response.finish()
  }
}
