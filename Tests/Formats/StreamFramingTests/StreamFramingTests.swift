// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CZlib
import StreamFraming
import Testing

@testable import StreamFraming

@Suite struct WebSocketFramingTests {
  @Test func `the handshake answers as in RFC 6455`() {
    #expect(WebSocketHandshake.accept(key: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }

  @Test func `a masked text frame is read, byte by byte too`() throws {
    // "Hello", masked (RFC 6455, 5.7).
    let bytes: [UInt8] = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
    var reader: WebSocketReader = WebSocketReader(role: .server)
    for byte: UInt8 in bytes.dropLast() {
      reader.append([byte])
      #expect(try reader.next() == nil)
    }
    reader.append(bytes.suffix(1))
    #expect(try reader.next() == .text(Array("Hello".utf8)))
  }

  @Test func `fragments are put together, around a ping`() throws {
    // "Hel", ping, "lo".
    let bytes: [UInt8] = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x89, 0x00, 0x80, 0x02, 0x6c, 0x6f]
    var reader: WebSocketReader = WebSocketReader(role: .client)
    reader.append(bytes)
    #expect(try reader.next() == .ping([]))
    #expect(try reader.next() == .text(Array("Hello".utf8)))
  }

  @Test(arguments: [0, 125, 126, 65535, 65536, 200_000])
  func `every length survives both ways`(_ length: Int) throws {
    let payload: [UInt8] = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
    var server: WebSocketReader = WebSocketReader(role: .server)
    server.append(WebSocketMessage.binary(payload).frame(mask: [1, 2, 3, 4]))
    #expect(try server.next() == .binary(payload))
    var client: WebSocketReader = WebSocketReader(role: .client)
    client.append(WebSocketMessage.binary(payload).frame())
    #expect(try client.next() == .binary(payload))
  }

  @Test(
    arguments: [
      [0x81, 0x00],  // not masked
      [0xc1, 0x80, 0, 0, 0, 0],  // reserved bit
      [0x80, 0x80, 0, 0, 0, 0],  // continuation of nothing
      [0x09, 0x80, 0, 0, 0, 0],  // fragmented ping
      [0x83, 0x80, 0, 0, 0, 0],  // unknown opcode
      [0x89, 0xfe, 0, 200],  // long ping
      [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],  // absurd length
    ] as [[UInt8]])
  func `what breaks the protocol is an error`(_ bytes: [UInt8]) {
    var reader: WebSocketReader = WebSocketReader(role: .server)
    reader.append(bytes)
    #expect(throws: StreamFramingError.self) { _ = try reader.next() }
  }
}

@Suite struct ChannelProtocolTests {
  private func named(_ name: String) -> ChannelProtocol { ChannelProtocol.remoteCommand.first { $0.name == name }! }

  @Test func `the client's first known protocol is taken`() {
    #expect(
      ChannelProtocol.negotiate(["x", "v5.channel.k8s.io", "v4.channel.k8s.io"], among: ChannelProtocol.remoteCommand)?
        .name == "v5.channel.k8s.io")
    #expect(ChannelProtocol.negotiate([], among: ChannelProtocol.remoteCommand)?.name == "")
    #expect(ChannelProtocol.negotiate(["x"], among: ChannelProtocol.remoteCommand) == nil)
  }

  @Test func `data and closes are told apart`() throws {
    #expect(try named("v5.channel.k8s.io").event([0, 1, 2]) == .data(channel: 0, [1, 2]))
    #expect(try named("v5.channel.k8s.io").event([255, 0]) == .close(channel: 0))
    #expect(try named("v4.channel.k8s.io").event([255, 0]) == .data(channel: 255, [0]))
    #expect(try named("base64.channel.k8s.io").event(Array("0aGk=".utf8)) == .data(channel: 0, Array("hi".utf8)))
    #expect(named("base64.channel.k8s.io").message(channel: 1, Array("hi".utf8)) == .text(Array("1aGk=".utf8)))
    #expect(throws: StreamFramingError.self) { try named("base64.channel.k8s.io").event([0, 1]) }
  }
}

@Suite struct SPDYFramingTests {
  @Test func `the dictionary is the one of the draft`() {
    #expect(SPDYDictionary.bytes.count == 1423)
    #expect(adler32(1, SPDYDictionary.bytes, 1423) == 0xe3c6_a7c2)
  }

  @Test func `frames survive, with one compression context`() throws {
    let frames: [SPDYFrame] = [
      .synStream(stream: 1, headers: ["streamtype": "error", "port": "80"], isLast: false, isUnidirectional: false),
      .synStream(stream: 3, headers: ["streamtype": "data", "port": "80"], isLast: true, isUnidirectional: true),
      .synReply(stream: 1, headers: [:], isLast: false),
      .data(stream: 3, bytes: [1, 2, 3], isLast: false), .data(stream: 3, bytes: [], isLast: true),
      .ping(id: 7), .rstStream(stream: 1, status: 5), .goAway(lastStream: 3, status: 0),
      .windowUpdate(stream: 1, delta: 9), .headers(stream: 1, headers: ["a": "b"], isLast: false),
    ]
    let writer: SPDYWriter = try SPDYWriter()
    var bytes: [UInt8] = []
    for frame: SPDYFrame in frames { bytes += try writer.bytes(frame) }
    var reader: SPDYReader = try SPDYReader()
    var read: [SPDYFrame] = []
    for byte: UInt8 in bytes {
      reader.append([byte])
      while let frame: SPDYFrame = try reader.next() { read.append(frame) }
    }
    #expect(read == frames)
  }
}
