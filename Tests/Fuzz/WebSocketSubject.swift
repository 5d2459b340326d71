// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import StreamFraming

/// WebSocket frames in pieces of any size, and the channels on them.
struct WebSocketSubject: Subject {
  static let name: String = "websocket"

  mutating func run(_ random: inout FuzzRandom) throws {
    var messages: [WebSocketMessage] = []
    var stream: [UInt8] = []
    for _ in 0..<random.below(6) {
      let payload: [UInt8] = random.bytes(upTo: random.pick([0, 5, 125, 126, 300, 70_000]))
      let message: WebSocketMessage
      switch random.below(5) {
      case 0: message = .text(Array(String(decoding: payload, as: UTF8.self).utf8))
      case 1: message = .ping(Array(payload.prefix(125)))
      case 2: message = .pong(Array(payload.prefix(125)))
      default: message = .binary(payload)
      }
      messages.append(message)
      stream += message.frame(mask: [random.byte(), random.byte(), random.byte(), random.byte()])
    }
    FuzzInput.note(stream)
    try expect(try Self.read(stream, .server, &random) == messages, "messages come out otherwise")
    let input: [UInt8] = Mutation.mutated(stream, tokens: ["\u{0}", "\u{ff}", "\u{7f}"], &random)
    FuzzInput.note(input)
    guard let heard: [WebSocketMessage] = try? Self.read(input, random.oneIn(2) ? .server : .client, &random) else { return }
    for case .binary(let bytes) in heard {
      for channels: ChannelProtocol in ChannelProtocol.remoteCommand + ChannelProtocol.portForward { _ = try? channels.event(bytes) }
    }
    _ = Base64Text.decode(input)
    try expect(Base64Text.decode(Base64Text.encodeBytes(input)) == input, "base64 loses bytes")
  }

  private static func read(_ bytes: [UInt8], _ role: WebSocketRole, _ random: inout FuzzRandom) throws -> [WebSocketMessage] {
    var reader: WebSocketReader = WebSocketReader(role: role, messageBytesMax: 1 << 20)
    var messages: [WebSocketMessage] = []
    var place: Int = 0
    while place < bytes.count {
      let end: Int = min(bytes.count, place + 1 + random.below(random.pick([1, 10, 5000])))
      reader.append(bytes[place..<end])
      place = end
      while let message: WebSocketMessage = try reader.next() { messages.append(message) }
    }
    return messages
  }
}
