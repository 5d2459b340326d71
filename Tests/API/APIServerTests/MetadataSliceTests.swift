// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import APIServer

@Suite struct MetadataSliceTests {
  @Test(arguments: [
    (#"{"kind":"Pod","metadata":{"name":"a"},"spec":{}}"#, #"{"name":"a"}"#),
    (#"{"spec":{"metadata":{"name":"inner"}},"metadata":{"name":"outer"}}"#, #"{"name":"outer"}"#),
    (#"{"a":"},\"metadata\":{","metadata":{"x":"{[\\\""}}"#, #"{"x":"{[\\\""}"#),
    (#"{"n":-1.5e3,"t":true,"e":[],"z":null,"metadata":[[1],{"b":[2]}],"last":1}"#, #"[[1],{"b":[2]}]"#),
    (#"{"metadata":"text"}"#, #""text""#),
    (#"{"metadata":7}"#, "7"),
  ])
  func findsTheOutermost(text: String, expected: String) throws {
    let json: [UInt8] = Array(text.utf8)
    let place: Range<Int> = try #require(MetadataSlice.member("metadata", of: json))
    #expect(String(decoding: json[place], as: UTF8.self) == expected)
  }

  @Test(arguments: ["", "{}", "[]", #"{"spec":{"metadata":{}}}"#, #"{"metadata""#, #"{"metadata":{"name":"#, #"{"a\"#])
  func findsNothing(text: String) {
    #expect(MetadataSlice.member("metadata", of: Array(text.utf8)) == nil)
  }

  @Test func writesAPartialObject() {
    var buffer: ByteBuffer = ByteBuffer()
    #expect(MetadataSlice.write(Array(#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{}}"#.utf8), into: &buffer))
    #expect(
      String(buffer: buffer) == #"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"a"}}"#)
  }
}
