// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of what a job makes of its pods' ends.
enum JobPolicyRules {
  private static let actions: [String] = ["Count", "FailIndex", "FailJob", "Ignore"]
  private static let statuses: [String] = ["False", "True", "Unknown"]
  private static let operators: [String] = ["In", "NotIn"]

  /// Upstream prints these lists with `%q`.
  private static func valid(_ values: [String]) -> String {
    "valid values: [" + values.map(\.goQuoted).joined(separator: " ") + "]"
  }

  static func failureErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let at: FieldPath = path.child("rules")
    let rules: [JSONValue] = spec["podFailurePolicy"]["rules"].items
    var errors: [FieldError] = []
    if rules.count > 20 { errors.append(.tooMany(at, rules.count, 20)) }
    let names: Set<String> = Set(
      ["containers", "initContainers"].flatMap { list in
        spec["template"]["spec"][list].items.map { $0["name"].plain }
      })
    for (place, rule) in rules.enumerated() {
      let path: FieldPath = at.index(place)
      errors += actionErrors(rule["action"], path.child("action"), spec)
      errors += exitCodeErrors(rule["onExitCodes"], path.child("onExitCodes"), names)
      errors += conditionErrors(rule["onPodConditions"].items, path.child("onPodConditions"))
      let hasConditions: Bool = !rule["onPodConditions"].isVoid
      if rule["onExitCodes"].isThere, hasConditions {
        errors.append(.invalid(path, nil, "specifying both OnExitCodes and OnPodConditions is not supported"))
      }
      if rule["onExitCodes"].isNull, !hasConditions {
        errors.append(.invalid(path, nil, "specifying one of OnExitCodes and OnPodConditions is required"))
      }
    }
    return errors
  }

  private static func actionErrors(_ action: JSONValue, _ path: FieldPath, _ spec: JSONValue) -> [FieldError] {
    if action.plain.isEmpty { return [.required(path, valid(actions))] }
    if action.plain == "FailIndex", spec["backoffLimitPerIndex"].isNull {
      return [.invalid(path, action, "requires the backoffLimitPerIndex to be set")]
    }
    return Checks.supported(action, path, actions)
  }

  private static func conditionErrors(_ patterns: [JSONValue], _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if patterns.count > 20 { errors.append(.tooMany(path, patterns.count, 20)) }
    for (place, pattern) in patterns.enumerated() {
      let at: FieldPath = path.index(place)
      errors += Checks.text(pattern["type"], at.child("type"), Names.qualified)
      if pattern["status"].plain.isEmpty {
        errors.append(.required(at.child("status"), valid(statuses)))
      } else {
        errors += Checks.supported(pattern["status"], at.child("status"), statuses)
      }
    }
    return errors
  }

  private static func exitCodeErrors(_ rule: JSONValue, _ path: FieldPath, _ names: Set<String>) -> [FieldError] {
    guard rule.isThere else { return [] }
    var errors: [FieldError] = []
    if rule["operator"].plain.isEmpty {
      errors.append(.required(path.child("operator"), valid(operators)))
    } else {
      errors += Checks.supported(rule["operator"], path.child("operator"), operators)
    }
    if let name: String = rule["containerName"].string, !names.contains(name) {
      errors.append(
        .invalid(
          path.child("containerName"), .string(name),
          "must be one of the container or initContainer names in the pod template"))
    }
    let values: [JSONValue] = rule["values"].items
    let at: FieldPath = path.child("values")
    if values.isEmpty {
      errors.append(.invalid(at, GoForm.of(rule["values"], "[]i"), "at least one value is required"))
    }
    if values.count > 255 { errors.append(.tooMany(at, values.count, 255)) }
    var seen: Set<JSONValue> = []
    for (place, value) in values.enumerated() {
      if rule["operator"].plain == "In", value.int == 0 {
        errors.append(.invalid(at.index(place), value, "must not be 0 for the In operator"))
      }
      if !seen.insert(value).inserted { errors.append(.duplicate(at.index(place), value)) }
    }
    let numbers: [Int64] = values.compactMap(\.int)
    if numbers != numbers.sorted() { errors.append(.invalid(at, rule["values"], "must be ordered")) }
    return errors
  }

  static func successErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let at: FieldPath = path.child("rules")
    let rules: [JSONValue] = spec["successPolicy"]["rules"].items
    let completions: Int64 = spec["completions"].int ?? 0
    var errors: [FieldError] = []
    if rules.isEmpty {
      errors.append(.required(at, "at least one rules must be specified when the successPolicy is specified"))
    }
    if rules.count > 20 { errors.append(.tooMany(at, rules.count, 20)) }
    for (place, rule) in rules.enumerated() { errors += successErrors(rule, at.index(place), completions) }
    return errors
  }

  private static func successErrors(_ rule: JSONValue, _ path: FieldPath, _ completions: Int64) -> [FieldError] {
    var errors: [FieldError] = []
    let count: Int64? = rule["succeededCount"].int
    if count == nil, rule["succeededIndexes"].isNull {
      errors.append(.required(path, "at least one of succeededCount or succeededIndexes must be specified"))
    }
    var total: Int64 = 0
    if let text: String = rule["succeededIndexes"].string {
      let at: FieldPath = path.child("succeededIndexes")
      if text.utf8.count > 64 << 10 { errors.append(.tooLong(at, 64 << 10)) }
      switch JobIndexes.parse(text, completions: completions) {
      case .right(let indexes): total = indexes.reduce(0) { $0 + $1.count64 }
      case .wrong(let words): errors.append(.invalid(at, .string(text), "error parsing succeededIndexes: \(words)"))
      }
    }
    guard let count else { return errors }
    let at: FieldPath = path.child("succeededCount")
    errors += Checks.nonNegative(.int(count), at)
    let most: String = "must be less than or equal to "
    if count > completions {
      errors.append(.invalid(at, .int(count), "\(most)\(completions) (the number of specified completions)"))
    }
    if rule["succeededIndexes"].isThere, count > total {
      let words: String = "\(most)\(total) (the number of indexes in the specified succeededIndexes field)"
      errors.append(.invalid(at, .int(count), words))
    }
    return errors
  }
}

