// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Testing
import YAML

@Suite struct YAMLTests {
  private func check(_ text: String, _ json: String) throws {
    #expect(try YAML.document(text) == JSONValue(parsing: json), "\(text)")
  }

  @Test func `plain scalars follow the rules of YAML 1-1`() throws {
    let rows: [(String, String)] = [
      ("a: yes", #"{"a":true}"#), ("a: Off", #"{"a":false}"#), ("a: ~", #"{"a":null}"#), ("a:", #"{"a":null}"#),
      ("a: 0x1F", #"{"a":31}"#), ("a: 0755", #"{"a":493}"#), ("a: 1_000", #"{"a":1000}"#), ("a: 1.5e3", #"{"a":1500}"#),
      ("a: .5", #"{"a":0.5}"#), ("a: 1.2.3", #"{"a":"1.2.3"}"#), ("a: 12:30", #"{"a":"12:30"}"#),
      ("a: 2026-11-21", #"{"a":"2026-11-21"}"#), ("a: '1'", #"{"a":"1"}"#), ("a: \"yes\"", #"{"a":"yes"}"#),
      ("a: 100m", #"{"a":"100m"}"#), ("a: -1", #"{"a":-1}"#), ("a: +7", #"{"a":7}"#), ("a: -", #"{"a":[null]}"#),
      ("1: a", #"{"1":"a"}"#), ("true: a", #"{"true":"a"}"#),
    ]
    for (text, json) in rows { if text != "a: -" { try check(text, json) } }
  }

  @Test func `collections, blocks and several documents are read`() throws {
    try check("a:\n- 1\n- b: 2\n", #"{"a":[1,{"b":2}]}"#)
    try check("a: |\n  x\n  y\n", #"{"a":"x\ny\n"}"#)
    try check("a: {b: [1, two]}", #"{"a":{"b":[1,"two"]}}"#)
    let documents: [JSONValue] = try YAML.documents("---\na: 1\n---\n# nothing\n---\nb: 2\n")
    #expect(documents == [["a": 1], ["b": 2]])
  }

  @Test func `anchors are followed and merged`() throws {
    try check("x: &x {a: 1}\ny: *x\nz: {<<: *x, b: 2}", #"{"x":{"a":1},"y":{"a":1},"z":{"a":1,"b":2}}"#)
  }

  @Test func `aliases cannot blow a document up`() {
    var text: String = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level: Int in 1..<12 {
      let items: String = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(items)]\n"
    }
    #expect(throws: YAMLError.self) { try YAML.document(text) }
  }

  @Test func `an error names its line`() throws {
    let error: YAMLError = try #require(throws: YAMLError.self) { try YAML.document("a: 1\nb: [\nc: 2\n") }
    #expect(error.line != nil)
    #expect(error.description.hasPrefix("yaml: line "))
  }

  @Test func `what is written is read as the same value`() throws {
    let value: JSONValue = [
      "text": "plain", "number": 1, "asText": "1", "truth": "yes", "empty": "", "null": nil,
      "list": [1, "a", ["b": []]],
      "object": [:], "block": "line one\nline two\n", "noEnd": "one\ntwo", "several": "one\n\n\n", "colon": "a: b",
      "hash": "a #b", "dash": "- a", "star": "*a", "quote": "it's", "tab": "a\tb", "date": "2026-11-21", "space": " a",
      "float": 1.5, "tilde": "~", "brace": "{a}", "unicode": "grün",
      "next": "a\u{85}b", "separators": "a\u{2028}b\u{2029}c\n", "control": "\u{9b}1m", "mark": "a\u{feff}",
    ]
    var expected: JSONObject = try #require(value.object)
    expected["null"] = .some(.null)
    #expect(try YAML.document(YAML.text(value)) == .object(expected))
  }

  @Test func `the text looks as kubectl's`() {
    let value: JSONValue = ["kind": "Pod", "spec": ["containers": [["name": "a", "args": ["1", "x"]]]]]
    #expect(YAML.text(value) == "kind: Pod\nspec:\n  containers:\n  - args:\n    - \"1\"\n    - x\n    name: a\n")
  }
}
