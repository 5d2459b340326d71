// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Logging
import NIOCore
import NIOPosix

/// The UDP and TCP sockets of one address.
struct DNSListener: Sendable {
  /// Queries that wait for other servers at the same time; more are dropped, and their clients ask again.
  private static let pendingMax: Int = 1000
  /// A TCP connection on which nothing comes is closed.
  private static let idleTime: TimeAmount = .seconds(30)

  let address: String
  let port: Int
  let responder: QueryResponder
  let logger: Logger

  /// Serves until the task is cancelled.
  func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await runUDP() }
      group.addTask { try await runTCP() }
      try await group.next()
      group.cancelAll()
    }
  }

  private func runUDP() async throws {
    let channel: NIOAsyncChannel<AddressedEnvelope<ByteBuffer>, AddressedEnvelope<ByteBuffer>> =
      try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.socketOption(.so_rcvbuf), value: 1 << 20)
      .bind(host: address, port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel(
            wrappingChannelSynchronously: channel,
            configuration: .init(backPressureStrategy: .init(lowWatermark: 256, highWatermark: 4096)))
        }
      }
    logger.info("listening", metadata: ["address": "\(address)", "port": "\(port)"])
    let pending: PendingCount = PendingCount(limit: Self.pendingMax)
    try await channel.executeThenClose { inbound, outbound in
      try await withThrowingDiscardingTaskGroup { group in
        for try await packet: AddressedEnvelope<ByteBuffer> in inbound {
          let bytes: [UInt8] = Array(packet.data.readableBytesView)
          let client: SocketAddress = packet.remoteAddress
          let step: QueryResponder.Step = responder.step(bytes, overTCP: false)
          switch step {
          case .ignore: continue
          case .reply(let reply): await send(reply, to: client, outbound)
          case .forward, .follow:
            guard pending.take() else { continue }
            group.addTask {
              defer { pending.give() }
              guard let reply = await responder.forwarded(step, bytes, overTCP: false) else { return }
              await send(reply, to: client, outbound)
            }
          }
        }
      }
    }
  }

  private func send(
    _ reply: [UInt8], to client: SocketAddress, _ outbound: NIOAsyncChannelOutboundWriter<AddressedEnvelope<ByteBuffer>>
  ) async {
    // A client that cannot be reached is no reason to stop.
    try? await outbound.write(AddressedEnvelope(remoteAddress: client, data: ByteBuffer(bytes: reply)))
  }

  private func runTCP() async throws {
    let server: NIOAsyncChannel<NIOAsyncChannel<ByteBuffer, ByteBuffer>, Never> =
      try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .bind(host: address, port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(IdleStateHandler(allTimeout: Self.idleTime))
          try channel.pipeline.syncOperations.addHandler(IdleCloser())
          try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(TCPFrameDecoder()))
          return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
        }
      }
    try await server.executeThenClose { inbound in
      try await withThrowingDiscardingTaskGroup { group in
        for try await connection: NIOAsyncChannel<ByteBuffer, ByteBuffer> in inbound {
          group.addTask { await serve(connection) }
        }
      }
    }
  }

  private func serve(_ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async {
    // A connection that breaks concerns nobody but its client.
    try? await connection.executeThenClose { inbound, outbound in
      for try await frame: ByteBuffer in inbound {
        let bytes: [UInt8] = Array(frame.readableBytesView)
        let step: QueryResponder.Step = responder.step(bytes, overTCP: true)
        guard let reply = await responder.forwarded(step, bytes, overTCP: true) else { return }
        try await outbound.write(TCPFrameDecoder.frame(reply))
      }
    }
  }
}

/// Closes a connection that was idle for too long.
private final class IdleCloser: ChannelInboundHandler {
  typealias InboundIn = Any

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) } else { context.fireUserInboundEventTriggered(event) }
  }
}
