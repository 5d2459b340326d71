// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Foundation
import JSON
import YAML

/// How much of a request is written down.
enum AuditLevel: Int, Comparable, Sendable {
  case none, metadata, request, requestResponse

  static let names: [String: AuditLevel] = [
    "None": .none, "Metadata": .metadata, "Request": .request, "RequestResponse": .requestResponse,
  ]

  var name: String { Self.names.first { $0.value == self }?.key ?? "" }

  static func < (left: AuditLevel, right: AuditLevel) -> Bool { left.rawValue < right.rawValue }
}

/// When in the life of a request something is written down.
enum AuditStage: String, Sendable, CaseIterable {
  case requestReceived = "RequestReceived"
  case responseStarted = "ResponseStarted"
  case responseComplete = "ResponseComplete"
  case panic = "Panic"
}

/// What is to be written down of one request.
struct AuditDecision: Sendable, Equatable {
  var level: AuditLevel = .none
  var omittedStages: Set<AuditStage> = []
  var omitsManagedFields: Bool = false
}

/// Which requests are written down, and how much of them: the first rule that fits says so.
struct AuditPolicy: Sendable {
  private let rules: [JSONValue]
  private let omittedStages: [JSONValue]
  private let omitsManagedFields: Bool

  /// - Throws: What is wrong with the file.
  init(path: String) throws {
    guard let text: String = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw APIServerError(.invalidConfiguration, "--audit-policy-file: cannot read \(path)")
    }
    do { try self.init(try YAML.document(text)) } catch {
      throw APIServerError(.invalidConfiguration, "--audit-policy-file: \(path): \(error)")
    }
  }

  init(_ policy: JSONValue) throws {
    guard policy["kind"].string == "Policy", policy["apiVersion"].string == "audit.k8s.io/v1" else {
      throw APIServerError(.invalidConfiguration, "an audit policy has the kind Policy and the apiVersion audit.k8s.io/v1")
    }
    rules = policy["rules"].items
    omittedStages = policy["omitStages"].items
    omitsManagedFields = policy["omitManagedFields"].bool ?? false
    guard !rules.isEmpty else { throw APIServerError(.invalidConfiguration, "an audit policy needs rules") }
    for (place, rule) in rules.enumerated() {
      guard AuditLevel.names[rule["level"].string ?? ""] != nil else {
        throw APIServerError(
          .invalidConfiguration, "rules[\(place)].level is None, Metadata, Request or RequestResponse")
      }
      for stage: JSONValue in rule["omitStages"].items + omittedStages where AuditStage(rawValue: stage.string ?? "") == nil {
        throw APIServerError(.invalidConfiguration, "rules[\(place)]: there is no stage \(stage.text)")
      }
    }
  }

  func decision(_ user: UserInfo, _ info: RequestInfo) -> AuditDecision {
    guard let rule: JSONValue = rules.first(where: { Self.matches($0, user, info) }) else { return AuditDecision() }
    return AuditDecision(
      level: AuditLevel.names[rule["level"].string ?? ""] ?? .none,
      omittedStages: Set((rule["omitStages"].items + omittedStages).compactMap { AuditStage(rawValue: $0.string ?? "") }),
      omitsManagedFields: rule["omitManagedFields"].bool ?? omitsManagedFields)
  }

  private static func matches(_ rule: JSONValue, _ user: UserInfo, _ info: RequestInfo) -> Bool {
    func has(_ key: String, _ values: [String]) -> Bool {
      let wanted: [String] = rule[key].stringItems
      return wanted.isEmpty || values.contains(where: wanted.contains)
    }
    guard has("users", [user.name]), has("userGroups", user.groups), has("verbs", [info.verb]) else { return false }
    if !rule["namespaces"].items.isEmpty || !rule["resources"].items.isEmpty {
      return info.isResource && has("namespaces", [info.namespace]) && namesResource(rule["resources"].items, info)
    }
    let paths: [String] = rule["nonResourceURLs"].stringItems
    return paths.isEmpty || (!info.isResource && paths.contains { matches(path: info.path, $0) })
  }

  private static func matches(path: String, _ wanted: String) -> Bool {
    wanted == "*" || wanted == path || (wanted.hasSuffix("*") && path.hasPrefix(wanted.dropLast()))
  }

  private static func namesResource(_ groups: [JSONValue], _ info: RequestInfo) -> Bool {
    guard !groups.isEmpty else { return true }
    let whole: String = info.subresource.isEmpty ? info.resource : "\(info.resource)/\(info.subresource)"
    return groups.contains { group in
      guard group["group"].string ?? "" == info.group else { return false }
      let resources: [String] = group["resources"].stringItems
      let names: [String] = group["resourceNames"].stringItems
      if resources.isEmpty { return true }
      guard names.isEmpty || names.contains(info.name) else { return false }
      return resources.contains { resource in
        resource == "*" || resource == whole || (!info.subresource.isEmpty && resource == "*/\(info.subresource)")
          || resource == "\(info.resource)/*"
      }
    }
  }
}
