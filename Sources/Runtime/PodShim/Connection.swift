// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Kernel
import ShimProtocol

/// One connection of a runtime.
final class Connection {
  private let socket: SharedDescriptor
  private let loop: EventLoop
  private let onRequest: (Connection, Int64, String, JSONValue, [SharedDescriptor]) -> Void
  private let onClose: (Connection) -> Void

  init(
    _ socket: SharedDescriptor, _ loop: EventLoop,
    onRequest: @escaping (Connection, Int64, String, JSONValue, [SharedDescriptor]) -> Void,
    onClose: @escaping (Connection) -> Void
  ) throws(SystemError) {
    self.socket = socket
    self.loop = loop
    self.onRequest = onRequest
    self.onClose = onClose
    try loop.watch(socket.raw, .readable) { [weak self] _ in self?.receive() }
  }

  private func receive() {
    do throws(SystemError) {
      guard let packet = try UnixSocket.receive(socket.raw, upTo: ShimMessage.packetBytesMax, dontWait: true) else {
        return close()
      }
      if case .request(let id, let method, let parameters) = ShimMessage(packet.bytes) {
        onRequest(self, id, method, parameters, packet.descriptors)
      }
    } catch { if error.errno != .wouldBlock { close() } }
  }

  /// Sends a message. A runtime that does not read (its buffer is full) is let go: it will ask for the state again.
  func send(_ message: ShimMessage, _ descriptors: [SharedDescriptor] = []) {
    do throws(SystemError) {
      try UnixSocket.send(socket.raw, message.bytes, descriptors: descriptors.map(\.raw), dontWait: true)
    } catch { close() }
  }

  func close() {
    loop.forget(socket.raw)
    onClose(self)
  }
}
