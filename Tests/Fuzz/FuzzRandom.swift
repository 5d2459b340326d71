// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Numbers that follow from a seed alone (SplitMix64), so that every case can be made again.
struct FuzzRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64, number: UInt64) {
    state = seed &* 0x9e37_79b9_7f4a_7c15 ^ (number &+ 1) &* 0xd134_2543_de82_ef95
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z: UInt64 = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// A number from 0 to below `bound`.
  mutating func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(next() % UInt64(bound)) }

  /// True once in so many times.
  mutating func oneIn(_ times: Int) -> Bool { below(times) == 0 }

  mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }

  mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next()) }

  mutating func bytes(upTo count: Int) -> [UInt8] {
    let length: Int = below(count + 1)
    return (0..<length).map { _ in byte() }
  }

  /// A number as programs get them wrong: around zero, powers of two, and the ends of the types.
  mutating func integer() -> Int64 {
    switch below(6) {
    case 0: Int64(below(3)) - 1
    case 1: Int64(truncatingIfNeeded: (1 as UInt64) << UInt64(below(64))) &+ Int64(below(3)) &- 1
    case 2: pick([Int64.max, Int64.min, Int64(Int32.max), Int64(Int32.min), Int64(UInt32.max), 65_536, 255])
    case 3: Int64(truncatingIfNeeded: next())
    default: Int64(below(1000))
    }
  }

  /// A short word: names as they should be, and as they should not.
  mutating func word() -> String {
    switch below(12) {
    case 0: ""
    case 1: pick(["a/b", "..", ".", "é", "😀", "\u{0}", "\u{7f}", "a b", "-", "_", "\"", "\\", "\u{2028}", "null", "true", "0", "\u{feff}"])
    case 2: String(repeating: pick(["a", "é", "/", "."]), count: below(300))
    case 3: String(decoding: bytes(upTo: 12), as: UTF8.self)
    default: pick(["name", "a", "b", "c", "x", "app", "v1", "web", "spec", "main", "default", "kube-system"]) + (oneIn(2) ? String(below(4)) : "")
    }
  }
}
