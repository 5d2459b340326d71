// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Testing

@testable import APISchema

@Suite struct CustomResourceTests {
  private static func kind(_ spec: JSONValue) throws -> KindSchema {
    try KindSchema(
      custom: GroupVersionKind("example.com", "v1", "Widget"),
      openAPIV3Schema: ["type": "object", "properties": ["spec": spec]])
  }

  private static func errors(_ spec: JSONValue, _ value: JSONValue, old: JSONValue = .null) throws -> [String] {
    try kind(spec).validateStructure(["spec": value], old: old.isNull ? .null : ["spec": old]).map(\.description)
  }

  @Test func `unknown fields go, nulls go, defaults come`() throws {
    let kind: KindSchema = try Self.kind([
      "type": "object",
      "properties": [
        "a": ["type": "integer", "default": 3], "n": ["type": "string", "nullable": true], "m": ["type": "string"],
        "free": ["type": "object", "x-kubernetes-preserve-unknown-fields": true],
      ],
    ])
    let decoded: DecodedObject = try kind.decode(
      .json(
        Array(
          #"{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w","foo":1},"spec":{"x":1,"n":null,"m":null,"free":{"y":[null]}}}"#
            .utf8)),
      validation: .warn)
    #expect(decoded.object["spec"] == ["n": nil, "free": ["y": [nil]], "a": 3])
    #expect(decoded.warnings == ["unknown field \"metadata.foo\"", "unknown field \"spec.x\""])
  }

  @Test func `values are checked in upstream's words`() throws {
    #expect(
      try Self.errors(["type": "object", "properties": ["min": ["type": "integer"]]], ["min": "x"]) == [
        "spec.min: Invalid value: \"string\": spec.min in body must be of type integer: \"string\""
      ])
    #expect(
      try Self.errors(["type": "array", "maxItems": 1, "items": ["type": "integer"]], [1, 2]) == [
        "spec: Too many: 2: must have at most 1 item"
      ])
    #expect(
      try Self.errors(["type": "object", "required": ["a"]], [:]) == ["spec.a: Required value"])
    #expect(
      try Self.errors(["type": "string", "enum": ["a", "b"]], "c") == [
        "spec: Unsupported value: \"c\": supported values: \"a\", \"b\""
      ])
    #expect(
      try Self.errors(["type": "string", "pattern": "^n-"], "x") == [
        "spec: Invalid value: \"x\": spec in body should match '^n-'"
      ])
    #expect(
      try Self.errors(["type": "integer", "minimum": 1], 0) == [
        "spec: Invalid value: 0: spec in body should be greater than or equal to 1"
      ])
  }

  @Test func `what has not changed is not checked again`() throws {
    let schema: JSONValue = ["type": "array", "maxItems": 1, "items": ["type": "integer"]]
    #expect(try Self.errors(schema, [1, 2], old: [1, 2]).isEmpty)
    #expect(try !Self.errors(schema, [1, 2, 3], old: [1, 2]).isEmpty)
  }
}
