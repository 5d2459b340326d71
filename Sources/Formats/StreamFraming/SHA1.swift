// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// SHA-1 (FIPS 180-4), which the WebSocket handshake asks for; nothing here relies on its strength.
enum SHA1 {
  static func hash(_ message: [UInt8]) -> [UInt8] {
    var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
    var padded: [UInt8] = message + [0x80]
    while padded.count % 64 != 56 { padded.append(0) }
    let bits: UInt64 = UInt64(message.count) * 8
    for shift: UInt64 in stride(from: 56, through: 0, by: -8) { padded.append(UInt8(bits >> shift & 0xff)) }
    for block: Int in stride(from: 0, to: padded.count, by: 64) { update(&state, padded[block..<(block + 64)]) }
    return state.flatMap { word in [24, 16, 8, 0].map { UInt8(word >> UInt32($0) & 0xff) } }
  }

  private static func update(_ state: inout [UInt32], _ block: ArraySlice<UInt8>) {
    var words: [UInt32] = []
    var word: UInt32 = 0
    for (index, byte) in block.enumerated() {
      word = word << 8 | UInt32(byte)
      if index % 4 == 3 { words.append(word) }
    }
    for index: Int in 16..<80 {
      words.append(rotate(words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1))
    }
    var (a, b, c, d, e): (UInt32, UInt32, UInt32, UInt32, UInt32) = (state[0], state[1], state[2], state[3], state[4])
    for index: Int in 0..<80 {
      let (f, k): (UInt32, UInt32)
      switch index {
      case ..<20: (f, k) = ((b & c) | (~b & d), 0x5a82_7999)
      case ..<40: (f, k) = (b ^ c ^ d, 0x6ed9_eba1)
      case ..<60: (f, k) = ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc)
      default: (f, k) = (b ^ c ^ d, 0xca62_c1d6)
      }
      let next: UInt32 = rotate(a, 5) &+ f &+ e &+ k &+ words[index]
      (a, b, c, d, e) = (next, a, rotate(b, 30), c, d)
    }
    for (index, value) in [a, b, c, d, e].enumerated() { state[index] = state[index] &+ value }
  }

  private static func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
}
