// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import YAML

/// The YAML reader and emitter.
struct YAMLSubject: Subject {
  static let name: String = "yaml"

  private static let tokens: [String] = [
    "- ", ": ", "\n", "\n  ", "\n    ", "---\n", "...\n", "&a ", "*a", "<<: *a\n", "!!int ", "!!binary ", "|\n", ">-\n", "? ", "{", "}", "[", "]",
    "'", "\"", "#", "\t", "%YAML 1.1\n", "0x7f", "0o17", "1_000", ".inf", ".nan", "~", "yes", "2001-01-01", "\\x", "!<tag:yaml.org,2002:str>", "@", "`",
  ]
  private static let seeds: [String] = [
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: {app: web, \"n\": '1'}\nspec:\n  containers:\n  - name: c\n    image: i\n    args: [a, \"b\", 'c']\n    command:\n    - sh\n    - -c\n    - |\n      echo 1\n      echo 2\n",
    "a: &x {b: 1, c: [1, 2.5, 0x1f, 017, 1e3]}\nd: *x\ne:\n  <<: *x\n  f: >-\n    folded\n    text\n",
    "---\nfirst: ~\n---\nsecond: !!str 5\n...\n",
    "? complex\n: value\n\"quoted \\u263a\": 'it''s'\n",
  ]

  mutating func run(_ random: inout FuzzRandom) throws {
    switch random.below(8) {
    case 0, 1: try roundTrip(&random)
    case 2: try read(Self.bomb(&random))
    case 3: try read(Self.deep(&random))
    default:
      try read(Mutation.mutated(Array(random.pick(Self.seeds).utf8), tokens: Self.tokens, &random))
    }
  }

  private func roundTrip(_ random: inout FuzzRandom) throws {
    let value: JSONValue = .object(["v": JSONMaker.value(&random, depth: 4)])
    let text: String = YAML.text(value)
    // The YAML library takes a byte order mark at the beginning of any scalar for no part of it.
    guard !text.contains("ufeff") else { return }
    FuzzInput.note(Array(text.utf8))
    let back: JSONValue = try YAML.document(text)
    // Through JSON: a number without a fraction is an integer there.
    try expect(Self.plain(back).bytes == Self.plain(value).bytes, "\(value.text) became \(back.text)")
  }

  /// Members sorted; whole numbers as integers; a null that is a member stays.
  private static func plain(_ value: JSONValue) -> JSONValue {
    switch value {
    case .double(let number): return Int64(exactly: number).map { .int($0) } ?? value
    case .array(let items): return .array(items.map(plain))
    case .object(let members):
      var result: JSONObject = JSONObject()
      for name: String in members.keys.sorted() { result.appendUnique(name, plain(members[name] ?? .null)) }
      return .object(result)
    default: return value
    }
  }

  private func read(_ input: [UInt8]) throws {
    FuzzInput.note(input)
    let text: String = String(decoding: input, as: UTF8.self)
    guard let documents: [JSONValue] = try? YAML.documents(text) else { return }
    _ = try? YAML.lenientDocument(text)
    for document: JSONValue in documents {
      let bytes: [UInt8] = document.bytes
      try expect(try JSONValue(parsing: bytes).bytes == bytes, "a document is no JSON: \(document.text.prefix(200))")
      try expect(bytes.count < 200 * max(text.utf8.count, 100_000), "\(text.utf8.count) bytes became \(bytes.count)")
    }
  }

  /// Each anchor holds the one before it many times.
  private static func bomb(_ random: inout FuzzRandom) -> [UInt8] {
    var text: String = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level: Int in 1...(2 + random.below(30)) {
      let times: Int = 2 + random.below(9)
      text += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: times).joined(separator: ", ") + "]\n"
    }
    return Array(text.utf8)
  }

  private static func deep(_ random: inout FuzzRandom) -> [UInt8] {
    let part: String = random.pick(["[", "{a: ", "- ", "? ", "- [", "&a [", "!!str "])
    return Array(String(repeating: part, count: random.below(20_000)).utf8)
  }
}
