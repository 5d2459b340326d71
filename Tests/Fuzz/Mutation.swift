// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Small damage to what was whole: the inputs that parsers get wrong are nearly right.
enum Mutation {
  /// Changes bytes a few times; `tokens` are what the format is made of.
  static func mutated(_ bytes: [UInt8], tokens: [String], _ random: inout FuzzRandom) -> [UInt8] {
    var bytes: [UInt8] = bytes
    for _ in 0...random.below(6) { mutate(&bytes, tokens, &random) }
    return bytes.count > 1 << 20 ? Array(bytes.prefix(1 << 20)) : bytes
  }

  private static func mutate(_ bytes: inout [UInt8], _ tokens: [String], _ random: inout FuzzRandom) {
    let place: Int = random.below(bytes.count + 1)
    func end(_ most: Int, _ random: inout FuzzRandom) -> Int { min(bytes.count, place + random.below(most) + 1) }
    switch random.below(9) {
    case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8(random.below(8)) }
    case 1: if place < bytes.count { bytes[place] = random.byte() }
    case 2: if place < bytes.count { bytes.removeSubrange(place..<end(16, &random)) }
    case 3: bytes.insert(contentsOf: random.bytes(upTo: 8), at: place)
    case 4, 5: if !tokens.isEmpty { bytes.insert(contentsOf: Array(random.pick(tokens).utf8), at: place) }
    case 6:
      let from: Int = random.below(bytes.count + 1)
      let piece: [UInt8] = Array(bytes[from..<min(bytes.count, from + random.below(64))])
      bytes.insert(contentsOf: piece, at: place)
    case 7: bytes.removeSubrange(place...)
    default:
      guard place < bytes.count else { return }
      let piece: [UInt8] = Array(bytes[place..<end(8, &random)])
      for _ in 0..<random.below(60) { bytes.insert(contentsOf: piece, at: place) }
    }
  }

  /// Replaces, removes or adds something somewhere in a tree.
  static func mutated(_ value: JSONValue, _ random: inout FuzzRandom, depth: Int = 0) -> JSONValue {
    if random.oneIn(12) || depth > 12 { return JSONMaker.value(&random, depth: 3) }
    switch value {
    case .object(let members) where members.count > 0:
      var result: JSONObject = JSONObject()
      let chosen: Int = random.below(members.count)
      let drops: Bool = random.oneIn(6)
      for (place, (name, member)) in members.enumerated() {
        if place != chosen {
          result[name] = member
        } else if !drops {
          result[random.oneIn(10) ? random.word() : name] = mutated(member, &random, depth: depth + 1)
        }
      }
      if random.oneIn(8) { result[random.word()] = JSONMaker.value(&random, depth: 2) }
      return .object(result)
    case .array(var items) where !items.isEmpty:
      let chosen: Int = random.below(items.count)
      switch random.below(5) {
      case 0: items.remove(at: chosen)
      case 1: items.append(items[chosen])
      case 2: items.swapAt(0, chosen)
      default: items[chosen] = mutated(items[chosen], &random, depth: depth + 1)
      }
      return .array(items)
    default: return JSONMaker.value(&random, depth: 2)
    }
  }
}
