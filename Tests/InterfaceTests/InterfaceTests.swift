// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import SwiftProtobuf
import Testing

/// Every interface of Protos/ against the facts of the reference (../shared/reference beside the repository):
/// messages, fields with their numbers and types, enumerations, services and their methods. What is missing, what is
/// different and what is too much all fail.
@Suite(.enabled(if: InterfaceFacts.isPresent)) struct InterfaceTests {
  @Test(arguments: ["cri", "csi", "etcd", "deviceplugin", "dra", "pluginregistration", "podresources"])
  func `a gRPC interface is the reference's`(_ name: String) throws {
    let expected: Set<String> = try InterfaceFacts.reference(proto: name)
    let actual: Set<String> = try InterfaceFacts.compiled(folder: name)
    #expect(!expected.isEmpty)
    Self.compare(expected, actual, name)
  }

  @Test func `the Kubernetes API is the reference's`() throws {
    let (expected, ignored) = try InterfaceFacts.referenceOfKubernetes()
    let actual: Set<String> = try InterfaceFacts.compiled(folder: "k8s").filter { line in
      !ignored.contains { line.hasPrefix("message \($0)") && line.hasSuffix($0) || line.hasPrefix("field \($0).") }
    }
    #expect(expected.count > 2000)
    Self.compare(expected, actual, "k8s")
  }

  private static func compare(_ expected: Set<String>, _ actual: Set<String>, _ name: String) {
    let missing: [String] = expected.subtracting(actual).sorted()
    let extra: [String] = actual.subtracting(expected).sorted()
    #expect(
      missing.isEmpty, "\(name): \(missing.count) missing or different:\n\(missing.prefix(20).joined(separator: "\n"))")
    #expect(
      extra.isEmpty, "\(name): \(extra.count) too much or different:\n\(extra.prefix(20).joined(separator: "\n"))")
  }
}
