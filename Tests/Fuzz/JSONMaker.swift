// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Makes JSON values: any, or such as fit a schema.
enum JSONMaker {
  static func value(_ random: inout FuzzRandom, depth: Int = 5) -> JSONValue {
    switch random.below(depth > 0 ? 9 : 6) {
    case 0: return .null
    case 1: return .bool(random.oneIn(2))
    case 2: return .int(random.integer())
    case 3: return double(&random)
    case 4, 5: return .string(random.word())
    case 6:
      var items: [JSONValue] = []
      for _ in 0..<random.below(4) { items.append(value(&random, depth: depth - 1)) }
      return .array(items)
    default:
      var members: JSONObject = JSONObject()
      for _ in 0..<random.below(5) { members[random.word()] = value(&random, depth: depth - 1) }
      return .object(members)
    }
  }

  private static func double(_ random: inout FuzzRandom) -> JSONValue {
    switch random.below(4) {
    case 0: return .double(Double(random.below(1000)) / 8 + 0.0625)
    case 1: return .double(random.pick([1e300, -1e300, 5e-300, 0.1, 1e21, 123456789.125, 1e-7]))
    default:
      let value: Double = Double(bitPattern: random.next())
      return value.isFinite ? .double(value) : .double(0.5)
    }
  }
}
