// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Testing

@testable import APISchema

@Suite struct FieldManagerTests {
  static let now: String = "2026-01-02T03:04:05Z"

  @Test func `an applied item without its key has the key's published default`() throws {
    let kind: KindSchema = try #require(SchemaRegistry.builtIn.kind("", "v1", "ConfigMap"))
    let configuration: JSONValue = [
      "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "a", "ownerReferences": [["name": "x"]]],
    ]
    let object: JSONValue = try FieldManager(kind: kind).applied(
      live: .null, configuration: configuration, manager: "m", force: false, time: Self.now)
    let owned: JSONValue = object["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"]["f:ownerReferences"]
    #expect(owned.object?.keys.contains(#"k:{"uid":""}"#) ?? false, "\(owned.text)")
  }

  /// In the recorded conversations, what the creator of an object owns is what the object has (and the server may
  /// put more in after the owner was noted).
  @Test(.enabled(if: GoldenCorpus.isPresent))
  func `a create owns what the reference says`() throws {
    var differences: [String] = []
    var count: Int = 0
    for (name, scenario) in try GoldenCorpus.all() {
      for (index, step) in scenario["steps"].items.enumerated() {
        let body: JSONValue = GoldenCorpus.concrete(step["res"]["body"])
        let entries: JSONValue = body["metadata"]["managedFields"]
        guard step["req"]["method"].string == "POST", step["res"]["status"].int == 201, entries.items.count == 1,
          let version: GroupVersion = GroupVersion(apiVersion: body["apiVersion"].string ?? ""),
          let kind: KindSchema = SchemaRegistry.builtIn.kind(version.group, version.version, body["kind"].string ?? "")
        else { continue }
        count += 1
        var object: JSONValue = body
        object["metadata"]["managedFields"] = .null
        let manager: FieldManager = FieldManager(kind: kind)
        let result: JSONValue = manager.updated(live: .null, object: object, manager: "golden", time: Self.now)
        let ours: FieldSet = FieldSet(fieldsV1: result["metadata"]["managedFields"][0]["fieldsV1"]) ?? FieldSet()
        let theirs: FieldSet = FieldSet(fieldsV1: entries[0]["fieldsV1"]) ?? FieldSet()
        for path: String in theirs.difference(ours).displayPaths() where !Self.isDropped(path) {
          differences.append("\(name) \(index): \(path) missing")
        }
      }
    }
    #expect(count > 100)
    #expect(differences.isEmpty, "\(differences.count) of \(count): \(differences.prefix(60).joined(separator: "\n"))")
  }

  /// Whether the server drops or empties the field after the owner was noted.
  private static func isDropped(_ path: String) -> Bool {
    [
      ".spec.dataSource", ".spec.strategy", ".spec.preferredHolder", ".spec.updateStrategy", ".endpoints",
      ".spec.drivers",
      ".spec.limits",
    ].contains { path.hasPrefix($0) }
  }

  private static func configMap(_ data: JSONValue, name: String = "a") -> JSONValue {
    [
      "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": .string(name), "namespace": "n", "uid": "u"],
      "data": data,
    ]
  }

  private static func manager(_ group: String, _ version: String, _ kind: String) throws -> FieldManager {
    FieldManager(kind: try #require(SchemaRegistry.builtIn.kind(group, version, kind)))
  }

  @Test func `an applier that changes another's field meets a conflict`() throws {
    let manager: FieldManager = try Self.manager("", "v1", "ConfigMap")
    let one: JSONValue = try manager.applied(
      live: .null, configuration: Self.configMap(["x": "1"]), manager: "m1", force: false, time: Self.now)
    #expect(one["metadata"]["managedFields"][0]["fieldsV1"] == ["f:data": ["f:x": [:]]])
    #expect(throws: StatusError.self) {
      try manager.applied(
        live: one, configuration: Self.configMap(["x": "2"]), manager: "m2", force: false, time: Self.now)
    }
    let two: JSONValue = try manager.applied(
      live: one, configuration: Self.configMap(["x": "2"]), manager: "m2", force: true, time: Self.now)
    #expect(two["metadata"]["managedFields"].items.count == 1)
    #expect(two["metadata"]["managedFields"][0]["manager"] == "m2")
  }

  @Test func `what is applied no longer goes away unless another owns it`() throws {
    let manager: FieldManager = try Self.manager("", "v1", "ConfigMap")
    let one: JSONValue = try manager.applied(
      live: .null, configuration: Self.configMap(["x": "1", "y": "1"]), manager: "m1", force: false, time: Self.now)
    let two: JSONValue = try manager.applied(
      live: one, configuration: Self.configMap(["y": "1"]), manager: "m2", force: false, time: Self.now)
    let three: JSONValue = try manager.applied(
      live: two, configuration: Self.configMap(["z": "1"]), manager: "m1", force: false, time: Self.now)
    #expect(three["data"] == ["y": "1", "z": "1"])
  }

  @Test func `an update takes the fields that it changes`() throws {
    let manager: FieldManager = try Self.manager("", "v1", "ConfigMap")
    let live: JSONValue = try manager.applied(
      live: .null, configuration: Self.configMap(["x": "1", "y": "1"]), manager: "m1", force: false, time: Self.now)
    var changed: JSONValue = live
    changed["data"]["x"] = "2"
    let updated: JSONValue = manager.updated(live: live, object: changed, manager: "u", time: Self.now)
    let entries: JSONValue = updated["metadata"]["managedFields"]
    #expect(entries[0]["fieldsV1"] == ["f:data": ["f:y": [:]]])
    #expect(entries[1]["fieldsV1"] == ["f:data": ["f:x": [:]]])
    #expect(entries[1]["operation"] == "Update")
  }

  @Test func `a label that begins with a combining mark is owned as any other`() throws {
    let manager: FieldManager = try Self.manager("", "v1", "ConfigMap")
    let one: JSONValue = try manager.applied(
      live: .null, configuration: Self.configMap(["\u{594}a": "1"]), manager: "m1", force: false, time: Self.now)
    let two: JSONValue = try manager.applied(
      live: one, configuration: Self.configMap(["x": "1"]), manager: "m1", force: false, time: Self.now)
    #expect(two["data"] == ["x": "1"])
  }
}
