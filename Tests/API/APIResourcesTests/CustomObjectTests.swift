// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import JSON
import Testing

/// What becomes of custom objects: unknown fields go, defaults come, what is left must fit.
@Suite struct CustomObjectTests {
  private static let text: String = #"""
    {"type":"object","properties":{
      "spec":{"type":"object","required":["size"],"properties":{
        "size":{"type":"integer","minimum":1,"maximum":9},
        "color":{"type":"string","enum":["red","blue"],"default":"blue"},
        "port":{"x-kubernetes-int-or-string":true},
        "names":{"type":"array","maxItems":3,"items":{"type":"string","pattern":"^[a-z]+$"},"x-kubernetes-list-type":"set"},
        "parts":{"type":"array","items":{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"on":{"type":"boolean","default":true}}},
          "x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["id"]},
        "labels":{"type":"object","additionalProperties":{"type":"string","maxLength":3}},
        "free":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{"known":{"type":"object","properties":{"a":{"type":"integer"}}}}},
        "maybe":{"type":"string","nullable":true,"default":"x"}},
       "x-kubernetes-validations":[
         {"rule":"!has(self.names) || self.size >= self.names.size()","messageExpression":"'size is less than ' + string(self.names.size())"},
         {"rule":"self.size >= oldSelf.size","message":"cannot shrink"}]}}}
    """#

  private let document: JSONValue
  private let schema: KindSchema

  init() throws {
    document = try JSONValue(parsing: Array(Self.text.utf8))
    schema = try KindSchema(
      custom: GroupVersionKind("example.com", "v1", "Thing"), openAPIV3Schema: document, preservesUnknownFields: false)
  }

  private func object(_ spec: String) throws -> JSONValue {
    ["apiVersion": "example.com/v1", "kind": "Thing", "metadata": ["name": "x"], "spec": try JSONValue(parsing: Array(spec.utf8))]
  }

  @Test(arguments: [
    (#"{"size":1,"other":2}"#, #"{"size":1,"color":"blue","maybe":"x"}"#),
    (#"{"size":1,"color":"red","maybe":null}"#, #"{"size":1,"color":"red","maybe":null}"#),
    (#"{"size":1,"color":null,"maybe":"y"}"#, #"{"size":1,"color":"blue","maybe":"y"}"#),
    (
      #"{"size":1,"color":"red","maybe":"y","parts":[{"id":"a","x":1},{"id":"b","on":false}]}"#,
      #"{"size":1,"color":"red","maybe":"y","parts":[{"id":"a","on":true},{"id":"b","on":false}]}"#
    ),
    (
      #"{"size":1,"color":"red","maybe":"y","free":{"any":{"b":1},"known":{"a":1,"b":2}}}"#,
      #"{"size":1,"color":"red","maybe":"y","free":{"any":{"b":1},"known":{"a":1}}}"#
    ),
    (#"{"size":1,"color":"red","maybe":"y","labels":{"a":"b"}}"#, #"{"size":1,"color":"red","maybe":"y","labels":{"a":"b"}}"#),
  ])
  func `are pruned, and get defaults`(given: String, wanted: String) throws {
    var object: JSONValue = try object(given)
    schema.prune(&object)
    schema.applySchemaDefaults(to: &object)
    let expected: JSONValue = try JSONValue(parsing: Array(wanted.utf8))
    #expect(object["spec"] == expected, "\(object["spec"].text)")
  }

  @Test(arguments: [
    (#"{"size":1}"#, ""), (#"{"size":5,"port":80,"labels":{"a":"b"}}"#, ""), (#"{"size":5,"port":"http"}"#, ""),
    (#"{}"#, "spec.size: Required value"),
    (#"{"size":0}"#, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
    (#"{"size":"1"}"#, "spec.size: Invalid value: \"string\": spec.size in body must be of type integer: \"string\""),
    (#"{"size":1,"color":"green"}"#, "spec.color: Unsupported value: \"green\": supported values: \"red\", \"blue\""),
    (#"{"size":1,"port":1.5}"#, "spec.port: Invalid value: \"number\": spec.port in body must be of type integer,string: \"number\""),
    (#"{"size":1,"names":["A"]}"#, "spec.names[0]: Invalid value: \"A\": spec.names[0] in body should match '^[a-z]+$'"),
    (#"{"size":4,"names":["a","b","c","d"]}"#, "spec.names: Too many: 4: must have at most 3 items"),
    (#"{"size":2,"names":["a","a"]}"#, "spec.names[1]: Duplicate value: \"a\""),
    (#"{"size":1,"parts":[{}]}"#, "spec.parts[0].id: Required value"),
    (#"{"size":1,"parts":[{"id":"a"},{"id":"a"}]}"#, "spec.parts[1]: Duplicate value: {\"id\":\"a\"}"),
    (#"{"size":1,"labels":{"a":"long"}}"#, "spec.labels.a: Too long: may not be more than 3 bytes"),
  ])
  func `must fit their schemas`(given: String, message: String) throws {
    let found: String = schema.validateStructure(try object(given)).map(\.description).joined(separator: "; ")
    if message.isEmpty { #expect(found == "") } else { #expect(found.contains(message), "\(found)") }
  }

  @Test(arguments: [
    (#"{"size":2,"names":["a","b"]}"#, nil, ""),
    (#"{"size":1,"names":["a","b"]}"#, nil, "spec: Invalid value: size is less than 2"),
    (#"{"size":3}"#, #"{"size":2}"#, ""),
    (#"{"size":1}"#, #"{"size":2}"#, "spec: Invalid value: cannot shrink"),
  ] as [(String, String?, String)])
  func `must keep the rules`(given: String, old: String?, message: String) throws {
    let rules: CustomRules = try #require(CustomRules(document))
    let before: JSONValue? = try old.map { try object($0) }
    let found: String = rules.errors(try object(given), old: before, after: []).map(\.description).joined(separator: "; ")
    if message.isEmpty { #expect(found == "") } else { #expect(found.contains(message), "\(found)") }
  }
}
