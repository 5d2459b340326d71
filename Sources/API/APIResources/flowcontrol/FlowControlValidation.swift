// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of FlowSchemas and PriorityLevelConfigurations.
enum FlowControlValidation {
  private static let verbs: [String] = [
    "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch",
  ]

  static func schemaErrors(_ object: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = []
    let precedence: Int64 = spec["matchingPrecedence"].int ?? 0
    if precedence <= 0 {
      errors.append(.invalid(path.child("matchingPrecedence"), .int(precedence), "must be a positive value"))
    }
    if precedence == 1, object["metadata"]["name"].plain != "exempt" {
      errors.append(
        .invalid(
          path.child("matchingPrecedence"), .int(precedence), "only the schema named 'exempt' may have matchingPrecedence 1"
        ))
    }
    if precedence > 10000 {
      errors.append(.invalid(path.child("matchingPrecedence"), .int(precedence), "must not be greater than 10000"))
    }
    let method: JSONValue = spec["distinguisherMethod"]
    if method.isThere, !["ByNamespace", "ByUser"].contains(method["type"].plain) {
      errors.append(
        .notSupported(
          path.child("distinguisherMethod", "type"), ["Type": method["type"]], ["ByNamespace", "ByUser"]))
    }
    let level: String = spec["priorityLevelConfiguration"]["name"].plain
    if level.isEmpty {
      errors.append(
        .required(path.child("priorityLevelConfiguration", "name"), "must reference a priority level"))
    } else {
      errors += Names.subdomain(level).map {
        .invalid(path.child("priorityLevelConfiguration", "name"), .string(level), $0)
      }
    }
    for (place, rule) in spec["rules"].items.enumerated() {
      errors += ruleErrors(rule, path.child("rules").index(place))
    }
    errors += fixedErrors(object, MandatoryFlowControl.schemas, "@flowcontrol.FlowSchemaSpec") { _ in }
    return errors + statusErrors(object["status"])
  }

  /// The objects that the server cannot do without stay as it made them.
  private static func fixedErrors(
    _ object: JSONValue, _ fixed: [String: JSONValue], _ type: String, _ mask: (inout JSONValue) -> Void
  ) -> [FieldError] {
    let name: String = object["metadata"]["name"].plain
    guard var wanted: JSONValue = fixed[name] else { return [] }
    var spec: JSONValue = object["spec"]
    mask(&spec)
    mask(&wanted)
    if GoForm.isSame(spec, wanted, type) { return [] }
    let words: String =
      name == "exempt" && type.hasSuffix("PriorityLevelConfigurationSpec")
      ? "spec of '\(name)' except the 'spec.exempt' field must equal the fixed value"
      : "spec of '\(name)' must equal the fixed value"
    return [.invalid(FieldPath("spec"), GoForm.of(object["spec"], type), words)]
  }

  /// Conditions have types, each its own.
  static func statusErrors(_ status: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    var seen: Set<String> = []
    for (place, condition) in status["conditions"].items.enumerated() {
      let at: FieldPath = FieldPath("status", "conditions").index(place).child("type")
      let type: String = condition["type"].plain
      if !seen.insert(type).inserted { errors.append(.duplicate(at, .string(type))) }
      if type.isEmpty { errors.append(.required(at)) }
    }
    return errors
  }

