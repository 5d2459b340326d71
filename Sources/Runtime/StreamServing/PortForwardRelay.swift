// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOPosix

/// Copies between a client's stream and a socket in the sandbox.
enum PortForwardRelay {
  /// Connects and copies both ways until both directions have ended; an end of one is passed on.
  ///
  /// - Parameter onOutputEnd: called when the sandbox has nothing more to say.
  static func run(
    _ backend: any StreamBackend, _ request: PortForwardStreamRequest, port: UInt16, input: StreamInput,
    output: StreamOutput, onOutputEnd: @escaping @Sendable () async throws -> Void
  ) async throws {
    let descriptor: CInt = try await backend.connect(request, port: port)
    let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer> = try await ClientBootstrap(
      group: MultiThreadedEventLoopGroup.singleton
    )
    .channelOption(.allowRemoteHalfClosure, value: true)
    .withConnectedSocket(descriptor) { channel in
      channel.eventLoop.makeCompletedFuture {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
          wrappingChannelSynchronously: channel,
          configuration: NIOAsyncChannel.Configuration(isOutboundHalfClosureEnabled: true))
      }
    }
    try await channel.executeThenClose { inbound, outbound in
      await withTaskGroup(of: Void.self) { group in
        group.addTask {
          // Either side may go at any time; that ends its direction, and the session when both have ended.
          do {
            for try await bytes: ByteBuffer in input { try await outbound.write(bytes) }
          } catch {}
          outbound.finish()
        }
        group.addTask {
          do {
            for try await bytes: ByteBuffer in inbound { try await output.write(bytes) }
            try await onOutputEnd()
          } catch {}
          // The sandbox's socket is done: nobody will read what the client still sends.
          input.queue.finish()
        }
      }
    }
  }
}
