// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import HTTPServing
internal import NIOCore
internal import StreamFraming

/// A WebSocket on the server's side.
struct WebSocketConnection: Sendable {
  let raw: RawConnection

  func send(_ message: WebSocketMessage) async throws { try await raw.write(message.frame()) }

  /// Hands each text or binary message to `body` until the client closes or goes; pings are answered here.
  func receive(_ body: (_ bytes: [UInt8]) async throws -> Void) async throws {
    var reader: WebSocketReader = WebSocketReader(role: .server)
    for try await chunk: ByteBuffer in raw.inbound {
      reader.append(chunk.readableBytesView)
      while let message: WebSocketMessage = try reader.next() {
        switch message {
        case .text(let bytes), .binary(let bytes): try await body(bytes)
        case .ping(let bytes): try await send(.pong(bytes))
        case .pong: break
        case .close: return
        }
      }
    }
  }

  /// Says goodbye. The connection closes when the client has answered, or after a while: closing at once
  /// could make the kernel drop what the client has not read.
  func close(after reading: Task<Void, Never>) async {
    // A client that has gone needs no goodbye.
    try? await send(.close(code: 1000, reason: ""))
    await linger(reading, raw)
  }
}

/// How long a client may take to close after the server did.
private let lingerTime: Duration = .seconds(2)

/// Waits until the client has closed its side, for a while, and closes the connection.
func linger(_ reading: Task<Void, Never>, _ raw: RawConnection) async {
  await withTaskGroup(of: Void.self) { group in
    group.addTask { await reading.value }
    // An early end of the sleep means that the wait is over anyhow.
    group.addTask { try? await Task.sleep(for: lingerTime) }
    await group.next()
    await raw.close()
    reading.cancel()
    group.cancelAll()
  }
}
