// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import HTTPServing
import JSON
import KubeValues
import NIOCore
import NIOHTTP1
import Synchronization

/// One authenticated request on its way through the server.
struct APICall: Sendable {
  let request: HTTPRequest
  let response: CallResponse
  let query: QueryParameters
  let info: RequestInfo
  /// Who asks; after impersonation, who they act as.
  var user: UserInfo
  let warnings: WarningSink = WarningSink()
  /// What names the request in logs here and elsewhere.
  var auditID: String = UID.make()
  /// What is written down of the request.
  var record: AuditRecord?
  /// The time of the request.
  let now: Timestamp = .now

  /// The same call with somebody who listens.
  func recorded(by record: AuditRecord, _ writer: HTTPResponseWriter) -> APICall {
    var call: APICall = APICall(
      request: request, response: CallResponse(writer, record: record), query: query, info: info, user: user)
    call.auditID = auditID
    call.record = record
    return call
  }

  /// Who changes fields: the fieldManager parameter, or the user agent up to its first slash.
  var fieldManager: String {
    if let named: String = query["fieldManager"], !named.isEmpty { return named }
    let agent: Substring = (request.headers.first(name: "user-agent") ?? "").prefix { $0 != "/" }
    return agent.isEmpty ? "unknown" : String(agent)
  }

  var isDryRun: Bool { query.all("dryRun").contains("All") }

  var isPretty: Bool { query["pretty"].map { $0 == "1" || $0 == "true" } ?? false }

  /// The largest request body, as upstream's default.
  static let bodyLimit: Int = 3 * 1024 * 1024

  /// Reads the whole body.
  func body() async throws -> [UInt8] {
    do {
      let bytes: [UInt8] = Array(buffer: try await request.body.collect(upTo: Self.bodyLimit))
      if let record, !bytes.isEmpty { record.hear(body: bytes, contentType: request.headers.first(name: "content-type")) }
      return bytes
    } catch {
      guard (error as? HTTPServingError)?.code == .bodyTooLarge else { throw error }
      throw StatusError(
        code: 413, reason: "RequestEntityTooLarge", message: "Request entity too large: limit is \(Self.bodyLimit)")
    }
  }

  /// Headers of every answer, with the warnings gathered.
  func headers(contentType: String?) -> HTTPHeaders {
    var headers: HTTPHeaders = HTTPHeaders()
    headers.add(name: "audit-id", value: auditID)
    headers.add(name: "cache-control", value: "no-cache, private")
    if let contentType { headers.add(name: "content-type", value: contentType) }
    for text: String in warnings.all { headers.add(name: "warning", value: "299 - \(WarningSink.quoted(text))") }
    return headers
  }
}

extension Array<UInt8> {
  init(buffer: ByteBuffer) { self = Array(buffer.readableBytesView) }
}

/// The warnings that an answer carries.
final class WarningSink: Sendable {
  /// Upstream's limits.
  private static let totalLimit: Int = 4096
  private static let longLimit: Int = 256

  private let texts: Mutex<[String]> = Mutex([])

  func add(_ text: String) {
    guard !text.isEmpty else { return }
    texts.withLock { if !$0.contains(text) { $0.append(text) } }
  }

  func add(_ all: [String]) { for text: String in all { add(text) } }

  /// The texts, cut to the limit of a header.
  var all: [String] {
    let texts: [String] = self.texts.withLock { $0 }
    guard texts.reduce(0, { $0 + $1.utf8.count }) > Self.totalLimit else { return texts }
    var total: Int = 0
    return texts.compactMap { text in
      let cut: String = String(text.prefix(Self.longLimit))
      total += cut.utf8.count
      return total > Self.totalLimit ? nil : cut
    }
  }

  /// The text as a quoted string of a header.
  static func quoted(_ text: String) -> String {
    var output: String = "\""
    for scalar: Unicode.Scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": output += "\\\(scalar)"
      case "\n", "\r": output += " "
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output + "\""
  }
}

/// Version 4 UUIDs.
enum UID {
  static func make() -> String {
    var generator: SystemRandomNumberGenerator = SystemRandomNumberGenerator()
    let high: UInt64 = (generator.next() & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000
    let low: UInt64 = (generator.next() & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
    let digits: [UInt8] = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(36)
    for position: Int in 0..<32 {
      if [8, 12, 16, 20].contains(position) { text.append(UInt8(ascii: "-")) }
      let word: UInt64 = position < 16 ? high : low
      text.append(digits[Int((word >> UInt64(60 - position % 16 * 4)) & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// The suffix of generated names.
enum GeneratedName {
  private static let letters: [Character] = Array("bcdfghjklmnpqrstvwxz2456789")
  /// A name is cut so that it fits 63 characters with its suffix.
  private static let prefixLimit: Int = 58

  static func make(prefix: String) -> String {
    prefix.prefix(prefixLimit) + String((0..<5).map { _ in letters.randomElement() ?? "x" })
  }
}
