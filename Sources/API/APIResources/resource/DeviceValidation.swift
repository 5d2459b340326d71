// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import CEL
import JSON

/// The rules of DeviceClasses, ResourceClaims and their templates.
enum DeviceValidation {
  private static let listMax: Int = 32
  private static let parametersMax: Int = 10 * 1024

  static func classErrors(_ object: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = selectorErrors(spec["selectors"], path.child("selectors"))
    errors += each(spec["config"], path.child("config"), max: listMax, configurationErrors)
    if let name: String = spec["extendedResourceName"].string, !isExtendedResource(name) {
      errors.append(
        .invalid(path.child("extendedResourceName"), .string(name), "must be a valid extended resource name"))
    }
    return errors
  }

  private static func isExtendedResource(_ name: String) -> Bool {
    name.contains("/") && !name.contains("kubernetes.io/") && !name.hasPrefix("requests.")
      && Names.qualified("requests." + name).isEmpty
  }

  /// The errors of a list's items, or that there are too many of them.
  static func each(
    _ list: JSONValue, _ path: FieldPath, max: Int, _ check: (JSONValue, FieldPath) -> [FieldError]
  ) -> [FieldError] {
    if list.items.count > max { return [.tooMany(path, list.items.count, max)] }
    return list.items.enumerated().flatMap { check($1, path.index($0)) }
  }

  /// Items that must have different keys.
  static func distinct(_ keys: [String], _ path: FieldPath) -> [FieldError] {
    var seen: Set<String> = []
    return keys.enumerated().filter { !seen.insert($0.element).inserted }.map {
      .duplicate(path.index($0.offset), .string($0.element))
    }
  }

  private static func selectorErrors(_ selectors: JSONValue, _ path: FieldPath) -> [FieldError] {
    each(selectors, path, max: listMax) { selector, at in
      let cel: FieldPath = at.child("cel")
      if selector["cel"].isNull { return [.required(cel)] }
      let text: JSONValue = .string(selector["cel"]["expression"].plain)
      if text.plain.utf8.count > parametersMax { return [.tooLong(cel.child("expression"), parametersMax)] }
      return ExpressionValidation.errors(
        text, cel.child("expression"), ExpressionValidation.device, wants: [.bool, .dyn], named: "bool")
    }
  }

  private static func configurationErrors(_ item: JSONValue, _ at: FieldPath) -> [FieldError] {
    let opaque: JSONValue = item["opaque"]
    let path: FieldPath = at.child("opaque")
    if opaque.isNull { return [.required(path)] }
    var errors: [FieldError] = VolumeRules.driverName(opaque["driver"], path.child("driver"))
    let parameters: JSONValue = opaque["parameters"]
    switch parameters {
    case .null: errors.append(.required(path.child("parameters")))
    case .object:
      if parameters.bytes.count > parametersMax { errors.append(.tooLong(path.child("parameters"), parametersMax)) }
    default:
      errors.append(.invalid(path.child("parameters"), "<value omitted>", "must be a valid JSON object"))
    }
    return errors
  }

  // MARK: - Claims

