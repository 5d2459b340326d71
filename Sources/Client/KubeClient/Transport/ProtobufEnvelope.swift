// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeMeta
package import SwiftProtobuf
import FoundationEssentials

/// The form in which objects travel as `application/vnd.kubernetes.protobuf`: `k8s\0`, then a `runtime.Unknown`.
package enum ProtobufEnvelope {
  /// The media type of the form.
  package static let mediaType: String = "application/vnd.kubernetes.protobuf"

  private static let magic: [UInt8] = [0x6B, 0x38, 0x73, 0x00]

  /// Whether bytes begin with the envelope's magic number.
  static func isEnvelope(_ bytes: ArraySlice<UInt8>) -> Bool { bytes.starts(with: magic) }

  /// Wraps a message.
  package static func wrap(_ message: some SwiftProtobuf.Message, apiVersion: String, kind: String) throws -> [UInt8] {
    var unknown: RuntimeUnknown = RuntimeUnknown()
    unknown.typeMeta.apiVersion = apiVersion
    unknown.typeMeta.kind = kind
    unknown.raw = try message.serializedData()
    let body: [UInt8] = try unknown.serializedBytes()
    return magic + body
  }

  /// The type and the message's bytes of an envelope.
  static func unwrap(
    _ bytes: ArraySlice<UInt8>
  ) throws(KubeClientError) -> (type: RuntimeTypeMeta, raw: ArraySlice<UInt8>) {
    guard isEnvelope(bytes) else {
      throw KubeClientError(.invalidResponse, "the answer is no Kubernetes protobuf: it lacks the magic number")
    }
    var type: RuntimeTypeMeta = RuntimeTypeMeta()
    var raw: ArraySlice<UInt8> = []
    var reader: ProtobufReader = ProtobufReader(bytes.dropFirst(magic.count))
    while let field: ProtobufReader.Field = try reader.next() {
      switch field.number {
      case 1: type = try decode(RuntimeTypeMeta.self, field.bytes)
      case 2: raw = field.bytes
      default: break
      }
    }
    return (type, raw)
  }

  /// Decodes one message.
  static func decode<M: SwiftProtobuf.Message>(_ type: M.Type, _ bytes: ArraySlice<UInt8>) throws(KubeClientError) -> M
  {
    do {
      return try bytes.withUnsafeBytes { try M(serializedBytes: RawSpan(_unsafeBytes: $0)) }
    } catch {
      throw KubeClientError(.invalidResponse, "cannot decode a \(M.protoMessageName)", cause: error)
    }
  }

  /// Decodes a list of any kind: every list has its metadata in field 1 and its items in field 2.
  static func decodeList<M: SwiftProtobuf.Message>(
    _ type: M.Type, _ bytes: ArraySlice<UInt8>
  ) throws(KubeClientError) -> (metadata: MetaListMeta, items: [M]) {
    var metadata: MetaListMeta = MetaListMeta()
    var items: [M] = []
    var reader: ProtobufReader = ProtobufReader(bytes)
    while let field: ProtobufReader.Field = try reader.next() {
      switch field.number {
      case 1: metadata = try decode(MetaListMeta.self, field.bytes)
      case 2: items.append(try decode(M.self, field.bytes))
      default: break
      }
    }
    return (metadata, items)
  }
}

/// Reads the fields of one protobuf message without knowing its type.
struct ProtobufReader {
  /// One field; `bytes` is empty unless the field is length-delimited.
  struct Field {
    var number: Int
    var bytes: ArraySlice<UInt8>
  }

  private let bytes: ArraySlice<UInt8>
  private var place: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    place = bytes.startIndex
  }

  private mutating func varint() throws(KubeClientError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while place < bytes.endIndex, shift < 64 {
      let byte: UInt8 = bytes[place]
      place += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw KubeClientError(.invalidResponse, "the protobuf message is truncated")
  }

  private mutating func take(_ count: UInt64) throws(KubeClientError) -> ArraySlice<UInt8> {
    guard count <= UInt64(bytes.endIndex - place) else {
      throw KubeClientError(.invalidResponse, "the protobuf message is truncated")
    }
    let slice: ArraySlice<UInt8> = bytes[place..<place + Int(count)]
    place += Int(count)
    return slice
  }

  /// The next field; nil at the end.
  mutating func next() throws(KubeClientError) -> Field? {
    guard place < bytes.endIndex else { return nil }
    let tag: UInt64 = try varint()
    let number: Int = Int(truncatingIfNeeded: tag >> 3)
    switch tag & 7 {
    case 0:
      _ = try varint()
      return Field(number: number, bytes: [])
    case 1:
      _ = try take(8)
      return Field(number: number, bytes: [])
    case 2:
      let count: UInt64 = try varint()
      return Field(number: number, bytes: try take(count))
    case 5:
      _ = try take(4)
      return Field(number: number, bytes: [])
    default:
      throw KubeClientError(.invalidResponse, "the protobuf message has a field of the unknown wire type \(tag & 7)")
    }
  }
}
