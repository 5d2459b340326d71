// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// The JSON parser and writer.
struct JSONSubject: Subject {
  static let name: String = "json"

  static let tokens: [String] = [
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "\\udc00", "\\n", "null", "true", "false", "-", "0", "1e", ".", "e+",
    "1E400", "-0", "9223372036854775808", "18446744073709551615", "\u{feff}", "\u{0}", "{\"a\":", "[[[[[[[[", "\"\":", " ", "\t",
  ]

  mutating func run(_ random: inout FuzzRandom) throws {
    let whole: JSONValue = JSONMaker.value(&random, depth: 8)
    let bytes: [UInt8] = whole.bytes
    FuzzInput.note(bytes)
    let back: JSONValue = try JSONValue(parsing: bytes)
    try expect(back.bytes == bytes, "a value is written otherwise after it was read: \(back.text)")
    try expect(try JSONValue(parsing: whole.prettyText).bytes == bytes, "the pretty form is another value")
    let input: [UInt8]
    switch random.below(10) {
    case 0: input = Self.deep(&random)
    case 1: input = random.bytes(upTo: 200)
    default: input = Mutation.mutated(bytes, tokens: Self.tokens, &random)
    }
    FuzzInput.note(input)
    guard let value: JSONValue = try? JSONValue(parsing: input) else { return }
    let again: [UInt8] = value.bytes
    try expect(try JSONValue(parsing: again).bytes == again, "what was read is not what is written")
    // Another way through the parser, which must agree on what is valid.
    _ = try JSONValue(parsingWithDuplicates: input)
  }

  private static func deep(_ random: inout FuzzRandom) -> [UInt8] {
    let part: String = random.pick(["[", "{\"a\":", "[{\"b\":", "[[],"])
    return Array(String(repeating: part, count: random.below(50_000)).utf8)
  }
}
