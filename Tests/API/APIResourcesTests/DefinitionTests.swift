// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import Testing

@testable import APIResources

/// What is wrong with definitions of custom resources, in upstream's words.
@Suite struct DefinitionTests {
  /// A definition that is right, but for what a body does to it.
  static func definition(
    _ schema: JSONValue = ["type": "object"], _ change: (inout JSONValue) -> Void = { _ in }
  ) -> JSONValue {
    var definition: JSONValue = [
      "metadata": ["name": "things.example.com"],
      "spec": [
        "group": "example.com", "scope": "Namespaced",
        "names": ["plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"],
        "versions": [["name": "v1", "served": true, "storage": true, "schema": ["openAPIV3Schema": schema]]],
        "conversion": ["strategy": "None"],
      ],
      "status": ["storedVersions": ["v1"]],
    ]
    change(&definition)
    return definition
  }

  private static func messages(_ definition: JSONValue) -> [String] {
    DefinitionValidation.errors(definition).map(\.description)
  }

  private static func messages(ofSchema text: String) throws -> String {
    messages(definition(try JSONValue(parsing: Array(text.utf8)))).joined(separator: "; ")
  }

  /// The schema of a spec with these properties.
  private static func spec(_ properties: String) -> String {
    #"{"type":"object","properties":{"spec":{"type":"object","properties":{\#(properties)}}}}"#
  }

