// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A header block: names in lower case, each with its values joined by a zero byte.
public typealias SPDYHeaders = [String: String]

/// A frame of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00, 2.6, with the window of 3.1).
public enum SPDYFrame: Hashable, Sendable {
  /// Opens a stream.
  case synStream(stream: UInt32, headers: SPDYHeaders, isLast: Bool, isUnidirectional: Bool)
  /// Accepts a stream.
  case synReply(stream: UInt32, headers: SPDYHeaders, isLast: Bool)
  /// Ends a stream at once.
  case rstStream(stream: UInt32, status: UInt32)
  /// Settings, which nothing here needs.
  case settings
  /// Wants the same frame back.
  case ping(id: UInt32)
  /// Is the last one of a session.
  case goAway(lastStream: UInt32, status: UInt32)
  /// More headers.
  case headers(stream: UInt32, headers: SPDYHeaders, isLast: Bool)
  /// Room for more data; Kubernetes' clients and servers do not use it.
  case windowUpdate(stream: UInt32, delta: UInt32)
  /// Data; the last ones half-close the stream.
  case data(stream: UInt32, bytes: [UInt8], isLast: Bool)
}

/// Turns bytes into frames. One per connection, as all header blocks share one compression context.
public struct SPDYReader: ~Copyable {
  private static let version: UInt16 = 3
  /// Header blocks of Kubernetes' clients have a few hundred bytes.
  private static let headerBytesMax: Int = 64 << 10

  private var buffer: [UInt8] = []
  private var start: Int = 0
  private let inflater: SPDYInflater

  /// Makes a reader.
  public init() throws(StreamFramingError) { inflater = try SPDYInflater() }

  /// Takes in bytes from the connection.
  public mutating func append(_ bytes: some Collection<UInt8>) {
    if start > 0 {
      buffer.removeFirst(start)
      start = 0
    }
    buffer.append(contentsOf: bytes)
  }

  private func word(_ offset: Int) -> UInt32 {
    buffer[(start + offset)..<(start + offset + 4)].reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// The next whole frame.
  public mutating func next() throws(StreamFramingError) -> SPDYFrame? {
    while buffer.count - start >= 8 {
      let first: UInt32 = word(0)
      let second: UInt32 = word(4)
      let flags: UInt8 = UInt8(second >> 24)
      let length: Int = Int(second & 0xff_ffff)
      guard buffer.count - start >= 8 + length else { return nil }
      let payload: ArraySlice<UInt8> = buffer[(start + 8)..<(start + 8 + length)]
      start += 8 + length
      if first >> 31 == 0 {
        return .data(stream: first, bytes: Array(payload), isLast: flags & 1 != 0)
      }
      guard UInt16(first >> 16 & 0x7fff) == Self.version else {
        throw StreamFramingError(.protocolError, "spdy: version \(first >> 16 & 0x7fff) is not 3")
      }
      if let frame: SPDYFrame = try control(UInt16(first & 0xffff), flags, payload) { return frame }
    }
    return nil
  }

  private func control(
    _ type: UInt16, _ flags: UInt8, _ payload: ArraySlice<UInt8>
  ) throws(StreamFramingError) -> SPDYFrame? {
    func number(_ index: Int) throws(StreamFramingError) -> UInt32 {
      guard payload.count >= index * 4 + 4 else {
        throw StreamFramingError(.protocolError, "spdy: frame of type \(type) is too short")
      }
      return payload.dropFirst(index * 4).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }
    let isLast: Bool = flags & 1 != 0
    switch type {
    case 1:
      let stream: UInt32 = try number(0) & 0x7fff_ffff
      guard payload.count >= 10 else { throw StreamFramingError(.protocolError, "spdy: SYN_STREAM is too short") }
      let headers: SPDYHeaders = try block(payload.dropFirst(10))
      return .synStream(stream: stream, headers: headers, isLast: isLast, isUnidirectional: flags & 2 != 0)
    case 2:
      return .synReply(stream: try number(0) & 0x7fff_ffff, headers: try block(payload.dropFirst(4)), isLast: isLast)
    case 3: return .rstStream(stream: try number(0) & 0x7fff_ffff, status: try number(1))
    case 4: return .settings
    case 6: return .ping(id: try number(0))
    case 7: return .goAway(lastStream: try number(0) & 0x7fff_ffff, status: payload.count >= 8 ? try number(1) : 0)
    case 8:
      return .headers(stream: try number(0) & 0x7fff_ffff, headers: try block(payload.dropFirst(4)), isLast: isLast)
    case 9: return .windowUpdate(stream: try number(0) & 0x7fff_ffff, delta: try number(1) & 0x7fff_ffff)
    // Unknown control frames are ignored (2.2.1).
    default: return nil
    }
  }

  private func block(_ compressed: ArraySlice<UInt8>) throws(StreamFramingError) -> SPDYHeaders {
    let bytes: [UInt8] = try inflater.inflate(compressed, upTo: Self.headerBytesMax)
    var offset: Int = 0
    func number() throws(StreamFramingError) -> Int {
      guard offset + 4 <= bytes.count else {
        throw StreamFramingError(.protocolError, "spdy: header block is too short")
      }
      defer { offset += 4 }
      return bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int($1) }
    }
    func text() throws(StreamFramingError) -> String {
      let length: Int = try number()
      guard offset + length <= bytes.count else {
        throw StreamFramingError(.protocolError, "spdy: header block is too short")
      }
      defer { offset += length }
      return String(decoding: bytes[offset..<(offset + length)], as: UTF8.self)
    }
    var headers: SPDYHeaders = [:]
    for _ in 0..<(try number()) {
      let name: String = try text()
      headers[name.lowercased()] = try text()
    }
    return headers
  }
}

