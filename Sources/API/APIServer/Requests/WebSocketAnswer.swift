// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import HTTPServing
import NIOCore
import NIOHTTP1
import StreamFraming

/// An answer in messages over a WebSocket instead of in a body, as programs in browsers ask for logs and watches.
struct WebSocketAnswer: Sendable {
  private static let base64Protocol: String = "base64.binary.k8s.io"
  private static let byteProtocols: Set<String> = ["", "binary.k8s.io", base64Protocol]
  /// What a peer says is of no interest, but for its end.
  private static let inboundBytesMax: Int = 1 << 16
  private static let normalEnd: UInt16 = 1000

  private let connection: RawConnection
  private let isBase64: Bool

  static func isWanted(by call: APICall) -> Bool {
    call.request.isUpgrade && call.request.headers.first(name: "upgrade")?.lowercased() == "websocket"
  }

  /// Of the protocols for bytes the first that the peer offers.
  static func byteProtocol(_ offered: [String]) -> String? {
    offered.isEmpty ? "" : offered.first { byteProtocols.contains($0) }
  }

  /// The only protocol that the peer offers, whatever it is.
  static func onlyProtocol(_ offered: [String]) -> String? { offered.count > 1 ? nil : offered.first ?? "" }

  /// Turns the connection into a WebSocket.
  init(_ call: APICall, choosing choose: ([String]) -> String?) async throws {
    guard let key: String = call.request.headers.first(name: "sec-websocket-key") else {
      throw StatusError.badRequest("no Sec-WebSocket-Key")
    }
    let offered: [String] = call.request.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
    guard let name: String = choose(offered) else {
      throw StatusError.badRequest("requested protocols are not supported: \(offered.joined(separator: ", "))")
    }
    var headers: HTTPHeaders = call.headers(contentType: nil)
    headers.add(name: "upgrade", value: "websocket")
    headers.add(name: "connection", value: "Upgrade")
    headers.add(name: "sec-websocket-accept", value: WebSocketHandshake.accept(key: key))
    if !name.isEmpty { headers.add(name: "sec-websocket-protocol", value: name) }
    isBase64 = name == Self.base64Protocol
    connection = try await call.response.upgrade(headers: headers)
  }

  func send(bytes: ByteBuffer) async throws {
    let bytes: [UInt8] = Array(bytes.readableBytesView)
    let message: WebSocketMessage = isBase64 ? .text(Base64Text.encodeBytes(bytes)) : .binary(bytes)
    try await connection.write(message.frame())
  }

  func send(text: ByteBuffer) async throws {
    try await connection.write(WebSocketMessage.text(Array(text.readableBytesView)).frame())
  }

  /// Sends until all is sent or the peer is gone, then closes.
  func run(_ send: @escaping @Sendable (WebSocketAnswer) async throws -> Void) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        // The answer has begun: only its end tells the caller, as it does of a peer that is gone.
        try? await send(self)
        try? await connection.write(WebSocketMessage.close(code: Self.normalEnd, reason: "").frame())
      }
      group.addTask { try? await listen() }
      await group.next()
      group.cancelAll()
      await connection.close()
    }
  }

  /// Answers pings until the peer ends.
  private func listen() async throws {
    var reader: WebSocketReader = WebSocketReader(role: .server, messageBytesMax: Self.inboundBytesMax)
    for try await chunk in connection.inbound {
      reader.append(chunk.readableBytesView)
      while let message: WebSocketMessage = try reader.next() {
        switch message {
        case .ping(let bytes): try await connection.write(WebSocketMessage.pong(bytes).frame())
        case .close: return
        case .text, .binary, .pong: break
        }
      }
    }
  }
}

extension PassThrough {
  /// The body of the other server's answer in messages over a WebSocket.
  func runOverWebSocket(_ call: APICall) async throws {
    let request: HTTPClientRequest = HTTPClientRequest(
      method: "GET", target: path, headers: ["host": target.hostHeader], body: HTTPBody())
    let answer: HTTPClientResponse = try await open(request)
    defer { answer.close() }
    guard answer.status == .ok else { throw try await Self.status(answer) }
    try await WebSocketAnswer(call, choosing: WebSocketAnswer.byteProtocol).run { socket in
      for try await chunk in answer.body { try await socket.send(bytes: chunk) }
    }
  }
}
