// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import StreamFraming

/// SPDY/3.1 frames in pieces of any size, with compressed header blocks.
struct SPDYSubject: Subject {
  static let name: String = "spdy"

  mutating func run(_ random: inout FuzzRandom) throws {
    let writer: SPDYWriter = try SPDYWriter()
    var frames: [SPDYFrame] = []
    var stream: [UInt8] = []
    for _ in 0..<random.below(6) {
      let frame: SPDYFrame = Self.frame(&random)
      frames.append(frame)
      stream += try writer.bytes(frame)
    }
    FuzzInput.note(stream)
    try expect(try Self.read(stream, &random) == frames, "frames come out otherwise")
    let input: [UInt8] = Mutation.mutated(stream, tokens: ["\u{0}\u{0}\u{0}", "\u{ff}", "\u{1}"], &random)
    FuzzInput.note(input)
    _ = try? Self.read(input, &random)
  }

  private static func frame(_ random: inout FuzzRandom) -> SPDYFrame {
    let id: UInt32 = UInt32(truncatingIfNeeded: random.next()) & 0x7fff_ffff
    var headers: SPDYHeaders = [:]
    for _ in 0..<random.below(5) { headers[random.word().lowercased()] = random.word() }
    switch random.below(9) {
    case 0: return .synStream(stream: id, headers: headers, isLast: random.oneIn(2), isUnidirectional: random.oneIn(2))
    case 1: return .synReply(stream: id, headers: headers, isLast: random.oneIn(2))
    case 2: return .rstStream(stream: id, status: 5)
    case 3: return .settings
    case 4: return .ping(id: id)
    case 5: return .goAway(lastStream: id, status: 0)
    case 6: return .headers(stream: id, headers: headers, isLast: random.oneIn(2))
    case 7: return .windowUpdate(stream: id, delta: id)
    default: return .data(stream: id, bytes: random.bytes(upTo: 500), isLast: random.oneIn(2))
    }
  }

  private static func read(_ bytes: [UInt8], _ random: inout FuzzRandom) throws -> [SPDYFrame] {
    var reader: SPDYReader = try SPDYReader()
    var frames: [SPDYFrame] = []
    var place: Int = 0
    while place < bytes.count {
      let end: Int = min(bytes.count, place + 1 + random.below(random.pick([1, 10, 2000])))
      reader.append(bytes[place..<end])
      place = end
      while let frame: SPDYFrame = try reader.next() { frames.append(frame) }
    }
    return frames
  }
}
