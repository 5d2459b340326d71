// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Testing

@testable import APISchema

@Suite struct RoundTripTests {
  /// Objects of built-in kinds in the answers of the recorded conversations, outside of dry runs.
  private static func answers() throws -> [(String, KindSchema, JSONValue)] {
    var found: [(String, KindSchema, JSONValue)] = []
    for (name, scenario) in try GoldenCorpus.all() {
      for (index, step) in scenario["steps"].items.enumerated() {
        let body: JSONValue = GoldenCorpus.concrete(step["res"]["body"])
        guard let version: GroupVersion = GroupVersion(apiVersion: body["apiVersion"].string ?? ""),
          let kind: KindSchema = SchemaRegistry.builtIn.kind(version.group, version.version, body["kind"].string ?? ""),
          kind.kind.kind != "Status", step["req"]["path"].string?.contains("dryRun") != true
        else { continue }
        found.append(("\(name) step \(index)", kind, body))
      }
    }
    return found
  }

  @Test(.enabled(if: GoldenCorpus.isPresent))
  func `answers of the reference are in normal form`() throws {
    var differences: [String] = []
    for (name, kind, body) in try Self.answers() {
      let decoded: DecodedObject
      do { decoded = try kind.decode(tree: body) } catch {
        differences.append("\(name): \(error)")
        continue
      }
      differences += decoded.warnings.map { "\(name): \($0)" }
      let normal: JSONValue = kind.normalized(decoded.object)
      if normal != body { differences.append("\(name): \(Self.difference(body, normal, ""))") }
      if try JSONValue(parsing: kind.encodeJSON(decoded.object)) != normal { differences.append("\(name): bytes") }
    }
    #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(30).joined(separator: "\n"))")
  }

  @Test(.enabled(if: GoldenCorpus.isPresent))
  func `answers survive the protobuf form`() throws {
    var differences: [String] = []
    for (name, kind, body) in try Self.answers() {
      // The templates' apiVersion and kind have no place in protobuf.
      guard body["spec"]["volumeClaimTemplates"].isNull else { continue }
      guard let bytes: [UInt8] = kind.encodeProtobuf(body) else { continue }
      let back: JSONValue = kind.normalized(try kind.decodeProtobuf(bytes))
      let normal: JSONValue = kind.normalized(try kind.decode(tree: body).object)
      if back != normal { differences.append("\(name): \(Self.difference(normal, back, ""))") }
    }
    #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(30).joined(separator: "\n"))")
  }

  /// The first place where two values differ.
  static func difference(_ expected: JSONValue, _ actual: JSONValue, _ path: String) -> String {
    switch (expected, actual) {
    case (.object(let left), .object(let right)):
      for key: String in left.keys where left[key] != right[key] {
        guard let other: JSONValue = right[key] else { return "\(path).\(key) is missing: \(left[key]?.text ?? "")" }
        return difference(left[key] ?? .null, other, "\(path).\(key)")
      }
      for key: String in right.keys where left[key] == nil {
        return "\(path).\(key) is extra: \(right[key]?.text ?? "")"
      }
    case (.array(let left), .array(let right)) where left.count == right.count:
      for (index, (one, other)) in zip(left, right).enumerated() where one != other {
        return difference(one, other, "\(path)[\(index)]")
      }
    default: break
    }
    return "\(path): expected \(expected.text), got \(actual.text)"
  }

  @Test func `the embedded descriptors are read quickly`() throws {
    let start: ContinuousClock.Instant = .now
    let registry: SchemaRegistry = try SchemaRegistry(base64: kubernetesDescriptorSet)
    print("descriptor set: \(ContinuousClock.now - start), \(registry.messages.count) messages")
    #expect(registry.kind("apps", "v1", "Deployment") != nil)
    #expect(
      registry.kind("", "v1", "Pod")?.schema.at("spec", "containers", "ports")?.merge
        == .map(["containerPort", "protocol"]))
  }
}
