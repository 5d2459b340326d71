// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import NIOCore
internal import NIOHTTP2

/// Which end of a gRPC connection we are.
public enum GRPCRole: Sendable {
  /// We called.
  case client
  /// We were called.
  case server
}

/// Lets a gRPC connection answer any number of pings; set it as the transport's `onCreateTCPConnection` or
/// `onAcceptTCPConnection`.
///
/// Go's gRPC measures the line with a ping on nearly every message that it gets. NIO's HTTP/2 handler takes more
/// than 200 control frames in 30 seconds for an attack and closes the connection with ENHANCE_YOUR_CALM, which ends
/// all calls on it. The limit cannot be set from outside; so pings are answered before the handler sees them. The
/// peers of these connections are root's own daemons, and etcd.
public func answeringPings(_ role: GRPCRole) -> @Sendable (any Channel) -> EventLoopFuture<Void> {
  { channel in
    channel.eventLoop.makeCompletedFuture {
      let pipeline: ChannelPipeline.SynchronousOperations = channel.pipeline.syncOperations
      let http2: NIOHTTP2Handler = try pipeline.handler(type: NIOHTTP2Handler.self)
      try pipeline.addHandler(PingAnswers(role), position: .before(http2))
    }
  }
}

/// Stands between the network and the HTTP/2 handler of one connection.
private final class PingAnswers: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private var frames: PingFrames

  init(_ role: GRPCRole) { frames = PingFrames(fromClient: role == .server) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let (rest, pings): ([ByteBuffer], [UInt64]) = frames.take(unwrapInboundIn(data))
    // Whole frames are written in one go, so that an answer never comes between the parts of another frame.
    for ping: UInt64 in pings { context.write(wrapOutboundOut(PingFrames.answer(ping)), promise: nil) }
    if !pings.isEmpty { context.flush() }
    for bytes: ByteBuffer in rest { context.fireChannelRead(wrapInboundOut(bytes)) }
  }
}