  private static func ruleErrors(_ rule: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if rule["subjects"].isVoid {
      errors.append(.required(path.child("subjects"), "subjects must contain at least one value"))
    }
    for (place, subject) in rule["subjects"].items.enumerated() {
      errors += subjectErrors(subject, path.child("subjects").index(place))
    }
    if rule["resourceRules"].isVoid, rule["nonResourceRules"].isVoid {
      errors.append(.required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"))
    }
    for (place, item) in rule["resourceRules"].items.enumerated() {
      let at: FieldPath = path.child("resourceRules").index(place)
      errors += verbErrors(item, at)
      for key: String in ["apiGroups", "resources"] where item[key].isVoid {
        let what: String = key == "apiGroups" ? "api group" : "resource"
        errors.append(.required(at.child(key), "resource rules must supply at least one \(what)"))
      }
      for (index, name) in item["namespaces"].strings.enumerated() where name != "*" {
        errors += Names.label(name).map {
          .invalid(
            at.child("namespaces").index(index), .string(name),
            "each member of this list must be '*' or a DNS-1123 label; " + $0)
        }
      }
      if item["namespaces"].isVoid, !(item["clusterScope"].bool ?? false) {
        errors.append(
          .required(
            at.child("namespaces"),
            "resource rules that are not cluster scoped must supply at least one namespace"))
      }
    }
    for (place, item) in rule["nonResourceRules"].items.enumerated() {
      let at: FieldPath = path.child("nonResourceRules").index(place)
      errors += verbErrors(item, at)
      if item["nonResourceURLs"].isVoid {
        errors.append(.required(at.child("nonResourceURLs"), "nonResourceURLs must contain at least one value"))
      }
      for (index, url) in item["nonResourceURLs"].strings.enumerated() where url != "*" {
        errors += urlErrors(url, at.child("nonResourceURLs").index(index))
      }
    }
    return errors
  }

  private static func urlErrors(_ url: String, _ path: FieldPath) -> [FieldError] {
    guard let last: Character = url.last else { return [.invalid(path, "", "must not be empty")] }
    var errors: [FieldError] = []
    if url == "/" { return errors }
    if !url.hasPrefix("/") { errors.append(.invalid(path, .string(url), "must start with slash")) }
    if url.contains(" ") { errors.append(.invalid(path, .string(url), "must not contain white-space")) }
    if url.contains("//") { errors.append(.invalid(path, .string(url), "must not contain double slash")) }
    if let star: String.Index = url.firstIndex(of: "*"), last != "*" || url.index(after: star) != url.endIndex {
      errors.append(.invalid(path, .string(url), "wildcard can only do suffix matching"))
    }
    return errors
  }

  private static func verbErrors(_ item: JSONValue, _ path: FieldPath) -> [FieldError] {
    let listed: [String] = item["verbs"].strings
    if listed.isEmpty { return [.required(path.child("verbs"), "verbs must contain at least one value")] }
    if listed.contains("*") || listed.allSatisfy({ verbs.contains($0) }) { return [] }
    return [.notSupported(path.child("verbs"), item["verbs"], verbs)]
  }

  private static func subjectErrors(_ subject: JSONValue, _ path: FieldPath) -> [FieldError] {
    let members: [(key: String, kind: String)] = [
      ("serviceAccount", "ServiceAccount"), ("user", "User"), ("group", "Group"),
    ]
    let kind: String = subject["kind"].plain
    let foreign: [FieldError] = members.filter { $0.kind != kind && subject[$0.key].isThere }.map {
      .forbidden(path.child($0.key), "\($0.key) is forbidden when subject kind is not '\($0.kind)'")
    }
    return members.contains { $0.kind == kind }
      ? ownErrors(subject, path) + foreign
      : [.notSupported(path.child("kind"), .string(kind), ["Group", "ServiceAccount", "User"])]
  }

  private static func ownErrors(_ subject: JSONValue, _ path: FieldPath) -> [FieldError] {
    switch subject["kind"].plain {
    case "User", "Group":
      let key: String = subject["kind"].plain.lowercased()
      if subject[key].isNull {
        return [.required(path.child(key), "\(key) is required when subject kind is '\(subject["kind"].plain)'")]
      }
      return subject[key]["name"].plain.isEmpty ? [.required(path.child(key, "name"))] : []
    default:
      if subject["serviceAccount"].isNull {
        return [.required(path.child("serviceAccount"), "serviceAccount is required when subject kind is 'ServiceAccount'")]
      }
      return ["namespace", "name"].filter { subject["serviceAccount"][$0].plain.isEmpty }
        .map { .required(path.child("serviceAccount", $0)) }
    }
  }

  static func levelErrors(_ object: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    let type: String = spec["type"].plain
    var errors: [FieldError] = []
    if (object["metadata"]["name"].plain == "exempt") != (type == "Exempt"), ["Exempt", "Limited"].contains(type) {
      errors.append(
        .invalid(path.child("type"), .string(type), "must be 'Exempt' if and only if `name` is 'exempt'"))
    }
    switch type {
    case "Exempt":
      if spec["limited"].isThere {
        errors.append(.forbidden(path.child("limited"), "must be nil if the type is not Limited"))
      }
      errors += shareErrors(spec["exempt"], path.child("exempt"))
    case "Limited":
      if spec["exempt"].isThere {
        errors.append(.forbidden(path.child("exempt"), "must be nil if the type is Limited"))
      }
      if spec["limited"].isNull {
        errors.append(.required(path.child("limited"), "must not be empty when type is Limited"))
      } else {
        errors += limitedErrors(spec["limited"], path.child("limited"))
      }
    default:
      errors.append(.notSupported(path.child("type"), .string(type), ["Exempt", "Limited"]))
    }
    errors += fixedErrors(object, MandatoryFlowControl.levels, "@flowcontrol.PriorityLevelConfigurationSpec") { spec in
      // How much the exempt level lends may be set.
      if object["metadata"]["name"].plain == "exempt" { spec["exempt"] = .null }
    }
    return errors + statusErrors(object["status"])
  }

  /// The bits that a hand of cards needs, a little more than enough.
  private static func entropy(_ deck: Int64, _ hand: Int64) -> Int64 {
    var product: Double = 1
    for _ in 0..<min(hand, 64) { product *= Double(deck) }
    return Int64(product.exponent) + (product.significand == 1 ? 0 : 1)
  }

  private static func shareErrors(_ level: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if level["nominalConcurrencyShares"].int ?? 0 < 0 {
      errors.append(
        .invalid(
          path.child("nominalConcurrencyShares"), level["nominalConcurrencyShares"], "must be a non-negative integer"))
    }
    if let percent: Int64 = level["lendablePercent"].int, !(0...100).contains(percent) {
      errors.append(.invalid(path.child("lendablePercent"), .int(percent), "must be between 0 and 100, inclusive"))
    }
    return errors
  }

  private static func limitedErrors(_ limited: JSONValue, _ path: FieldPath) -> [FieldError] {
    let borrowed: Int64 = limited["borrowingLimitPercent"].int ?? 0
    return shareErrors(limited, path) + responseErrors(limited["limitResponse"], path.child("limitResponse"))
      + (borrowed < 0
        ? [
          .invalid(path.child("borrowingLimitPercent"), .int(borrowed), "if specified, must be a non-negative integer")
        ] : [])
  }

  private static func responseErrors(_ response: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    switch response["type"].plain {
    case "Reject":
      if response["queuing"].isThere {
        errors.append(.forbidden(at.child("queuing"), "must be nil if limited.limitResponse.type is not Limited"))
      }
    case "Queue":
      let queuing: JSONValue = response["queuing"]
      if queuing.isNull {
        errors.append(
          .required(at.child("queuing"), "must not be empty if limited.limitResponse.type is Limited"))
        break
      }
      for key: String in ["queueLengthLimit", "queues", "handSize"] where queuing[key].int ?? 0 <= 0 {
        errors.append(.invalid(at.child("queuing", key), queuing[key], "must be positive"))
      }
      let queues: Int64 = queuing["queues"].int ?? 0
      if let hand: Int64 = queuing["handSize"].int, hand > queues, hand > 0 {
        errors.append(
          .invalid(at.child("queuing", "handSize"), .int(hand), "should not be greater than queues (\(queues))"))
      } else if let hand: Int64 = queuing["handSize"].int, hand > 0, queues > 0, entropy(queues, hand) > 60 {
        errors.append(
          .invalid(
            at.child("queuing", "handSize"), .int(hand),
            "required entropy bits of deckSize \(queues) and handSize \(hand) should not be greater than 60"))
      }
      if queues > 10_000_000 {
        errors.append(.invalid(at.child("queuing", "queues"), .int(queues), "must not be greater than 10000000"))
      }
    default:
      errors.append(
        .notSupported(at.child("type"), .string(response["type"].plain), ["Queue", "Reject"]))
    }
    return errors
  }
}
