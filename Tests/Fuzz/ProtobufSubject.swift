// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Objects between JSON and protobuf, and damaged protobuf.
struct ProtobufSubject: Subject {
  static let name: String = "protobuf"

  mutating func run(_ random: inout FuzzRandom) throws {
    let kind: KindSchema = random.pick(SchemaMaker.kinds)
    let made: JSONValue = SchemaMaker().object(kind, &random)
    FuzzInput.note(made.bytes)
    // What is out of range of a type is refused here, and no more.
    guard let object: JSONValue = try? kind.decode(tree: made).object else { return }
    let json: [UInt8] = kind.encodeJSON(object)
    let normal: JSONValue = try JSONValue(parsing: json)
    let again: [UInt8] = kind.encodeJSON(try kind.decode(tree: normal).object)
    try expect(again == json, "the JSON form is not stable: \(String(decoding: json, as: UTF8.self)) and \(String(decoding: again, as: UTF8.self))")
    guard let bytes: [UInt8] = kind.encodeProtobuf(object) else { return }
    let back: JSONValue = try JSONValue(parsing: kind.encodeJSON(try kind.decodeProtobuf(bytes)))
    try expect(back == normal, "protobuf made another object: \(Difference.first(normal, back))")
    let input: [UInt8] = Mutation.mutated(bytes, tokens: ["\u{0}", "\u{a}\u{0}", "\u{ff}\u{ff}\u{ff}\u{ff}\u{f}", "k8s\u{0}"], &random)
    FuzzInput.note(input)
    guard let damaged: JSONValue = try? kind.decodeProtobuf(input) else { return }
    guard let readable: JSONValue = try? kind.decode(tree: damaged).object else { return }
    // Whatever was read can be kept, and given out in both forms.
    let kept: JSONValue = try JSONValue(parsing: kind.encodeJSON(readable))
    guard let written: [UInt8] = kind.encodeProtobuf(kept) else { return }
    let readAgain: JSONValue = try JSONValue(parsing: kind.encodeJSON(try kind.decodeProtobuf(written)))
    try expect(readAgain == kept, "what was read is not stable: \(Difference.first(kept, readAgain))")
  }
}

/// Where two values differ.
enum Difference {
  static func first(_ left: JSONValue, _ right: JSONValue, _ path: String = "") -> String {
    switch (left, right) {
    case (.object(let one), .object(let other)):
      for key: String in one.keys where one[key] != other[key] {
        return first(one[key] ?? .null, other[key] ?? .null, "\(path).\(key)")
      }
      for key: String in other.keys where one[key] == nil { return "\(path).\(key) is new: \(other[key]?.text ?? "")" }
    case (.array(let one), .array(let other)) where one.count == other.count:
      for (place, (a, b)) in zip(one, other).enumerated() where a != b { return first(a, b, "\(path)[\(place)]") }
    default: break
    }
    return "\(path): \(left.text) and \(right.text)"
  }
}
