// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Testing

@testable import APISchema

@Suite struct OpenAPITests {
  /// The served resources of the reference.
  private static func catalogue() throws -> OpenAPIDocuments {
    guard let folder = GoldenCorpus.folder else { return OpenAPIDocuments(groups: []) }
    let file: URL = folder.deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("reference/k8s/resources.json")
    let reference: JSONValue = try JSONValue(parsing: Array(Data(contentsOf: file)))
    var groups: [GroupVersion: [OpenAPIResource]] = [:]
    for resource: JSONValue in reference["resources"].items where resource["servedByDefault"].bool != false {
      let version: GroupVersion = GroupVersion(resource["group"].string ?? "", resource["version"].string ?? "")
      let kind: GroupVersionKind = GroupVersionKind(version.group, version.version, resource["kind"].string ?? "")
      func verbs(_ value: JSONValue) -> [String] { value["verbs"].items.compactMap(\.string) }
      groups[version, default: []].append(
        OpenAPIResource(
          plural: resource["plural"].string ?? "", kind: kind, isNamespaced: resource["namespaced"].bool ?? false,
          verbs: verbs(resource)))
      for subresource: JSONValue in resource["subresources"].items {
        let name: String = subresource["kind"].string ?? kind.kind
        groups[version, default: []].append(
          OpenAPIResource(
            plural: resource["plural"].string ?? "",
            kind: GroupVersionKind(
              subresource["group"].string ?? version.group, subresource["version"].string ?? version.version, name),
            resourceKind: kind.kind, isNamespaced: resource["namespaced"].bool ?? false, verbs: verbs(subresource),
            subresource: subresource["name"].string ?? ""))
      }
    }
    return OpenAPIDocuments(groups: groups.map { (groupVersion: $0.key, resources: $0.value) })
  }

  private static func withoutDescriptions(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let items): return .array(items.map(withoutDescriptions))
    case .object(let members):
      var result: JSONObject = JSONObject()
      for (key, inner) in members where key != "description" { result[key] = withoutDescriptions(inner) }
      return .object(result)
    default: return value
    }
  }

  private static func differences(_ expected: JSONValue, _ actual: JSONValue, _ path: String, _ found: inout [String]) {
    switch (expected, actual) {
    case (.object(let left), .object(let right)):
      for (key, value) in left {
        if let other: JSONValue = right[key] {
          if value != other { differences(value, other, "\(path)/\(key)", &found) }
        } else {
          found.append("\(path)/\(key) is missing: \(value.text.prefix(150))")
        }
      }
      for (key, value) in right where left[key] == nil {
        found.append("\(path)/\(key) is extra: \(value.text.prefix(150))")
      }
    default: found.append("\(path): expected \(expected.text.prefix(200)), got \(actual.text.prefix(200))")
    }
  }

  @Test(.enabled(if: GoldenCorpus.isPresent))
  func `documents are as the reference publishes them`() throws {
    let documents: OpenAPIDocuments = try Self.catalogue()
    var found: [String] = []
    for (name, scenario) in try GoldenCorpus.all() where name.hasPrefix("openapi-") {
      for step: JSONValue in scenario["steps"].items {
        guard let path: String = step["req"]["path"].string, step["res"]["status"].int == 200 else { continue }
        let expected: JSONValue = Self.withoutDescriptions(step["res"]["body"])
        if path == "/openapi/v3" {
          if expected["paths"].object?.keys.sorted() != documents.v3Paths {
            found.append("the index: \(documents.v3Paths)")
          }
        } else {
          let actual: JSONValue = Self.withoutDescriptions(
            documents.v3(String(path.dropFirst("/openapi/v3/".count))) ?? .null)
          Self.differences(expected, actual, name, &found)
        }
      }
    }
    #expect(found.isEmpty, "\(found.count): \(found.prefix(40).joined(separator: "\n"))")
  }

  @Test func `the document of version 2 has every definition that it refers to`() throws {
    let document: JSONValue = try Self.catalogue().v2()
    let text: String = document.text
    var missing: Set<String> = []
    for reference in text.components(separatedBy: "#/definitions/").dropFirst() {
      let name: String = String(reference.prefix { $0 != "\"" })
      if document["definitions"].object?[name]?.isNull ?? true { missing.insert(name) }
    }
    #expect(missing.isEmpty)
  }

  @Test func `version 2 names no members of custom objects that may have others`() throws {
    func definition(_ schema: JSONValue) throws -> JSONValue {
      let kind: KindSchema = try KindSchema(custom: GroupVersionKind("example.com", "v1", "Thing"), openAPIV3Schema: schema)
      let group: GroupVersion = GroupVersion("example.com", "v1")
      let resource: OpenAPIResource = OpenAPIResource(
        plural: "things", kind: kind.kind, isNamespaced: true, verbs: ["create", "get"])
      let documents: OpenAPIDocuments = OpenAPIDocuments(
        groups: [(groupVersion: group, resources: [resource])], custom: [kind])
      return documents.v2()["definitions"]["com.example.v1.Thing"]
    }
    let open: JSONValue = ["type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": ["a": ["type": "string"]]]
    for schema: JSONValue in [open, .null] {
      let found: JSONValue = try definition(schema)
      #expect(found.object?.keys.sorted() == ["type", "x-kubernetes-group-version-kind"])
    }
    let found: JSONValue = try definition([
      "type": "object", "required": ["a", "b"], "properties": [
        "a": ["type": "string", "nullable": true], "b": ["type": "array", "items": open], "c": open,
        "d": ["type": "array", "x-kubernetes-preserve-unknown-fields": true, "items": ["type": "string"]],
      ],
    ])["properties"]
    #expect(found["a"] == .object(JSONObject()))
    #expect(found["b"] == ["type": "array", "items": ["x-kubernetes-preserve-unknown-fields": true]])
    #expect(found["c"] == ["x-kubernetes-preserve-unknown-fields": true])
    #expect(found["d"] == ["x-kubernetes-preserve-unknown-fields": true])
    #expect(found["metadata"]["$ref"].string?.hasSuffix("ObjectMeta") == true)
  }
}
