// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import KubeMeta
import NIOCore

/// Something that happened to a watched object.
public enum WatchEvent<Object: Sendable>: Sendable {
  /// The object is new, or has come into the selection.
  case added(Object)
  /// The object has changed.
  case modified(Object)
  /// The object is gone, or has left the selection; this is its last state.
  case deleted(Object)
  /// Nothing happened up to this version.
  case bookmark(resourceVersion: String)
}

/// The events of one watch, in order; it ends when the server ends it, and throws `KubeClientError`, also for an
/// ERROR event of the server (`isExpired` then tells that the watch must begin with a new list).
public struct WatchStream<Object: KubeMessage>: AsyncSequence, Sendable {
  /// What happened.
  public typealias Element = WatchEvent<Object>

  let body: HTTPClientResponse.Body

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(chunks: body.makeAsyncIterator()) }

  /// Reads one watch.
  public struct AsyncIterator: AsyncIteratorProtocol {
    /// A frame that is larger than any object can be is a sign of a broken stream.
    private static var frameSizeMax: Int { 64 << 20 }

    var chunks: HTTPClientResponse.Body.AsyncIterator
    /// Whether the events are lines of JSON, as a server has them that cannot give the objects as protobuf. The
    /// first byte tells: a frame whose length began with it would be larger than any object.
    private var isJSON: Bool { buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) == UInt8(ascii: "{") }
    private var buffer: ByteBuffer = ByteBuffer()

    init(chunks: HTTPClientResponse.Body.AsyncIterator) { self.chunks = chunks }

    public mutating func next() async throws -> WatchEvent<Object>? {
      while true {
        if isJSON {
          if let line: [UInt8] = nextLine() { return try MetadataDecoding.event(Object.self, line) }
        } else if let frame: [UInt8] = try nextFrame() {
          return try Self.event(frame)
        }
        buffer.discardReadBytes()
        let chunk: ByteBuffer?
        do {
          // The iterator belongs to the one task that iterates; nobody else can reach it meanwhile.
          nonisolated(unsafe) var source: HTTPClientResponse.Body.AsyncIterator = chunks
          chunk = try await source.next()
          chunks = source
        } catch {
          throw KubeClientError(.connection, "the watch broke", cause: error)
        }
        guard var chunk else { return nil }
        buffer.writeBuffer(&chunk)
      }
    }

    private mutating func nextLine() -> [UInt8]? {
      guard let end: Int = buffer.readableBytesView.firstIndex(of: 0x0A) else { return nil }
      defer { buffer.moveReaderIndex(to: end + 1) }
      return buffer.getBytes(at: buffer.readerIndex, length: end - buffer.readerIndex)
    }

    /// A frame is its length in four bytes, big end first, and then that many bytes.
    private mutating func nextFrame() throws(KubeClientError) -> [UInt8]? {
      guard let length: UInt32 = buffer.getInteger(at: buffer.readerIndex) else { return nil }
      guard length <= Self.frameSizeMax else {
        throw KubeClientError(.invalidResponse, "a frame of the watch is \(length) bytes long")
      }
      guard buffer.readableBytes >= 4 + Int(length) else { return nil }
      buffer.moveReaderIndex(forwardBy: 4)
      return buffer.readBytes(length: Int(length))
    }

    private static func event(_ frame: [UInt8]) throws(KubeClientError) -> WatchEvent<Object> {
      var bytes: ArraySlice<UInt8> = frame[...]
      if ProtobufEnvelope.isEnvelope(bytes) { bytes = try ProtobufEnvelope.unwrap(bytes).raw }
      var type: String = ""
      var object: ArraySlice<UInt8> = []
      var reader: ProtobufReader = ProtobufReader(bytes)
      while let field: ProtobufReader.Field = try reader.next() {
        switch field.number {
        case 1: type = String(decoding: field.bytes, as: UTF8.self)
        case 2:
          var extensionReader: ProtobufReader = ProtobufReader(field.bytes)
          while let inner: ProtobufReader.Field = try extensionReader.next() {
            if inner.number == 1 { object = inner.bytes }
          }
        default: break
        }
      }
      let raw: ArraySlice<UInt8> = try ProtobufEnvelope.unwrap(object).raw
      switch type {
      case "ADDED": return .added(try ProtobufEnvelope.decode(Object.self, raw))
      case "MODIFIED": return .modified(try ProtobufEnvelope.decode(Object.self, raw))
      case "DELETED": return .deleted(try ProtobufEnvelope.decode(Object.self, raw))
      case "BOOKMARK":
        let mark: Object = try ProtobufEnvelope.decode(Object.self, raw)
        return .bookmark(resourceVersion: mark.metadata.resourceVersion)
      case "ERROR":
        let status: MetaStatus = try ProtobufEnvelope.decode(MetaStatus.self, raw)
        throw KubeClientError(.status, status.message, status: status)
      default: throw KubeClientError(.invalidResponse, "the watch has an event of the unknown type \"\(type)\"")
      }
    }
  }
}