extension ClosedRange where Bound == Int64 {
  /// How many indexes these are.
  fileprivate var count64: Int64 { upperBound - lowerBound + 1 }
}

/// The indexes of a job's pods as text: `1,3-5,7`.
enum JobIndexes {
  enum Result {
    case right([ClosedRange<Int64>])
    case wrong(String)
  }

  static func parse(_ text: String, completions: Int64) -> Result {
    var found: [ClosedRange<Int64>] = []
    if text.isEmpty { return .right(found) }
    for part: Substring in text.split(separator: ",", omittingEmptySubsequences: false) {
      switch interval(part, completions) {
      case .wrong(let words): return .wrong(words)
      case .right(let intervals):
        for interval: ClosedRange<Int64> in intervals {
          if let last: Int64 = found.last?.upperBound, last >= interval.lowerBound {
            return .wrong("non-increasing order, previous: \(last), current: \(interval.lowerBound)")
          }
          found.append(interval)
        }
      }
    }
    return .right(found)
  }

  private static func interval(_ part: Substring, _ completions: Int64) -> Result {
    let limits: [Substring] = part.split(separator: "-", omittingEmptySubsequences: false)
    if limits.count > 2 {
      let words: String = "violates the requirement that an index interval can have at most two parts separated by '-'"
      return .wrong("the fragment \(String(part).goQuoted) \(words)")
    }
    var numbers: [Int64] = []
    for limit: Substring in limits {
      let quoted: String = String(limit).goQuoted
      guard let number: Int64 = Int64(limit) else {
        return .wrong("cannot convert string to integer for index: \(quoted)")
      }
      if number >= completions { return .wrong("too large index: \(quoted)") }
      numbers.append(number)
    }
    guard numbers.count == 2 else { return .right([numbers[0]...numbers[0]]) }
    if numbers[0] >= numbers[1] {
      return .wrong("non-increasing order, previous: \(numbers[0]), current: \(numbers[1])")
    }
    return .right([numbers[0]...numbers[1]])
  }

  /// The first index that both texts have; parts that cannot be read count for nothing.
  static func overlap(_ one: String, _ other: String, completions: Int64) -> Int64? {
    func intervals(_ text: String) -> [ClosedRange<Int64>] {
      text.split(separator: ",").flatMap { part -> [ClosedRange<Int64>] in
        if case .right(let found) = interval(part, completions) { found } else { [] }
      }
    }
    for left: ClosedRange<Int64> in intervals(one) {
      for right: ClosedRange<Int64> in intervals(other) where left.overlaps(right) {
        return max(left.lowerBound, right.lowerBound)
      }
    }
    return nil
  }
}
