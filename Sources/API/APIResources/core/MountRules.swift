// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of what containers mount.
enum MountRules {
  static func errors(_ container: JSONValue, _ at: FieldPath, volumes: [String: JSONValue]) -> [FieldError] {
    var errors: [FieldError] = []
    var paths: Set<String> = []
    let devices: [JSONValue] = container["volumeDevices"].items
    let path: FieldPath = at.child("volumeMounts")
    for (place, mount) in container["volumeMounts"].items.enumerated() {
      let own: FieldPath = path.index(place)
      let name: String = mount["name"].plain
      if name.isEmpty { errors.append(.required(own.child("name"))) }
      if volumes[name] == nil { errors.append(.notFound(own.child("name"), .string(name))) }
      let target: String = mount["mountPath"].plain
      if target.isEmpty { errors.append(.required(own.child("mountPath"))) }
      if !paths.insert(target).inserted {
        errors.append(.invalid(own.child("mountPath"), .string(target), "must be unique"))
      }
      if devices.contains(where: { $0["name"].plain == name }) {
        errors.append(.invalid(own.child("name"), .string(name), "must not already exist in volumeDevices"))
      }
      if devices.contains(where: { $0["devicePath"].plain == target }) {
        errors.append(
          .invalid(own.child("mountPath"), .string(target), "must not already exist as a path in volumeDevices"))
      }
      // What follows does not say which mount.
      if !mount["subPath"].plain.isEmpty { errors += PathRules.local(mount["subPath"], path.child("subPath")) }
      if !mount["subPathExpr"].plain.isEmpty {
        if !mount["subPath"].plain.isEmpty {
          errors.append(
            .invalid(own.child("subPathExpr"), mount["subPathExpr"], "subPathExpr and subPath are mutually exclusive"))
        }
        errors += PathRules.local(mount["subPathExpr"], path.child("subPathExpr"))
      }
      errors += propagationErrors(mount, container, path.child("mountPropagation"))
      errors += readOnlyErrors(mount, path.child("recursiveReadOnly"))
    }
    return errors + deviceErrors(container, at.child("volumeDevices"), volumes)
  }

  private static func propagationErrors(_ mount: JSONValue, _ container: JSONValue, _ at: FieldPath) -> [FieldError] {
    let value: JSONValue = mount["mountPropagation"]
    guard value.isThere else { return [] }
    let known: [String] = ["Bidirectional", "HostToContainer", "None"]
    if !known.contains(value.plain) { return [.notSupported(at, value, known)] }
    if value.plain == "Bidirectional", !(container["securityContext"]["privileged"].bool ?? false) {
      return [.forbidden(at, "Bidirectional mount propagation is available only to privileged containers")]
    }
    return []
  }

  private static func readOnlyErrors(_ mount: JSONValue, _ at: FieldPath) -> [FieldError] {
    let value: JSONValue = mount["recursiveReadOnly"]
    switch value.string {
    case nil, "Disabled": return []
    case "Enabled", "IfPossible":
      var errors: [FieldError] = []
      if !(mount["readOnly"].bool ?? false) {
        errors.append(.forbidden(at, "may only be specified when readOnly is true"))
      }
      if mount["mountPropagation"].isThere, mount["mountPropagation"].plain != "None" {
        errors.append(.forbidden(at, "may only be specified when mountPropagation is None or not specified"))
      }
      return errors
    default: return [.notSupported(at, value, ["Disabled", "Enabled", "IfPossible"])]
    }
  }

  private static func deviceErrors(
    _ container: JSONValue, _ at: FieldPath, _ volumes: [String: JSONValue]
  ) -> [FieldError] {
    var errors: [FieldError] = []
    var names: Set<String> = []
    var paths: Set<String> = []
    let mounts: [JSONValue] = container["volumeMounts"].items
    for (place, device) in container["volumeDevices"].items.enumerated() {
      let path: FieldPath = at.index(place)
      func refuse(_ key: String, _ words: String) {
        errors.append(.invalid(path.child(key), .string(device[key].plain), words))
      }
      let name: String = device["name"].plain
      let target: String = device["devicePath"].plain
      if name.isEmpty { errors.append(.required(path.child("name"))) }
      if !name.isEmpty, !names.insert(name).inserted { refuse("name", "must be unique") }
      if let volume: JSONValue = volumes[name] {
        if volume["persistentVolumeClaim"].isNull, volume["ephemeral"].isNull {
          refuse("name", "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode")
        }
      } else {
        errors.append(.notFound(path.child("name"), .string(name)))
      }
      if target.isEmpty { errors.append(.required(path.child("devicePath"))) }
      if paths.contains(target) { refuse("devicePath", "must be unique") }
      if target.split(separator: "/").contains("..") {
        refuse("devicePath", "can not contain backsteps ('..')")
      } else {
        paths.insert(target)
      }
      if mounts.contains(where: { $0["name"].plain == name }) { refuse("name", "must not already exist in volumeMounts") }
      if mounts.contains(where: { $0["mountPath"].plain == target }) {
        refuse("devicePath", "must not already exist as a path in volumeMounts")
      }
    }
    return errors
  }
}

/// The rules of when a container starts again.
enum RestartRules {
  /// - Parameter isFirst: of a container that runs before others, whose rules count with a policy only.
  static func errors(_ container: JSONValue, _ at: FieldPath, isFirst: Bool = false) -> [FieldError] {
    let policy: JSONValue = container["restartPolicy"]
    let rules: [JSONValue] = container["restartPolicyRules"].items
    var errors: [FieldError] = []
    if policy.isNull {
      if rules.isEmpty { return [] }
      errors.append(.required(at.child("restartPolicy"), "must specify restartPolicy when restart rules are used"))
      if isFirst { return errors }
    } else {
      errors += Checks.supported(policy, at.child("restartPolicy"), ["Always", "Never", "OnFailure"])
    }
    let path: FieldPath = at.child("restartPolicyRules")
    if rules.count > 20 { errors.append(.tooMany(path, rules.count, 20)) }
    for (place, rule) in rules.enumerated() {
      errors += Checks.supported(
        rule["action"], path.index(place).child("action"), ["Restart", "RestartAllContainers"])
      let codes: FieldPath = path.index(place).child("exitCodes")
      guard rule["exitCodes"].isThere else {
        errors.append(.required(codes, "must be specified"))
        continue
      }
      errors += Checks.supported(rule["exitCodes"]["operator"], codes.child("operator"), ["In", "NotIn"])
      let count: Int = rule["exitCodes"]["values"].items.count
      if count > 255 { errors.append(.tooMany(codes.child("values"), count, 255)) }
    }
    return errors
  }
}
