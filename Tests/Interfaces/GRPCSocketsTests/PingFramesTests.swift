// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import GRPCSockets

@Suite struct PingFramesTests {
  private static let preface: [UInt8] = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  private static let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]
  private static let data: [UInt8] = [0, 0, 3, 0, 1, 0, 0, 0, 1, 6, 0, 6]
  private static let ping: [UInt8] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
  private static let answer: [UInt8] = [0, 0, 8, 6, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
  private static let malformed: [UInt8] = [0, 0, 1, 6, 0, 0, 0, 0, 0, 9]

  /// What passes and what is answered, whatever the pieces in which the bytes arrive.
  private func check(
    _ frames: [[UInt8]], fromClient: Bool = false, passes: [[UInt8]], pings: Int,
    location: SourceLocation = #_sourceLocation
  ) {
    let bytes: [UInt8] = frames.flatMap { $0 }
    for size: Int in 1...bytes.count {
      var filter: PingFrames = PingFrames(fromClient: fromClient)
      var rest: [UInt8] = []
      var answers: [UInt8] = []
      for start: Int in stride(from: 0, to: bytes.count, by: size) {
        let taken: (rest: [ByteBuffer], pings: [UInt64]) =
          filter.take(ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]))
        for piece: ByteBuffer in taken.rest { rest += piece.readableBytesView }
        for ping: UInt64 in taken.pings { answers += PingFrames.answer(ping).readableBytesView }
      }
      #expect(rest == passes.flatMap { $0 }, "in pieces of \(size)", sourceLocation: location)
      #expect(answers == Array(repeating: Self.answer, count: pings).flatMap { $0 }, sourceLocation: location)
    }
  }

  @Test func `pings are taken out and answered, everything else passes`() {
    check([Self.settings, Self.data], passes: [Self.settings, Self.data], pings: 0)
    check([Self.settings, Self.ping, Self.data, Self.ping, Self.ping], passes: [Self.settings, Self.data], pings: 3)
    check([Self.ping, Self.answer, Self.data], passes: [Self.answer, Self.data], pings: 1)
    check([Self.malformed, Self.ping, Self.data], passes: [Self.malformed, Self.data], pings: 1)
    check(
      [Self.preface, Self.settings, Self.ping, Self.data], fromClient: true,
      passes: [Self.preface, Self.settings, Self.data], pings: 1)
  }
}
