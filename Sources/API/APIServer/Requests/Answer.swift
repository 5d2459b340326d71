// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import HTTPServing
import JSON
import NIOCore
import NIOHTTP1
import YAML

// Writing answers.
extension APICall {
  /// Sends a value as the Accept header asks, without tables or partial forms.
  func answer(_ value: JSONValue, status: HTTPResponseStatus = .ok, schema: KindSchema? = nil) async throws {
    let form: NegotiatedAnswer
    do throws(StatusError) {
      form = try MediaType.negotiate(
        accept: accept, allowsForms: false, isPretty: isPretty, hasProtobuf: schema?.isBuiltIn ?? false)
    } catch {
      // Groups are not told of by a route with media types of its own.
      let segments: [Substring] = info.path.split(separator: "/")
      throw error.code == 406 && segments.first == "apis" && segments.count <= 2 ? MediaType.onlyThese : error
    }
    try await send(value, as: form, status: status, schema: schema)
  }

  var accept: String? {
    let values: [String] = request.headers["accept"]
    return values.isEmpty ? nil : values.joined(separator: ",")
  }

  func send(_ value: JSONValue, as form: NegotiatedAnswer, status: HTTPResponseStatus, schema: KindSchema?)
    async throws
  {
    switch form.encoding {
    case .json:
      try await send(
        bytes: form.isPretty ? Array((value.prettyText + "\n").utf8) : value.bytes + [10], "application/json", status)
    case .yaml: try await send(bytes: Array(YAML.text(value).utf8), "application/yaml", status)
    case .protobuf:
      guard let schema, let bytes: [UInt8] = schema.encodeProtobuf(value) else {
        return try await send(bytes: value.bytes, "application/json", status)
      }
      try await send(bytes: bytes, "application/vnd.kubernetes.protobuf", status)
    }
  }

  func send(bytes: [UInt8], _ contentType: String, _ status: HTTPResponseStatus) async throws {
    try await response.send(status: status, headers: headers(contentType: contentType), body: ByteBuffer(bytes: bytes))
  }

  /// Sends 404 and nothing else.
  func answerNotFound() async throws {
    try await response.send(status: .notFound, headers: [:], body: ByteBuffer())
  }

  /// Sends plain text.
  func answer(text: String, status: HTTPResponseStatus = .ok) async throws {
    try await send(bytes: Array(text.utf8), "text/plain; charset=utf-8", status)
  }

  /// Sends an error as a Status in the form that the caller reads.
  func answer(_ error: StatusError) async throws {
    for warning: String in error.warnings { warnings.add(warning) }
    let form: NegotiatedAnswer =
      (try? MediaType.negotiate(accept: accept, allowsForms: false, isPretty: isPretty)) ?? NegotiatedAnswer()
    var fields: HTTPHeaders = headers(contentType: form.contentType)
    if let seconds: Int = error.retryAfterSeconds { fields.add(name: "retry-after", value: String(seconds)) }
    let status: JSONValue = error.status
    let bytes: [UInt8]
    switch form.encoding {
    case .json: bytes = status.bytes + [10]
    case .yaml: bytes = Array(YAML.text(status).utf8)
    case .protobuf:
      let schema: KindSchema? = MetaSchemas.status
      if let encoded: [UInt8] = schema?.encodeProtobuf(status) {
        bytes = encoded
      } else {
        bytes = status.bytes
        fields.replaceOrAdd(name: "content-type", value: "application/json")
      }
    }
    try await response.send(
      status: HTTPResponseStatus(statusCode: error.code), headers: fields, body: ByteBuffer(bytes: bytes))
  }
}
