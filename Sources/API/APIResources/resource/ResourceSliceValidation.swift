// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of ResourceSlices.
enum ResourceSliceValidation {
  static func errors(_ object: JSONValue, old: JSONValue? = nil) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = VolumeRules.driverName(spec["driver"], path.child("driver"))
    errors += poolErrors(spec["pool"], path.child("pool"))
    if let before: JSONValue = old?["spec"] {
      errors += Checks.immutable(spec["pool"]["name"], before["pool"]["name"], path.child("pool", "name"))
      errors += Checks.immutable(spec["driver"], before["driver"], path.child("driver"))
      errors += Checks.immutable(spec["nodeName"], before["nodeName"], path.child("nodeName"))
    }
    errors += placeErrors(spec, path)
    if !spec["sharedCounters"].isNull, !spec["devices"].isNull {
      errors.append(.invalid(path, "", "only one of `sharedCounters` or `devices` is allowed"))
    }
    let devices: [JSONValue] = spec["devices"].items
    let isAdvanced: Bool = devices.contains { !$0["taints"].isVoid || !$0["consumesCounters"].isVoid }
    let perDevice: Bool = spec["perDeviceNodeSelection"].bool ?? false
    errors += DeviceValidation.each(spec["devices"], path.child("devices"), max: isAdvanced ? 64 : 128) { device, at in
      deviceErrors(device, at, perDevice: perDevice)
    }
    errors += DeviceValidation.distinct(devices.map { $0["name"].plain }, path.child("devices"))
    errors += DeviceValidation.each(spec["sharedCounters"], path.child("sharedCounters"), max: 8) { set, at in
      counterErrors(set, at, nameKey: "name")
    }
    return errors
      + DeviceValidation.distinct(
        spec["sharedCounters"].items.map { $0["name"].plain }, path.child("sharedCounters"))
  }

  private static func poolErrors(_ pool: JSONValue, _ at: FieldPath) -> [FieldError] {
    let name: String = pool["name"].plain
    var errors: [FieldError] = []
    if name.isEmpty {
      errors.append(.required(at.child("name")))
    } else {
      if name.utf8.count > 253 { errors.append(.tooLong(at.child("name"), 253)) }
      for part: Substring in name.split(separator: "/", omittingEmptySubsequences: false) {
        errors += Checks.text(.string(String(part)), at.child("name"), Names.subdomain)
      }
    }
    let count: Int64 = pool["resourceSliceCount"].int ?? 0
    if count <= 0 { errors.append(.invalid(at.child("resourceSliceCount"), .int(count), "must be greater than zero")) }
    if let generation: Int64 = pool["generation"].int, generation < 0 {
      errors.append(.invalid(at.child("generation"), .int(generation), "must be greater than or equal to zero"))
    }
    return errors
  }

  /// Where a slice's or a device's nodes are said: which fields say it, and what is wrong with them.
  private static func selection(
    _ value: JSONValue, _ at: FieldPath, keys: [String], emptyName: String
  ) -> (set: [String], errors: [FieldError]) {
    var set: [String] = []
    var errors: [FieldError] = []
    for key: String in keys where value[key].isThere {
      let path: FieldPath = at.child(key)
      switch key {
      case "nodeName":
        if value[key].plain.isEmpty {
          errors.append(.invalid(path, "", emptyName))
          continue
        }
        errors += Checks.text(value[key], path, Names.subdomain)
      case "nodeSelector": errors += AffinityRules.nodeSelector(value[key], path)
      default:
        if !(value[key].bool ?? false) {
          errors.append(.invalid(path, false, "must be either unset or set to true"))
          continue
        }
      }
      set.append("`\(key)`")
    }
    return (set, errors)
  }

  private static func placeErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let names: [String] = ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"]
    let found: (set: [String], errors: [FieldError]) = selection(
      spec, path, keys: names, emptyName: "must be either unset or set to a non-empty string")
    var errors: [FieldError] = found.errors
    let terms: JSONValue = spec["nodeSelector"]["nodeSelectorTerms"]
    if spec["nodeSelector"].isThere, terms.items.count != 1 {
      errors.append(
        .invalid(
          path.child("nodeSelector", "nodeSelectorTerms"), terms, "must have exactly one node selector term"))
    }
    let words: String =
      "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
    if found.set.isEmpty { errors.append(.required(path, words)) }
    if found.set.count > 1 {
      let shown: String = "{\(found.set.joined(separator: ", "))}"
      errors.append(.invalid(path, .string(shown), words + ", but multiple fields are set"))
    }
    return errors
  }

  private static func deviceErrors(_ device: JSONValue, _ at: FieldPath, perDevice: Bool) -> [FieldError] {
    var errors: [FieldError] = Checks.text(device["name"], at.child("name"), Names.label)
    let count: Int = (device["attributes"].object?.count ?? 0) + (device["capacity"].object?.count ?? 0)
    if count > 32 {
      errors.append(.invalid(at, .int(Int64(count)), "the total number of attributes and capacities must not exceed 32"))
    }
    for key: String in device["attributes"].sortedKeys {
      errors += DeviceValidation.qualifiedErrors(key, at.child("attributes"))
      errors += attributeErrors(device["attributes"][key], at.child("attributes").key(key))
    }
    for key: String in device["capacity"].sortedKeys {
      errors += DeviceValidation.qualifiedErrors(key, at.child("capacity"))
      if device["capacity"][key]["requestPolicy"].isThere, !(device["allowMultipleAllocations"].bool ?? false) {
        errors.append(
          .forbidden(at.child("capacity").key(key).child("requestPolicy"), "allowMultipleAllocations must be true"))
      }
    }
    errors += DeviceValidation.each(device["taints"], at.child("taints"), max: 16, DeviceValidation.taintErrors)
    let consumed: FieldPath = at.child("consumesCounters")
    errors += DeviceValidation.each(device["consumesCounters"], consumed, max: 2) { set, one in
      counterErrors(set, one, nameKey: "counterSet")
    }
    errors += DeviceValidation.distinct(device["consumesCounters"].items.map { $0["counterSet"].plain }, consumed)
    return errors + devicePlaceErrors(device, at, perDevice: perDevice) + bindingErrors(device, at)
  }

  private static func devicePlaceErrors(_ device: JSONValue, _ at: FieldPath, perDevice: Bool) -> [FieldError] {
    let keys: [String] = ["nodeName", "nodeSelector", "allNodes"]
    guard perDevice else {
      let words: String =
        "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the "
        + "ResourceSlice spec"
      return keys.contains { device[$0].isThere } ? [.invalid(at, .null, words)] : []
    }
    let found: (set: [String], errors: [FieldError]) = selection(
      device, at, keys: keys, emptyName: "must not be empty")
    let words: String =
      "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to "
      + "true in the ResourceSlice spec"
    switch found.set.count {
    case 0: return found.errors + [.required(at, words)]
    case 1: return found.errors
    default: return found.errors + [.invalid(at, .string("{\(found.set.joined(separator: ", "))}"), words)]
    }
  }

  private static func attributeErrors(_ attribute: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for key: String in ["string", "version"] where attribute[key].isThere {
      let text: String = attribute[key].plain
      if key == "version", !isVersion(text) {
        errors.append(
          .invalid(at.child(key), .string(text), "must be a string compatible with semver.org spec 2.0.0"))
      }
      if text.utf8.count > 64 { errors.append(.tooLong(at.child(key), 64)) }
    }
    let keys: [(shown: String, json: String)] = [
      ("IntValue", "int"), ("BoolValue", "bool"), ("StringValue", "string"), ("VersionValue", "version"),
    ]
    switch keys.count(where: { attribute[$0.json].isThere }) {
    case 0: errors.append(.invalid(at, "", "exactly one value must be specified"))
    case 1: break
    default:
      var shown: JSONObject = JSONObject()
      for key in keys { shown[key.shown] = attribute[key.json] }
      for name: String in ["IntValues", "BoolValues", "StringValues", "VersionValues"] { shown[name] = .null }
      errors.append(.invalid(at, .object(shown), "exactly one value must be specified"))
    }
    return errors
  }

  /// A semantic version: three numbers, and perhaps names of a pre-release and of a build.
  private static func isVersion(_ text: String) -> Bool {
    func parts(_ text: Substring) -> [Substring] { text.split(separator: ".", omittingEmptySubsequences: false) }
    func isName(_ part: Substring) -> Bool {
      !part.isEmpty && part.utf8.allSatisfy { byte in
        (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || (byte >= 0x30 && byte <= 0x39) || byte == 0x2D
      }
    }
    func isNumber(_ part: Substring) -> Bool { part.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }
    func isPlain(_ part: Substring) -> Bool { part == "0" || !part.hasPrefix("0") }
    let halves: [Substring] = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
    let pieces: [Substring] = halves[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    let numbers: [Substring] = parts(pieces[0])
    guard numbers.count == 3, numbers.allSatisfy({ !$0.isEmpty && isNumber($0) && isPlain($0) }) else { return false }
    if pieces.count > 1, !parts(pieces[1]).allSatisfy({ isName($0) && (!isNumber($0) || isPlain($0)) }) { return false }
    return halves.count == 1 || parts(halves[1]).allSatisfy(isName)
  }

  private static func counterErrors(_ set: JSONValue, _ at: FieldPath, nameKey: String) -> [FieldError] {
    var errors: [FieldError] =
      set[nameKey].plain.isEmpty
      ? [.required(at.child(nameKey))] : Checks.text(set[nameKey], at.child(nameKey), Names.label)
    let path: FieldPath = at.child("counters")
    let names: [String] = set["counters"].sortedKeys
    if names.isEmpty { errors.append(.required(path)) }
    if names.count > 32 { return errors + [.tooMany(path, names.count, 32)] }
    for name: String in names { errors += Checks.text(.string(name), path, Names.label) }
    return errors
  }

  private static func bindingErrors(_ device: JSONValue, _ at: FieldPath) -> [FieldError] {
    let keys: [String] = ["bindingConditions", "bindingFailureConditions"]
    var errors: [FieldError] = keys.flatMap { key in
      DeviceValidation.each(device[key], at.child(key), max: 4) { Checks.text($0, $1, Names.qualified) }
    }
    errors += keys.flatMap { DeviceValidation.distinct(device[$0].strings, at.child($0)) }
    let wanted: Set<String> = Set(device[keys[0]].strings)
    for (place, name) in device[keys[1]].strings.enumerated() where wanted.contains(name) {
      errors.append(
        .invalid(
          at.child(keys[1]).index(place), .string(name),
          "bindingFailureConditions must not overlap with bindingConditions"))
    }
    for (one, other) in [(keys[0], keys[1]), (keys[1], keys[0])] where device[one].isVoid && !device[other].isVoid {
      errors.append(.invalid(at.child(one), device[one], "\(one) are required to use \(other)"))
    }
    return errors
  }
}
