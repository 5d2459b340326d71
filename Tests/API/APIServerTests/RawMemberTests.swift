// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Testing

@testable import APIServer

/// The text of a member as it was written.
struct RawMemberTests {
  @Test(
    "The text of a member is found whatever surrounds it",
    arguments: [
      (#"{"data": {"a": 1}, "kind": "K"}"#, #"{"a": 1}"#), (#"{"data":{"a":1}}"#, #"{"a":1}"#),
      (#"{"kind": "data", "x": {"data": 1}, "data" : [ "}", "\"," ] }"#, #"[ "}", "\"," ]"#),
      ("{\"data\": {\n \"a\":\t1}}", #"{  "a": 1}"#),
    ])
  func text(json: String, expected: String) {
    #expect(RawMember.text(of: "data", in: Array(json.utf8)).map { String(decoding: $0, as: UTF8.self) } == expected)
  }

  @Test("What is no object with the member has no text", arguments: ["", "{", "[1]", #"{"date": 1}"#, "data", "{\"data"])
  func nothing(json: String) {
    #expect(RawMember.text(of: "data", in: Array(json.utf8)) == nil)
  }

  @Test("Blanks between the parts go, those of strings stay")
  func dense() {
    let text: [UInt8] = Array(#"{ "a b" : [ 1, "\" " ] }"#.utf8)
    #expect(String(decoding: RawMember.dense(text), as: UTF8.self) == #"{"a b":[1,"\" "]}"#)
  }

  @Test("Another text takes a member's place")
  func replacing() {
    let json: [UInt8] = RawMember.replacing(
      "data", in: Array(#"{"a":1,"data":{"b":2},"c":3}"#.utf8), with: Array(#"{"b": 2}"#.utf8))
    #expect(String(decoding: json, as: UTF8.self) == #"{"a":1,"data":{"b": 2},"c":3}"#)
  }
}
