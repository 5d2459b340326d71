// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Testing

@testable import APISchema

@Suite struct PatchTests {
  private static func pod() throws -> KindSchema { try #require(SchemaRegistry.builtIn.kind("", "v1", "Pod")) }

  private static func strategic(_ object: JSONValue, _ patch: JSONValue) throws -> JSONValue {
    try pod().strategicallyPatched(["spec": object], with: ["spec": patch])["spec"]
  }

  @Test func `lists merge by their key`() throws {
    let result: JSONValue = try Self.strategic(
      ["containers": [["name": "a", "image": "1"], ["name": "b", "image": "1"]]],
      ["containers": [["name": "b", "image": "2"], ["name": "c", "image": "3"]]])
    #expect(
      result["containers"] == [
        ["name": "a", "image": "1"], ["name": "b", "image": "2"], ["name": "c", "image": "3"],
      ])
  }

  @Test func `directives delete, replace, retain and order`() throws {
    let start: JSONValue = [
      "containers": [["name": "a"], ["name": "b"]], "volumes": [["name": "v", "emptyDir": [:]]],
    ]
    #expect(
      try Self.strategic(start, ["containers": [["name": "a", "$patch": "delete"]]])["containers"] == [["name": "b"]])
    #expect(
      try Self.strategic(start, ["containers": [["$patch": "replace"], ["name": "z"]]])["containers"] == [["name": "z"]]
    )
    let order: JSONValue = ["$setElementOrder/containers": [["name": "b"], ["name": "a"]]]
    #expect(try Self.strategic(start, order)["containers"] == [["name": "b"], ["name": "a"]])
    let retain: JSONValue = [
      "volumes": [["name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": ["path": "/x"]]]
    ]
    #expect(try Self.strategic(start, retain)["volumes"] == [["name": "v", "hostPath": ["path": "/x"]]])
    let metadata: JSONValue = try Self.pod().strategicallyPatched(
      ["metadata": ["finalizers": ["a/a", "b/b"]]],
      with: ["metadata": ["$deleteFromPrimitiveList/finalizers": ["a/a"]]])
    #expect(metadata["metadata"]["finalizers"] == ["b/b"])
  }

  @Test func `an item without its key is refused`() {
    #expect(throws: StatusError.self) {
      try Self.strategic(["containers": [["name": "a"]]], ["containers": [["image": "x"]]])
    }
  }

  @Test(arguments: [
    (#"[{"op":"add","path":"/a/-","value":3}]"#, #"{"a":[1,2,3],"b":{"c":1}}"#),
    (#"[{"op":"add","path":"/a/0","value":0}]"#, #"{"a":[0,1,2],"b":{"c":1}}"#),
    (#"[{"op":"remove","path":"/b/c"}]"#, #"{"a":[1,2],"b":{}}"#),
    (#"[{"op":"replace","path":"/a/-1","value":9}]"#, #"{"a":[1,9],"b":{"c":1}}"#),
    (#"[{"op":"move","from":"/b/c","path":"/d"}]"#, #"{"a":[1,2],"b":{},"d":1}"#),
    (#"[{"op":"copy","from":"/a","path":"/b/x~1y"}]"#, #"{"a":[1,2],"b":{"c":1,"x/y":[1,2]}}"#),
    (#"[{"op":"replace","path":"/x","value":1}]"#, #"{"a":[1,2],"b":{"c":1},"x":1}"#),
    (#"[{"op":"copy","from":"/x","path":"/y"}]"#, #"{"a":[1,2],"b":{"c":1},"y":null}"#),
    (#"[{"op":"test","path":"/b/c","value":1}]"#, #"{"a":[1,2],"b":{"c":1}}"#),
  ])
  func `JSON patches`(_ patch: String, _ expected: String) throws {
    let document: JSONValue = ["a": [1, 2], "b": ["c": 1]]
    #expect(try document.jsonPatched(with: JSONValue(parsing: patch)).text == expected)
  }

  @Test(arguments: [
    #"[{"op":"test","path":"/b/c","value":2}]"#, #"[{"op":"remove","path":"/x"}]"#,
    #"[{"op":"replace","path":"/x/y","value":1}]"#,
    #"[{"op":"add","path":"/a/9","value":1}]"#, #"[{"op":"frob","path":"/a"}]"#, #"[{"op":"add","value":1}]"#,
  ])
  func `JSON patches that cannot be applied are refused`(_ patch: String) throws {
    let document: JSONValue = ["a": [1, 2], "b": ["c": 1]]
    let parsed: JSONValue = try JSONValue(parsing: patch)
    #expect(throws: StatusError.self) { try document.jsonPatched(with: parsed) }
  }

  @Test func `merge patches remove what is null`() throws {
    let document: JSONValue = ["a": ["b": 1, "c": 2], "l": [1]]
    #expect(
      document.mergePatched(with: ["a": ["b": nil, "d": ["e": nil, "f": 1]], "l": [2]]) == [
        "a": ["c": 2, "d": ["f": 1]], "l": [2],
      ])
  }
}