/// Turns frames into bytes. One per connection; its frames must be sent in the order in which they were made.
public struct SPDYWriter: ~Copyable {
  private let deflater: SPDYDeflater

  /// Makes a writer.
  public init() throws(StreamFramingError) { deflater = try SPDYDeflater() }

  /// A frame's bytes.
  public func bytes(_ frame: SPDYFrame) throws(StreamFramingError) -> [UInt8] {
    switch frame {
    case .data(let stream, let bytes, let isLast):
      return Self.word(stream & 0x7fff_ffff) + Self.word(UInt32(isLast ? 1 : 0) << 24 | UInt32(bytes.count)) + bytes
    case .synStream(let stream, let headers, let isLast, let isUnidirectional):
      let flags: UInt8 = (isLast ? 1 : 0) | (isUnidirectional ? 2 : 0)
      return control(1, flags, Self.word(stream) + Self.word(0) + [0, 0] + (try block(headers)))
    case .synReply(let stream, let headers, let isLast):
      return control(2, isLast ? 1 : 0, Self.word(stream) + (try block(headers)))
    case .rstStream(let stream, let status): return control(3, 0, Self.word(stream) + Self.word(status))
    case .settings: return control(4, 0, Self.word(0))
    case .ping(let id): return control(6, 0, Self.word(id))
    case .goAway(let lastStream, let status): return control(7, 0, Self.word(lastStream) + Self.word(status))
    case .headers(let stream, let headers, let isLast):
      return control(8, isLast ? 1 : 0, Self.word(stream) + (try block(headers)))
    case .windowUpdate(let stream, let delta): return control(9, 0, Self.word(stream) + Self.word(delta))
    }
  }

  private static func word(_ value: UInt32) -> [UInt8] {
    [UInt8(value >> 24), UInt8(value >> 16 & 0xff), UInt8(value >> 8 & 0xff), UInt8(value & 0xff)]
  }

  private func control(_ type: UInt16, _ flags: UInt8, _ payload: [UInt8]) -> [UInt8] {
    Self.word(0x8003_0000 | UInt32(type)) + Self.word(UInt32(flags) << 24 | UInt32(payload.count)) + payload
  }

  private func block(_ headers: SPDYHeaders) throws(StreamFramingError) -> [UInt8] {
    var bytes: [UInt8] = Self.word(UInt32(headers.count))
    for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
      bytes += Self.word(UInt32(name.utf8.count)) + Array(name.utf8)
      bytes += Self.word(UInt32(value.utf8.count)) + Array(value.utf8)
    }
    return try deflater.deflate(bytes)
  }
}
