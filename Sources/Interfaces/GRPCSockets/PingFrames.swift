// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Takes the PING frames out of the bytes of one direction of an HTTP/2 connection (RFC 9113, section 6.7).
///
/// It follows frame headers only; whatever is no PING, or a malformed one, passes as it is.
struct PingFrames {
  /// The bytes of a frame's header.
  private static let headerBytes: Int = 9
  /// The bytes of a whole PING.
  private static let pingBytes: Int = headerBytes + payloadBytes
  private static let payloadBytes: Int = 8
  private static let pingType: UInt8 = 6
  private static let acknowledged: UInt8 = 1
  /// What a client sends before its first frame.
  private static let prefaceBytes: Int = 24

  /// Bytes that pass without being looked at: of the preface, or of the frame under way.
  private var passing: Int
  /// The beginning of a frame that is not whole enough to tell what it is.
  private var held: ByteBuffer = ByteBuffer()

  /// - Parameter fromClient: whether the bytes are a client's, and so begin with the preface.
  init(fromClient: Bool) { passing = fromClient ? Self.prefaceBytes : 0 }

  /// What arrived, without its PINGs, and the payloads of these.
  mutating func take(_ arrived: ByteBuffer) -> (rest: [ByteBuffer], pings: [UInt64]) {
    var bytes: ByteBuffer = arrived
    if held.readableBytes > 0 {
      held.writeImmutableBuffer(arrived)
      bytes = held
      held = ByteBuffer()
    }
    var rest: [ByteBuffer] = []
    var pings: [UInt64] = []
    // How many of the readable bytes pass in one piece.
    var piece: Int = 0
    func pass() {
      if piece > 0, let slice: ByteBuffer = bytes.readSlice(length: piece) { rest.append(slice) }
      piece = 0
    }
    while piece < bytes.readableBytes {
      if passing > 0 {
        let step: Int = min(passing, bytes.readableBytes - piece)
        passing -= step
        piece += step
        continue
      }
      let start: Int = bytes.readerIndex + piece
      guard bytes.readableBytes - piece >= Self.headerBytes,
        let lengthAndType: UInt32 = bytes.getInteger(at: start),
        let flags: UInt8 = bytes.getInteger(at: start + 4)
      else { break }
      let length: Int = Int(lengthAndType >> 8)
      let isPing: Bool = UInt8(truncatingIfNeeded: lengthAndType) == Self.pingType
        && flags & Self.acknowledged == 0 && length == Self.payloadBytes
      guard isPing else {
        passing = Self.headerBytes + length
        continue
      }
      guard bytes.readableBytes - piece >= Self.pingBytes,
        let payload: UInt64 = bytes.getInteger(at: start + Self.headerBytes)
      else { break }
      pass()
      bytes.moveReaderIndex(forwardBy: Self.pingBytes)
      pings.append(payload)
    }
    pass()
    if bytes.readableBytes > 0 { held = bytes }
    return (rest, pings)
  }

  /// The frame that answers a PING.
  static func answer(_ payload: UInt64) -> ByteBuffer {
    var frame: ByteBuffer = ByteBuffer()
    frame.writeInteger(UInt32(payloadBytes) << 8 | UInt32(pingType))
    frame.writeInteger(acknowledged)
    frame.writeInteger(UInt32(0))
    frame.writeInteger(payload)
    return frame
  }
}
