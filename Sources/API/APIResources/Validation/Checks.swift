// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON
import KubeValues

/// Rules that many kinds share, with upstream's wording.
enum Checks {
  static let immutable: String = "field is immutable"

  /// One error for each message about a string.
  static func text(_ value: JSONValue, _ path: FieldPath, _ rule: (String) -> [String]) -> [FieldError] {
    rule(value.plain).map { .invalid(path, .string(value.plain), $0) }
  }

  /// A change of what must not change.
  static func immutable(_ new: JSONValue, _ old: JSONValue, _ path: FieldPath) -> [FieldError] {
    new == old ? [] : [.invalid(path, new, immutable)]
  }

  static func nonNegative(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard let number: Int64 = value.int, number < 0 else { return [] }
    return [.invalid(path, value, "must be greater than or equal to 0")]
  }

  static func positive(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard let number: Int64 = value.int, number > 0 else {
      return [.invalid(path, value.isNull ? 0 : value, "must be greater than 0")]
    }
    return []
  }

  static func supported(_ value: JSONValue, _ path: FieldPath, _ known: [String]) -> [FieldError] {
    known.contains(value.plain) ? [] : [.notSupported(path, .string(value.plain), known.sorted())]
  }

  static func labels(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for (key, label) in value.object ?? JSONObject() {
      errors += Names.qualified(key).map { .invalid(path, .string(key), $0) }
      errors += Names.labelValue(label.plain).map { .invalid(path, .string(label.plain), $0) }
    }
    return errors
  }

  /// A meta/v1 LabelSelector.
  static func labelSelector(
    _ value: JSONValue, _ path: FieldPath, allowsInvalidValues: Bool = false
  ) -> [FieldError] {
    guard value.isThere else { return [] }
    var errors: [FieldError] = labels(value["matchLabels"], path.child("matchLabels"))
    for (place, requirement) in value["matchExpressions"].items.enumerated() {
      let at: FieldPath = path.child("matchExpressions").index(place)
      switch requirement["operator"].plain {
      case "In", "NotIn":
        if requirement["values"].isVoid {
          errors.append(.required(at.child("values"), "must be specified when `operator` is 'In' or 'NotIn'"))
        }
      case "Exists", "DoesNotExist":
        if !requirement["values"].isVoid {
          errors.append(
            .forbidden(at.child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
        }
      default: errors.append(.invalid(at.child("operator"), requirement["operator"], "not a valid selector operator"))
      }
      errors += text(requirement["key"], at.child("key"), Names.qualified)
      guard !allowsInvalidValues else { continue }
      for (index, item) in requirement["values"].strings.enumerated() {
        errors += Names.labelValue(item).map { .invalid(at.child("values").index(index), .string(item), $0) }
      }
    }
    return errors
  }

  /// Whether a label selector selects labels; an absent one nothing, an empty one everything.
  static func selector(_ value: JSONValue) -> LabelSelector {
    guard value.isThere else { return .nothing }
    var requirements: [LabelSelector.Requirement] = []
    for (key, label) in value["matchLabels"].object ?? JSONObject() {
      requirements.append(LabelSelector.Requirement(key: key, comparison: .equals, values: [label.plain]))
    }
    for item: JSONValue in value["matchExpressions"].items {
      let comparison: LabelSelector.Operator
      switch item["operator"].plain {
      case "In": comparison = .isIn
      case "NotIn": comparison = .notIn
      case "Exists": comparison = .exists
      default: comparison = .doesNotExist
      }
      requirements.append(
        LabelSelector.Requirement(key: item["key"].plain, comparison: comparison, values: item["values"].strings))
    }
    return LabelSelector(requirements)
  }

  static func quantity(_ value: JSONValue) -> ResourceQuantity? {
    switch value {
    case .string(let text): ResourceQuantity(text)
    case .int(let number): ResourceQuantity(number)
    default: nil
    }
  }

  /// The canonical text of a quantity, as Go prints it in messages.
  static func canonical(_ value: JSONValue) -> JSONValue {
    // A decoded quantity is text that upstream would print.
    if case .string = value { return value }
    return .string(quantity(value)?.description ?? "")
  }

  /// An IP address, in any form that leaves no doubt.
  static func address(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    AddressForms.complaint(address: value.plain).map { [.invalid(path, .string(value.plain), $0)] } ?? []
  }

  /// A range of addresses, in any form that leaves no doubt.
  static func prefix(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    AddressForms.complaint(range: value.plain).map { [.invalid(path, .string(value.plain), $0)] } ?? []
  }

  /// A number that is not negative, or a percentage.
  static func nonNegativeIntOrPercent(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    if case .string(let text) = value {
      return isPercent(text)
        ? []
        : [
          .invalid(
            path, value,
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex "
              + "used for validation is '[0-9]+%')")
        ]
    }
    return nonNegative(value, path)
  }

  static func isPercent(_ text: String) -> Bool {
    text.hasSuffix("%") && text.utf8.count > 1 && text.utf8.dropLast().allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
  }

  static func notMoreThanAll(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard case .string(let text) = value, isPercent(text), let number: Int = Int(text.dropLast()), number > 100 else {
      return []
    }
    return [.invalid(path, value, "must not be greater than 100%")]
  }

  /// The number of a percentage or of itself.
  static func intOrPercent(_ value: JSONValue) -> Int64 {
    if case .string(let text) = value { return Int64(text.dropLast()) ?? 0 }
    return value.int ?? 0
  }

  static func portReference(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    if case .string(let text) = value { return Names.portName(text).map { .invalid(path, .string(text), $0) } }
    return Names.portNumber(value.int ?? 0).map { .invalid(path, value.isNull ? 0 : value, $0) }
  }
}
