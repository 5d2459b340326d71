// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Server-side apply: two managers and an updater in turns on one object.
struct ApplySubject: Subject {
  static let name: String = "apply"

  mutating func run(_ random: inout FuzzRandom) throws {
    let kind: KindSchema = random.pick(SchemaMaker.kinds)
    let manager: FieldManager = FieldManager(kind: kind)
    var live: JSONValue = .null
    for _ in 0..<(1 + random.below(4)) {
      let made: JSONValue = SchemaMaker(faults: random.oneIn(6) ? 60 : 0).object(kind, &random)
      let name: String = random.pick(["one", "two"])
      FuzzInput.note(live.bytes + [10] + made.bytes)
      let before: [UInt8] = live.bytes
      if random.oneIn(3) {
        guard let decoded = try? kind.decode(tree: made) else { continue }
        live = manager.updated(live: live, object: kind.normalized(decoded.object), manager: name, time: "2024-01-01T00:00:00Z")
      } else {
        let force: Bool = random.oneIn(2)
        guard let applied: JSONValue = try? manager.applied(
          live: live, configuration: made, manager: name, force: force, time: "2024-01-01T00:00:00Z")
        else {
          try expect(live.bytes == before, "an apply that was refused has changed the object")
          continue
        }
        // Who applies the same again finds everything done; where an object has become empty, the time after.
        let again = { live in
          try manager.applied(live: live, configuration: made, manager: name, force: force, time: "2024-01-01T00:00:00Z")
        }
        let twice: JSONValue = try again(applied)
        let thrice: JSONValue = try again(twice)
        try expect(thrice == twice, "the same apply changes its result: \(Difference.first(twice, thrice))")
        live = applied
      }
      try expect(try JSONValue(parsing: live.bytes).bytes == live.bytes, "the result is no JSON")
    }
  }
}
