// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What a WebSocket peer says, once frames are put together (RFC 6455, 5).
public enum WebSocketMessage: Hashable, Sendable {
  /// UTF-8 text.
  case text([UInt8])
  /// Bytes.
  case binary([UInt8])
  /// Wants a pong with the same bytes.
  case ping([UInt8])
  /// Answers a ping.
  case pong([UInt8])
  /// Is the last one; code and reason are empty where the peer gave none.
  case close(code: UInt16?, reason: String)
}

/// Which side of a WebSocket this is: clients mask what they send, servers do not.
public enum WebSocketRole: Hashable, Sendable {
  /// Answers the handshake.
  case server
  /// Asks for it.
  case client
}

/// Puts a peer's frames together into messages.
///
/// Feed bytes as they come with `append`, then take messages with `next` until it answers nil.
public struct WebSocketReader: Sendable {
  private enum Opcode {
    static let continuation: UInt8 = 0
    static let text: UInt8 = 1
    static let binary: UInt8 = 2
    static let close: UInt8 = 8
    static let ping: UInt8 = 9
    static let pong: UInt8 = 10
  }

  /// Control frames may not be longer (RFC 6455, 5.5).
  private static let controlBytesMax: Int = 125

  private let role: WebSocketRole
  private let messageBytesMax: Int
  private var buffer: [UInt8] = []
  private var start: Int = 0
  private var partial: (opcode: UInt8, bytes: [UInt8])?

  /// Makes a reader.
  ///
  /// - Parameters:
  ///   - role: this side; a server insists on masked frames.
  ///   - messageBytesMax: the largest message, all its frames together.
  public init(role: WebSocketRole, messageBytesMax: Int = 16 << 20) {
    self.role = role
    self.messageBytesMax = messageBytesMax
  }

  /// Takes in bytes from the connection.
  public mutating func append(_ bytes: some Collection<UInt8>) {
    if start > 0 {
      buffer.removeFirst(start)
      start = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// The next whole message.
  public mutating func next() throws(StreamFramingError) -> WebSocketMessage? {
    while let frame: Frame = try nextFrame() {
      if let message: WebSocketMessage = try accept(frame) { return message }
    }
    return nil
  }

  private struct Frame {
    var isFinal: Bool
    var opcode: UInt8
    var payload: [UInt8]
  }

  private mutating func nextFrame() throws(StreamFramingError) -> Frame? {
    let available: Int = buffer.count - start
    guard available >= 2 else { return nil }
    let first: UInt8 = buffer[start]
    let second: UInt8 = buffer[start + 1]
    guard first & 0x70 == 0 else { throw StreamFramingError(.protocolError, "websocket: reserved bits are set") }
    let isMasked: Bool = second & 0x80 != 0
    guard isMasked == (role == .server) else { throw StreamFramingError(.protocolError, "websocket: wrong masking") }
    var length: Int = Int(second & 0x7f)
    var header: Int = 2
    if length == 126 || length == 127 {
      let count: Int = length == 126 ? 2 : 8
      guard available >= 2 + count else { return nil }
      length = 0
      for byte: UInt8 in buffer[(start + 2)..<(start + 2 + count)] {
        guard length >> 55 == 0 else { throw StreamFramingError(.tooLarge, "websocket: frame too large") }
        length = length << 8 | Int(byte)
      }
      header += count
    }
    let opcode: UInt8 = first & 0x0f
    guard length <= (opcode >= Opcode.close ? Self.controlBytesMax : messageBytesMax) else {
      throw StreamFramingError(.tooLarge, "websocket: frame of \(length) bytes is too large")
    }
    if isMasked { header += 4 }
    guard available >= header + length else { return nil }
    var payload: [UInt8] = Array(buffer[(start + header)..<(start + header + length)])
    if isMasked {
      let mask: [UInt8] = Array(buffer[(start + header - 4)..<(start + header)])
      payload.withUnsafeMutableBufferPointer { bytes in
        for index: Int in bytes.indices { bytes[index] ^= mask[index & 3] }
      }
    }
    start += header + length
    return Frame(isFinal: first & 0x80 != 0, opcode: opcode, payload: payload)
  }

  private mutating func accept(_ frame: Frame) throws(StreamFramingError) -> WebSocketMessage? {
    switch frame.opcode {
    case Opcode.text, Opcode.binary:
      guard partial == nil else { throw StreamFramingError(.protocolError, "websocket: a message inside a message") }
      if frame.isFinal { return frame.opcode == Opcode.text ? .text(frame.payload) : .binary(frame.payload) }
      partial = (frame.opcode, frame.payload)
      return nil
    case Opcode.continuation:
      guard var whole: (opcode: UInt8, bytes: [UInt8]) = partial else {
        throw StreamFramingError(.protocolError, "websocket: a continuation of nothing")
      }
      partial = nil
      guard whole.bytes.count + frame.payload.count <= messageBytesMax else {
        throw StreamFramingError(.tooLarge, "websocket: message too large")
      }
      whole.bytes += frame.payload
      if frame.isFinal { return whole.opcode == Opcode.text ? .text(whole.bytes) : .binary(whole.bytes) }
      partial = whole
      return nil
    case Opcode.close, Opcode.ping, Opcode.pong:
      guard frame.isFinal else { throw StreamFramingError(.protocolError, "websocket: a fragmented control frame") }
      if frame.opcode == Opcode.ping { return .ping(frame.payload) }
      if frame.opcode == Opcode.pong { return .pong(frame.payload) }
      guard frame.payload.count >= 2 else { return .close(code: nil, reason: "") }
      return .close(
        code: UInt16(frame.payload[0]) << 8 | UInt16(frame.payload[1]),
        reason: String(decoding: frame.payload[2...], as: UTF8.self))
    default:
      throw StreamFramingError(.protocolError, "websocket: unknown opcode \(frame.opcode)")
    }
  }
}

extension WebSocketMessage {
  /// The message as one frame; a client gives a mask.
  public func frame(mask: [UInt8]? = nil) -> [UInt8] {
    let (opcode, payload): (UInt8, [UInt8])
    switch self {
    case .text(let bytes): (opcode, payload) = (1, bytes)
    case .binary(let bytes): (opcode, payload) = (2, bytes)
    case .ping(let bytes): (opcode, payload) = (9, bytes)
    case .pong(let bytes): (opcode, payload) = (10, bytes)
    case .close(let code, let reason):
      (opcode, payload) = (8, code.map { [UInt8($0 >> 8), UInt8($0 & 0xff)] + Array(reason.utf8.prefix(123)) } ?? [])
    }
    var frame: [UInt8] = []
    frame.reserveCapacity(payload.count + 14)
    frame.append(0x80 | opcode)
    let maskBit: UInt8 = mask == nil ? 0 : 0x80
    switch payload.count {
    case ..<126: frame.append(maskBit | UInt8(payload.count))
    case ..<65536: frame += [maskBit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
    default:
      frame.append(maskBit | 127)
      for shift: Int in stride(from: 56, through: 0, by: -8) { frame.append(UInt8(payload.count >> shift & 0xff)) }
    }
    guard let mask, mask.count == 4 else { return frame + payload }
    frame += mask
    for (index, byte) in payload.enumerated() { frame.append(byte ^ mask[index & 3]) }
    return frame
  }
}

/// The opening handshake (RFC 6455, 4.2.2).
public enum WebSocketHandshake {
  /// What a server answers in `Sec-WebSocket-Accept`.
  public static func accept(key: String) -> String {
    Base64Text.encode(SHA1.hash(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
  }
}
