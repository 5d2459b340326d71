// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The end of a pipeline that carries raw bytes: an upgraded connection.
///
/// `@unchecked Sendable`: its `var`s are touched on the channel's event loop only.
final class RawHandler: ChannelDuplexHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let eventLoop: any EventLoop
  private let gate: WriteGate = WriteGate()
  private var context: ChannelHandlerContext?
  private var readIsHeld: Bool = false
  private lazy var queue: InboundQueue = InboundQueue { [weak self] in self?.readAgain() }

  init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func connection(_ channel: any Channel) -> RawConnection {
    RawConnection(channel: channel, queue: queue, gate: gate)
  }

  private func readAgain() {
    eventLoop.execute {
      guard self.readIsHeld else { return }
      self.readIsHeld = false
      self.context?.read()
    }
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    end(nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if !queue.push(unwrapInboundIn(data)) { readIsHeld = true }
  }

  func read(context: ChannelHandlerContext) {
    if !readIsHeld { context.read() }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    gate.set(isWritable: context.channel.isWritable)
  }

  func channelInactive(context: ChannelHandlerContext) { end(nil) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    end(nil)
    context.close(promise: nil)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent { context.close(promise: nil) }
  }

  private func end(_ error: (any Error)?) {
    queue.finish(error)
    gate.close()
  }
}
