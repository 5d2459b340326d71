// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// The rules of LimitRanges.
enum LimitRangeValidation {
  private static let types: Set<String> = ["Container", "Pod", "PersistentVolumeClaim"]

  static func errors(_ object: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    var seen: Set<String> = []
    for (place, item) in object["spec"]["limits"].items.enumerated() {
      let at: FieldPath = FieldPath("spec", "limits").index(place)
      let type: String = item["type"].plain
      errors += typeErrors(type, at.child("type"))
      if !seen.insert(type).inserted { errors.append(.duplicate(at.child("type"), .string(type))) }
      errors += nameErrors(item, "max", type, at) + nameErrors(item, "min", type, at)
      for key: String in ["default", "defaultRequest"] {
        if type != "Pod" {
          errors += nameErrors(item, key, type, at)
        } else if !item[key].isVoid {
          errors.append(.forbidden(at.child(key), "may not be specified when `type` is 'Pod'"))
        }
      }
      if type == "PersistentVolumeClaim", item["min"]["storage"].isNull, item["max"]["storage"].isNull {
        errors.append(
          .required(
            at.child("limits"), "either minimum or maximum storage value is required, but neither was provided"))
      }
      errors += nameErrors(item, "maxLimitRequestRatio", type, at)
      let names: Set<String> = Set(
        ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"].flatMap { key in
          type == "Pod" && key.hasPrefix("default") ? [] : item[key].sortedKeys
        })
      for name: String in names.sorted() { errors += orderErrors(Bounds(item, name, type), at) }
    }
    return errors
  }

  private static func typeErrors(_ type: String, _ path: FieldPath) -> [FieldError] {
    let wrong: [String] = Names.qualified(type)
    if !wrong.isEmpty { return wrong.map { .invalid(path, .string(type), $0) } }
    return type.contains("/") || types.contains(type)
      ? [] : [.invalid(path, .string(type), "must be a standard limit type or fully qualified")]
  }

  private static func nameErrors(_ item: JSONValue, _ key: String, _ type: String, _ at: FieldPath) -> [FieldError] {
    item[key].sortedKeys.flatMap { name in
      let path: FieldPath = at.child(key).key(name)
      return type == "Pod" || type == "Container"
        ? ResourceRules.containerNameErrors(name, path) : ResourceRules.anyNameErrors(name, path)
    }
  }

  /// What an item says about one resource.
  private struct Bounds {
    var name: String
    var min: ResourceQuantity?
    var max: ResourceQuantity?
    var value: ResourceQuantity?
    var request: ResourceQuantity?
    var ratio: ResourceQuantity?

    init(_ item: JSONValue, _ name: String, _ type: String) {
      self.name = name
      min = Checks.quantity(item["min"][name])
      max = Checks.quantity(item["max"][name])
      value = type == "Pod" ? nil : Checks.quantity(item["default"][name])
      request = type == "Pod" ? nil : Checks.quantity(item["defaultRequest"][name])
      ratio = Checks.quantity(item["maxLimitRequestRatio"][name])
    }
  }

  /// A ratio with six digits behind the point.
  private static func sixDigits(_ ratio: Double) -> String {
    guard ratio.isFinite, ratio < 1e12 else { return ratio.isNaN ? "NaN" : "+Inf" }
    let millionths: Int64 = Int64((ratio * 1_000_000).rounded())
    let rest: String = String(millionths % 1_000_000)
    return "\(millionths / 1_000_000)." + String(repeating: "0", count: 6 - rest.count) + rest
  }

  private static func orderErrors(_ bounds: Bounds, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    func refuse(_ key: String, _ shown: ResourceQuantity, _ words: String) {
      errors.append(.invalid(at.child(key).key(bounds.name), .string(shown.description), words))
    }
    if let min = bounds.min, let max = bounds.max, min > max {
      refuse("min", min, "min value \(min) is greater than max value \(max)")
    }
    if let request = bounds.request {
      if let min = bounds.min, min > request {
        refuse("defaultRequest", request, "min value \(min) is greater than default request value \(request)")
      }
      if let max = bounds.max, request > max {
        refuse("defaultRequest", request, "default request value \(request) is greater than max value \(max)")
      }
      if let value = bounds.value, request > value {
        refuse("defaultRequest", request, "default request value \(request) is greater than default limit value \(value)")
      }
    }
    if let value = bounds.value {
      if let min = bounds.min, min > value {
        refuse("default", min, "min value \(min) is greater than default value \(value)")
      }
      if let max = bounds.max, value > max {
        refuse("default", max, "default value \(value) is greater than max value \(max)")
      }
    }
    if let ratio = bounds.ratio {
      if ratio < ResourceQuantity(1) { refuse("maxLimitRequestRatio", ratio, "ratio \(ratio) is less than 1") }
      if let min = bounds.min, let max = bounds.max {
        let most: Double = Double(max.milliValue) / Double(min.milliValue)
        if Double(ratio.milliValue) / 1000 > most {
          refuse(
            "maxLimitRequestRatio", ratio, "ratio \(ratio) is greater than max/min = \(sixDigits(most))")
        }
      }
    }
    if let value = bounds.value, let request = bounds.request, value != request,
      ResourceRules.isExtended(bounds.name) || bounds.name.hasPrefix("hugepages-")
    {
      refuse(
        "defaultRequest", request,
        "default value \(value) must equal to defaultRequest value \(request) in \(bounds.name)")
    }
    return errors
  }
}
