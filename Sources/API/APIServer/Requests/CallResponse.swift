// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import HTTPServing
import NIOCore
import NIOHTTP1

/// Where the answer to a call goes, with somebody who may be listening.
struct CallResponse: Sendable {
  private let writer: HTTPResponseWriter
  private let record: AuditRecord?

  init(_ writer: HTTPResponseWriter, record: AuditRecord? = nil) {
    self.writer = writer
    self.record = record
  }

  /// Leads nowhere, for calls of the server to itself.
  static let unconnected: CallResponse = CallResponse(.unconnected)

  var hasBegun: Bool { writer.hasBegun }

  func send(status: HTTPResponseStatus, headers: HTTPHeaders = HTTPHeaders(), body: ByteBuffer) async throws {
    record?.answer(status, Array(buffer: body), contentType: headers.first(name: "content-type"))
    try await writer.send(status: status, headers: headers, body: body)
  }

  func send(status: HTTPResponseStatus, headers: HTTPHeaders = HTTPHeaders(), body: [UInt8] = []) async throws {
    record?.answer(status, body, contentType: headers.first(name: "content-type"))
    try await writer.send(status: status, headers: headers, body: body)
  }

  func begin(status: HTTPResponseStatus, headers: HTTPHeaders = HTTPHeaders()) async throws {
    try await writer.begin(status: status, headers: headers)
    record?.begin(status)
  }

  func write(_ bytes: ByteBuffer) async throws { try await writer.write(bytes) }

  func finish() async throws { try await writer.finish() }

  func upgrade(
    headers: HTTPHeaders, status: HTTPResponseStatus = .switchingProtocols
  ) async throws -> RawConnection {
    let connection: RawConnection = try await writer.upgrade(headers: headers, status: status)
    record?.begin(status)
    return connection
  }
}
