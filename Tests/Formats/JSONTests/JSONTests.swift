// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Testing

@Suite struct JSONTests {
  @Test func `setting null removes a member`() {
    var value: JSONValue = ["a": 1, "b": ["c": 2]]
    value["a"] = .null
    value["b"]["c"] = .null
    value["x"] = .null
    #expect(value.text == #"{"b":{}}"#)
  }

  @Test(arguments: [
    (#"{"a":1"#, "unexpected end of JSON input"), ("not", "invalid character 'o' in literal null (expecting 'u')"),
    ("", "unexpected end of JSON input"), (#"{"a" 1}"#, "invalid character '1' after object key"),
    (#"[1 2]"#, "invalid character '2' after array element"), (#"{}{"#, "invalid character '{' after top-level value"),
    (#"{a:1}"#, "invalid character 'a' looking for beginning of object key string"),
    ("\"\u{01}\"", #"invalid character '\x01' in string literal"#),
    (#""\q""#, "invalid character 'q' in string escape code"),
    ("01", "invalid character '1' after top-level value"), ("-", "unexpected end of JSON input"),
    ("1.x", "invalid character 'x' after decimal point in numeric literal"),
  ])
  func `errors have the words of Go's decoder`(_ text: String, _ message: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    do { _ = try JSONValue(parsing: text) } catch { #expect((error as JSONError).message == message) }
  }

  @Test func `values survive a round trip`() throws {
    let text: String = #"{"a":[1,-2.5,true,null,"x\n\u003cé\u2028😀"],"b":9223372036854775807,"c":{}}"#
    #expect(try JSONValue(parsing: text).text == text)
    #expect(try JSONValue(parsing: #""\ud83d\ude00\ud800""#).string == "😀\u{FFFD}")
  }

  @Test func `duplicate members are reported and the last one stays`() throws {
    var names: [String] = []
    let value: JSONValue = try JSONValue(parsing: Array(#"{"a":1,"a":2}"#.utf8)) { names.append($0) }
    #expect(value == ["a": 2])
    #expect(names == ["a"])
    #expect(try JSONValue(parsingWithDuplicates: Array(#"{"a":1,"a":2}"#.utf8)).object?.count == 2)
  }

  @Test func `nesting is bounded`() {
    let text: String = String(repeating: "[", count: 1001) + String(repeating: "]", count: 1001)
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
  }
}