  @Test(arguments: [
    #""a":{"type":"string","default":"x","maxLength":3}"#, #""a":{"x-kubernetes-int-or-string":true}"#,
    #""a":{"type":"array","items":{"type":"object","properties":{"k":{"type":"string"}},"required":["k"]},"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"]}"#,
    #""a":{"type":"array","items":{"type":"string"},"x-kubernetes-list-type":"set"}"#,
    #""a":{"type":"object","additionalProperties":{"type":"integer","format":"int32"}}"#,
    #""a":{"x-kubernetes-preserve-unknown-fields":true}"#,
    #""a":{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true}"#,
    #""a":{"type":"string","x-kubernetes-validations":[{"rule":"self.size() < 3","message":"short"}]}"#,
    #""a":{"type":"integer","nullable":true,"anyOf":[{"minimum":1},{"maximum":-1}]}"#,
  ])
  func `are taken`(_ properties: String) throws { #expect(try Self.messages(ofSchema: Self.spec(properties)) == "") }

  private static let place: String = "spec.validation.openAPIV3Schema.properties[spec].properties[a]"

  @Test(arguments: [
    (#""a":{}"#, ".type: Required value: must not be empty for specified object fields"),
    (#""a":{"type":"array"}"#, ".items: Required value: must be specified"),
    (#""a":{"type":"array","items":{}}"#, ".items.type: Required value: must not be empty for specified array items"),
    (#""a":{"type":"strange"}"#, ".type: Unsupported value: \"strange\""),
    (#""a":{"type":"string","x-kubernetes-embedded-resource":true}"#, ".type: Invalid value: \"string\": must be object if x-kubernetes-embedded-resource is true"),
    (#""a":{"x-kubernetes-int-or-string":true,"x-kubernetes-preserve-unknown-fields":true}"#, ".x-kubernetes-preserve-unknown-fields: Invalid value: true: must be false if x-kubernetes-int-or-string is true"),
    (#""a":{"type":"integer","allOf":[{"type":"integer"}]}"#, ".allOf[0].type: Forbidden: must be empty to be structural"),
    (#""a":{"type":"integer","not":{"default":1}}"#, ".not.default: Forbidden: must be undefined to be structural"),
    (#""a":{"type":"object","anyOf":[{"properties":{"b":{"minimum":1}}}]}"#, ".properties[b]: Required value: because it is defined in "),
    (#""a":{"type":"integer","default":"x"}"#, ".default: Invalid value: \"string\":  in body must be of type integer: \"string\""),
    (#""a":{"type":"array","items":{"type":"object","properties":{"k":{"type":"string"}}},"x-kubernetes-list-type":"map"}"#, ".x-kubernetes-list-map-keys: Required value"),
    (#""a":{"type":"string","x-kubernetes-list-type":"set"}"#, ".type: Invalid value: \"string\": must be array if x-kubernetes-list-type is specified"),
    (#""a":{"type":"string","x-kubernetes-map-type":"atomic"}"#, ".type: Invalid value: \"string\": must be object if x-kubernetes-map-type is specified"),
    (#""a":{"type":"string","pattern":"("}"#, ".pattern: Invalid value: \"(\""),
  ])
  func `have structural schemas`(properties: String, message: String) throws {
    let found: String = try Self.messages(ofSchema: Self.spec(properties))
    #expect(found.contains(Self.place + message), "\(found)")
  }

  @Test(arguments: [
    ("self.size() < 3", "string", ""),
    ("self.nothing", "string", "type 'string' does not support field selection"),
    ("self.size()", "string", "cel expression must evaluate to a bool"),
    ("self.size() <", "string", "Syntax error"),
    ("oldSelf == self", "string", ""),
    ("self.matches('(')", "string", ""),
  ])
  func `have rules that compile`(rule: String, type: String, message: String) throws {
    let text: String = Self.spec(#""a":{"type":"\#(type)","x-kubernetes-validations":[{"rule":"\#(rule)"}]}"#)
    let found: String = try Self.messages(ofSchema: text)
    if message.isEmpty { #expect(found == "") } else { #expect(found.contains(message), "\(found)") }
  }

  @Test func `have rules that cannot cost too much`() throws {
    func schema(_ limits: (outer: String, inner: String)) -> String {
      Self.spec(
        #""a":{"type":"array"\#(limits.outer),"items":{"type":"array"\#(limits.inner),"items":{"type":"string","maxLength":20,"#
          + #""x-kubernetes-validations":[{"rule":"self.contains('a') || self.contains('b') || self.contains('c') || self.contains('d')"}]}}}"#)
    }
    #expect(try Self.messages(ofSchema: schema((#","maxItems":10"#, #","maxItems":10"#))) == "")
    let found: String = try Self.messages(ofSchema: schema(("", "")))
    #expect(found.contains("estimated rule cost exceeds budget by factor of"), "\(found)")
    #expect(found.contains("maxItems"), "\(found)")
  }

  /// Changes of the definition, and what is said of them.
  private static let changes: [(change: @Sendable (inout JSONValue) -> Void, message: String)] = [
    ({ $0["metadata"]["name"] = "other.example.com" }, "metadata.name: Invalid value: \"other.example.com\": must be spec.names.plural+\".\"+spec.group"),
    ({ $0["spec"]["scope"] = "World" }, "spec.scope: Unsupported value: \"World\""),
    ({ $0["spec"]["names"]["plural"] = "" }, "spec.names.plural: Required value"),
    ({ $0["spec"]["group"] = "example" }, "spec.group: Invalid value: \"example\": should be a domain with at least one dot"),
    ({ $0["spec"]["versions"] = [] }, "must have exactly one version marked as storage version"),
    ({ $0["spec"]["conversion"]["strategy"] = "Webhook" }, "spec.conversion.webhook"),
    ({ $0["status"]["storedVersions"] = ["v0"] }, "status.storedVersions: Invalid value: [\"v0\"]: must have the storage version v1"),
    (
      {
        $0["metadata"]["name"] = "things.x.k8s.io"
        $0["spec"]["group"] = "x.k8s.io"
      }, "protected groups must have approval annotation \"api-approved.kubernetes.io\""
    ),
  ]

  @Test(arguments: changes.indices)
  func `name themselves rightly`(_ number: Int) {
    let (change, message): (@Sendable (inout JSONValue) -> Void, String) = Self.changes[number]
    let found: String = Self.messages(Self.definition(["type": "object"], change)).joined(separator: "; ")
    #expect(found.contains(message), "\(found)")
  }

  @Test func `are right as they are`() { #expect(Self.messages(Self.definition()) == []) }
}
