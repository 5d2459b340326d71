// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// JSON, merge and strategic merge patches on objects of built-in kinds.
struct PatchSubject: Subject {
  static let name: String = "patch"

  private static let paths: [String] = [
    "", "/", "/metadata", "/metadata/labels/a", "/metadata/labels/a~1b", "/metadata/~0", "/spec/containers/0", "/spec/containers/-",
    "/spec/containers/00", "/spec/containers/-1", "/spec/containers/9223372036854775808", "/spec/containers/0/name", "/spec", "/data/x", "/a/b/c",
    "/spec/containers/+1", "//", "/metadata/~2", "metadata",
  ]
  private static let directives: [String] = ["$patch", "$setElementOrder/containers", "$retainKeys", "$deleteFromPrimitiveList/finalizers"]

  mutating func run(_ random: inout FuzzRandom) throws {
    let kind: KindSchema = random.pick(SchemaMaker.kinds)
    let object: JSONValue = kind.normalized(SchemaMaker(faults: random.oneIn(5) ? 40 : 0).object(kind, &random))
    let before: [UInt8] = object.bytes
    let type: PatchType = random.pick([.json, .merge, .strategic])
    let patch: JSONValue = type == .json ? Self.operations(object, &random) : Self.changes(kind, object, type, &random)
    FuzzInput.note(before + [10] + patch.bytes)
    guard let read: JSONValue = try? type.parse(patch.bytes) else { return }
    let result: JSONValue?
    switch type {
    case .json: result = try? object.jsonPatched(with: read)
    case .merge: result = object.mergePatched(with: read)
    default: result = try? kind.strategicallyPatched(object, with: read)
    }
    try expect(object.bytes == before, "the object that was patched has changed")
    guard let result else { return }
    try expect(try JSONValue(parsing: result.bytes).bytes == result.bytes, "the result is no JSON: \(result.text)")
    if type == .merge {
      try expect(result.mergePatched(with: read) == result, "a merge patch changes its own result")
    }
    guard let decoded = try? kind.decodePatched(result, validation: .warn, strategicPatch: type == .strategic ? read : nil) else { return }
    let normal: [UInt8] = kind.normalized(decoded.object).bytes
    let again: [UInt8] = kind.normalized(try kind.decode(tree: JSONValue(parsing: normal)).object).bytes
    try expect(again == normal, "the patched object is not stable")
  }

  private static func operations(_ object: JSONValue, _ random: inout FuzzRandom) -> JSONValue {
    var list: [JSONValue] = []
    for _ in 0..<random.below(6) {
      var operation: JSONObject = JSONObject()
      operation["op"] = .string(random.pick(["add", "remove", "replace", "move", "copy", "test", "tset", ""]))
      operation["path"] = .string(path(object, &random))
      if random.oneIn(2) { operation["from"] = .string(path(object, &random)) }
      if !random.oneIn(4) { operation["value"] = JSONMaker.value(&random, depth: 3) }
      list.append(random.oneIn(20) ? JSONMaker.value(&random, depth: 2) : .object(operation))
    }
    return .array(list)
  }

  /// A path that there is, mostly.
  private static func path(_ object: JSONValue, _ random: inout FuzzRandom) -> String {
    if random.oneIn(3) { return random.pick(paths) }
    var text: String = ""
    var value: JSONValue = object
    for _ in 0...random.below(6) {
      if case .object(let members) = value, let key: String = members.keys.isEmpty ? nil : random.pick(Array(members.keys)) {
        text += "/" + key
        value = members[key] ?? .null
      } else if case .array(let items) = value, !items.isEmpty {
        let place: Int = random.below(items.count)
        text += "/\(place)"
        value = items[place]
      } else {
        break
      }
    }
    return text
  }

  private static func changes(_ kind: KindSchema, _ object: JSONValue, _ type: PatchType, _ random: inout FuzzRandom) -> JSONValue {
    var patch: JSONValue = random.oneIn(2) ? Mutation.mutated(object, &random) : SchemaMaker(faults: 30).object(kind, &random)
    if type == .strategic, random.oneIn(2) {
      let value: JSONValue = random.pick(["delete", "replace", "merge", ["name"], [["name": "a"]], ["a", "b"], "x", 5])
      patch = directed(patch, random.pick(directives), value, &random)
    }
    return patch
  }

  /// Puts a directive somewhere into a patch.
  private static func directed(_ patch: JSONValue, _ name: String, _ value: JSONValue, _ random: inout FuzzRandom) -> JSONValue {
    switch patch {
    case .object(var members):
      let keys: [String] = Array(members.keys)
      if keys.isEmpty || random.oneIn(3) {
        members[name] = value
      } else {
        let key: String = random.pick(keys)
        members[key] = directed(members[key] ?? .null, name, value, &random)
      }
      return .object(members)
    case .array(var items) where !items.isEmpty:
      let place: Int = random.below(items.count)
      items[place] = directed(items[place], name, value, &random)
      return .array(items)
    default: return .object([name: value])
    }
  }
}