  static func claimSpecErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let devices: JSONValue = spec["devices"]
    let at: FieldPath = path.child("devices")
    var names: Set<String> = []
    for request: JSONValue in devices["requests"].items {
      names.insert(request["name"].plain)
      for sub: JSONValue in request["firstAvailable"].items {
        names.insert("\(request["name"].plain)/\(sub["name"].plain)")
      }
    }
    var errors: [FieldError] = each(devices["requests"], at.child("requests"), max: listMax, requestErrors)
    errors += distinct(devices["requests"].items.map { $0["name"].plain }, at.child("requests"))
    errors += each(devices["constraints"], at.child("constraints"), max: listMax) { item, one in
      referenceErrors(item["requests"], one.child("requests"), names) + attributeErrors(item, one)
    }
    errors += each(devices["config"], at.child("config"), max: listMax) { item, one in
      referenceErrors(item["requests"], one.child("requests"), names) + configurationErrors(item, one)
    }
    return errors
  }

  private static func attributeErrors(_ constraint: JSONValue, _ path: FieldPath) -> [FieldError] {
    for key: String in ["matchAttribute", "distinctAttribute"] where constraint[key].isThere {
      let name: String = constraint[key].plain
      let at: FieldPath = path.child(key)
      return qualifiedErrors(name, at)
        + (name.contains("/")
          ? [] : [.invalid(at, .string(name), "a fully qualified name must be a domain and a name separated by a slash")])
    }
    let words: String =
      "exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple fields are set"
    return [.required(path, words)]
  }

  /// A name with or without a domain.
  static func qualifiedErrors(_ name: String, _ at: FieldPath) -> [FieldError] {
    let parts: [String] = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    switch parts.count {
    case 1: return identifierErrors(parts[0], at)
    case 2:
      return (parts[0].isEmpty
        ? [.invalid(at, "", "the domain must not be empty")] : VolumeRules.driverName(.string(parts[0]), at))
        + (parts[1].isEmpty ? [.invalid(at, "", "the name must not be empty")] : identifierErrors(parts[1], at))
    default: return []
    }
  }

  private static func identifierErrors(_ name: String, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = name.utf8.count > 32 ? [.tooLong(at, 32)] : []
    func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || byte == 0x5F }
    let isRight: Bool =
      name.utf8.first.map(isLetter) ?? false
      && name.utf8.allSatisfy { isLetter($0) || ($0 >= 0x30 && $0 <= 0x39) }
    if !isRight {
      errors.append(
        .invalid(
          at, .string(name),
          "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric "
            + "characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is "
            + "'[A-Za-z_][A-Za-z0-9_]*')"))
    }
    return errors
  }

  private static func referenceErrors(_ list: JSONValue, _ path: FieldPath, _ names: Set<String>) -> [FieldError] {
    let words: String =
      "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
    let errors: [FieldError] = each(list, path, max: listMax) { item, at in
      let parts: [String] = item.plain.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      let isKnown: Bool = parts.count <= 2 && names.contains(item.plain)
      return (parts.count > 2 ? [] : parts.flatMap { Checks.text(.string($0), at, Names.label) })
        + (isKnown ? [] : [.invalid(at, item, words)])
    }
    return errors + distinct(list.strings, path)
  }

  private static func requestErrors(_ request: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = Checks.text(request["name"], at.child("name"), Names.label)
    let alternatives: JSONValue = request["firstAvailable"]
    let words: String = "exactly one of `exactly` or `firstAvailable` is required"
    switch (request["exactly"].isThere, !alternatives.isVoid) {
    case (false, false): errors.append(.required(at, words))
    case (true, true): errors.append(.invalid(at, .null, words + ", but multiple fields are set"))
    case (true, false): errors += deviceErrors(request["exactly"], at.child("exactly"))
    case (false, true):
      let path: FieldPath = at.child("firstAvailable")
      errors += each(alternatives, path, max: 8) { item, one in
        Checks.text(item["name"], one.child("name"), Names.label) + deviceErrors(item, one)
      }
      errors += distinct(alternatives.items.map { $0["name"].plain }, path)
    }
    return errors
  }

  private static func deviceErrors(_ request: JSONValue, _ path: FieldPath) -> [FieldError] {
    let name: FieldPath = path.child("deviceClassName")
    var errors: [FieldError] =
      request["deviceClassName"].plain.isEmpty
      ? [.required(name)] : Checks.text(request["deviceClassName"], name, Names.subdomain)
    errors += selectorErrors(request["selectors"], path.child("selectors"))
    let count: JSONValue = .int(request["count"].int ?? 0)
    switch request["allocationMode"].plain {
    case "All":
      if count != 0 {
        errors.append(.invalid(path.child("count"), count, "must not be specified when allocationMode is 'All'"))
      }
    case "ExactCount":
      if count.int ?? 0 <= 0 { errors.append(.invalid(path.child("count"), count, "must be greater than zero")) }
    default:
      errors.append(
        .notSupported(
          path.child("allocationMode"), .string(request["allocationMode"].plain), ["All", "ExactCount"]))
    }
    return errors + each(request["tolerations"], path.child("tolerations"), max: 16, tolerationErrors)
  }

  private static let effects: [String] = ["NoExecute", "NoSchedule", "None"]

  private static func tolerationErrors(_ toleration: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if !toleration["key"].plain.isEmpty { errors += Checks.text(toleration["key"], at.child("key"), Names.qualified) }
    switch toleration["operator"].plain {
    case "Exists":
      if !toleration["value"].plain.isEmpty {
        errors.append(.invalid(at.child("value"), toleration["value"], "must be empty for operator `Exists`"))
      }
    case "Equal": errors += Checks.text(toleration["value"], at.child("value"), Names.labelValue)
    case "": errors.append(.required(at.child("operator")))
    default: errors.append(.notSupported(at.child("operator"), toleration["operator"], ["Equal", "Exists"]))
    }
    let effect: String = toleration["effect"].plain
    if !effect.isEmpty, !effects.contains(effect) {
      errors.append(.notSupported(at.child("effect"), .string(effect), effects))
    }
    return errors
  }

  /// A taint of a device.
  static func taintErrors(_ taint: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = Checks.text(taint["key"], at.child("key"), Names.qualified)
    if !taint["value"].plain.isEmpty { errors += Checks.text(taint["value"], at.child("value"), Names.labelValue) }
    let effect: String = taint["effect"].plain
    if effect.isEmpty {
      errors.append(.required(at.child("effect")))
    } else if !effects.contains(effect) {
      errors.append(.notSupported(at.child("effect"), .string(effect), effects))
    }
    return errors
  }
}
