// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import DNSMessage
import NIOCore
import NIOPosix

/// Asks other name servers about names that are not the cluster's.
struct Forwarder: Sendable {
  /// How long one server may take.
  private static let timeout: Duration = .seconds(2)
  /// The rounds through the list of servers.
  private static let rounds: Int = 2

  let resolver: ResolverConfiguration
  let cache: AnswerCache = AnswerCache()

  /// The answer, as it came but for its number; nil where no server answered. An empty list of servers knows no names.
  func answer(to query: DNSMessage, _ bytes: [UInt8], overTCP: Bool) async -> [UInt8]? {
    if let cached: [UInt8] = cache.answer(to: query) { return cached }
    let upstreams: [Upstream] = resolver.upstreams
    guard !upstreams.isEmpty else {
      var none: DNSMessage = DNSMessage(answering: query)
      none.code = .nameError
      return none.encoded()
    }
    for _ in 0..<Self.rounds {
      for upstream: Upstream in upstreams {
        guard !Task.isCancelled else { return nil }
        guard let answer: [UInt8] = await ask(upstream, query, bytes, overTCP: overTCP) else { continue }
        return answer
      }
    }
    return nil
  }

  private func ask(_ upstream: Upstream, _ query: DNSMessage, _ bytes: [UInt8], overTCP: Bool) async -> [UInt8]? {
    // A number of our own: whoever guesses the client's cannot answer in the server's place.
    var asked: [UInt8] = bytes
    let number: UInt16 = UInt16.random(in: 0...UInt16.max)
    asked[0] = UInt8(number >> 8)
    asked[1] = UInt8(number & 255)
    let reply: [UInt8]? = await withTaskGroup(of: [UInt8]?.self) { [asked] group in
      group.addTask {
        // A server that cannot be reached is one that does not answer.
        try? await overTCP ? exchangeTCP(upstream, asked) : exchangeUDP(upstream, asked)
      }
      group.addTask {
        try? await Task.sleep(for: Self.timeout)
        return nil
      }
      let first: [UInt8]? = await group.next() ?? nil
      group.cancelAll()
      return first
    }
    guard var reply, let parsed: DNSMessage = try? DNSMessage(parsing: reply), parsed.isResponse, parsed.id == number,
      parsed.questions == query.questions
    else { return nil }
    // Another server may do better.
    if parsed.code == .serverFailure || parsed.code == .refused { return nil }
    reply[0] = UInt8(query.id >> 8)
    reply[1] = UInt8(query.id & 255)
    if !parsed.isTruncated { cache.store(reply, for: query, code: parsed.code) }
    return reply
  }

  private func exchangeUDP(_ upstream: Upstream, _ bytes: [UInt8]) async throws -> [UInt8]? {
    let remote: SocketAddress = try SocketAddress(ipAddress: upstream.address, port: upstream.port)
    let channel: NIOAsyncChannel<AddressedEnvelope<ByteBuffer>, AddressedEnvelope<ByteBuffer>> =
      try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(
        to: remote, channelInitializer: { channel in
          channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel(wrappingChannelSynchronously: channel) }
        })
    return try await channel.executeThenClose { inbound, outbound in
      try await outbound.write(AddressedEnvelope(remoteAddress: remote, data: ByteBuffer(bytes: bytes)))
      for try await packet: AddressedEnvelope<ByteBuffer> in inbound {
        // The socket is connected: it gets packets of this server alone.
        let reply: [UInt8] = Array(packet.data.readableBytesView)
        if reply.starts(with: bytes.prefix(2)) { return reply }
      }
      return nil
    }
  }

  private func exchangeTCP(_ upstream: Upstream, _ bytes: [UInt8]) async throws -> [UInt8]? {
    let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer> =
      try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(
        host: upstream.address, port: upstream.port, channelInitializer: { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(TCPFrameDecoder()))
            return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
          }
        })
    return try await channel.executeThenClose { inbound, outbound in
      try await outbound.write(TCPFrameDecoder.frame(bytes))
      for try await frame: ByteBuffer in inbound { return Array(frame.readableBytesView) }
      return nil
    }
  }
}

/// Messages on TCP: two bytes of length before each (RFC 1035 section 4.2.2).
struct TCPFrameDecoder: ByteToMessageDecoder {
  typealias InboundOut = ByteBuffer

  mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
    guard let length: UInt16 = buffer.getInteger(at: buffer.readerIndex), buffer.readableBytes >= 2 + Int(length) else {
      return .needMoreData
    }
    buffer.moveReaderIndex(forwardBy: 2)
    guard let frame: ByteBuffer = buffer.readSlice(length: Int(length)) else { return .needMoreData }
    context.fireChannelRead(wrapInboundOut(frame))
    return .continue
  }

  mutating func decodeLast(
    context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
  ) throws -> DecodingState {
    try decode(context: context, buffer: &buffer)
  }

  static func frame(_ bytes: [UInt8]) -> ByteBuffer {
    var buffer: ByteBuffer = ByteBuffer()
    buffer.writeInteger(UInt16(clamping: bytes.count))
    buffer.writeBytes(bytes)
    return buffer
  }
}
