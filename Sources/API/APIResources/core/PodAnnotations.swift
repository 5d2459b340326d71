// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Annotations of pods that mean something, or once did.
enum PodAnnotations {
  private static let appArmorPrefix: String = "container.apparmor.security.beta.kubernetes.io/"
  private static let seccompPod: String = "seccomp.security.alpha.kubernetes.io/pod"
  private static let seccompPrefix: String = "container.seccomp.security.alpha.kubernetes.io/"
  private static let lists: [String] = ["initContainers", "containers", "ephemeralContainers"]

  /// What is wrong with the annotations themselves.
  static func errors(_ pod: JSONValue, _ path: FieldPath) -> [FieldError] {
    let annotations: JSONValue = pod["metadata"]["annotations"]
    guard let members: JSONObject = annotations.object else { return [] }
    var errors: [FieldError] = []
    let mirror: String = "kubernetes.io/config.mirror"
    if annotations[mirror].isThere, pod["spec"]["nodeName"].plain.isEmpty {
      errors.append(
        .invalid(path.key(mirror), annotations[mirror], "must set spec.nodeName if mirror pod annotation is set"))
    }
    let cost: String = "controller.kubernetes.io/pod-deletion-cost"
    if annotations[cost].isThere, !isCost(annotations[cost].plain) {
      errors.append(.invalid(path.key(cost), annotations[cost], "must be a 32bit integer"))
    }
    if let profile: String = annotations[seccompPod].string {
      errors += seccompErrors(profile, path.child(seccompPod))
    }
    for (key, value) in members where key.hasPrefix(seccompPrefix) {
      errors += seccompErrors(value.plain, path.child(key))
    }
    for (key, value) in members where key.hasPrefix(appArmorPrefix) {
      let name: String = String(key.dropFirst(appArmorPrefix.count))
      let isKnown: Bool = lists.contains { pod["spec"][$0].items.contains { $0["name"].plain == name } }
      if !isKnown { errors.append(.invalid(path.key(key), .string(name), "container not found")) }
      let text: String = value.plain
      if !["", "runtime/default", "unconfined"].contains(text), !text.hasPrefix("localhost/") {
        errors.append(.invalid(path.key(key), value, "invalid AppArmor profile name: \(text.goQuoted)"))
      }
    }
    return errors
  }

  private static func isCost(_ text: String) -> Bool {
    guard let first: Character = text.first, Int32(text) != nil else { return false }
    return first == "-" || text == "0" || ("1"..."9").contains(first)
  }

  private static func seccompErrors(_ profile: String, _ path: FieldPath) -> [FieldError] {
    if ["runtime/default", "docker/default", "unconfined"].contains(profile) { return [] }
    guard profile.hasPrefix("localhost/") else { return [.invalid(path, .string(profile), "must be a valid seccomp profile")] }
    return PathRules.local(.string(String(profile.dropFirst("localhost/".count))), path)
  }

  /// What does not fit the fields that took the annotations' place.
  static func mismatches(_ pod: JSONValue, _ path: FieldPath) -> [FieldError] {
    let annotations: JSONValue = pod["metadata"]["annotations"]
    guard annotations.isThere else { return [] }
    let spec: JSONValue = pod["spec"]
    var errors: [FieldError] = []
    func compare(_ annotation: JSONValue, _ profile: JSONValue, _ at: FieldPath, _ kind: String) {
      guard let text: String = annotation.string, profile.isThere else { return }
      let fits: Bool =
        switch profile["type"].plain {
        case "Unconfined": text == "unconfined"
        case "RuntimeDefault": text == "runtime/default" || (kind == "seccomp" && text == "docker/default")
        case "Localhost": text.hasPrefix("localhost/")
        default: true
        }
      if !fits {
        errors.append(.forbidden(at.child("type"), "\(kind) type in annotation and field must match"))
      } else if profile["type"].plain == "Localhost", profile["localhostProfile"].string != String(text.dropFirst(10)) {
        errors.append(.forbidden(at.child("localhostProfile"), "\(kind) profile in annotation and field must match"))
      }
    }
    compare(
      annotations[seccompPod], spec["securityContext"]["seccompProfile"],
      path.child("securityContext", "seccompProfile"), "seccomp")
    for (container, at) in located(spec, path) {
      compare(
        annotations[seccompPrefix + container["name"].plain], container["securityContext"]["seccompProfile"],
        at.child("securityContext", "seccompProfile"), "seccomp")
    }
    guard spec["os"]["name"].plain != "windows" else { return errors }
    for (container, at) in located(spec, path) {
      let own: JSONValue = container["securityContext"]["appArmorProfile"]
      compare(
        annotations[appArmorPrefix + container["name"].plain],
        own.isThere ? own : spec["securityContext"]["appArmorProfile"],
        at.child("securityContext", "appArmorProfile"), "apparmor")
    }
    return errors
  }

  private static func located(_ spec: JSONValue, _ path: FieldPath) -> [(JSONValue, FieldPath)] {
    lists.flatMap { list in spec[list].items.enumerated().map { ($1, path.child(list).index($0)) } }
  }

  /// Takes AppArmor's profiles from the annotations where no field says one.
  ///
  /// - Returns: warnings about the annotations that were needed.
  static func takeProfiles(_ pod: inout JSONValue) -> [String] {
    let annotations: JSONValue = pod["metadata"]["annotations"]
    guard annotations.object?.keys.contains(where: { $0.hasPrefix(appArmorPrefix) }) ?? false,
      pod["spec"]["os"]["name"].plain != "windows"
    else { return [] }
    var warnings: [String] = []
    let common: JSONValue = pod["spec"]["securityContext"]["appArmorProfile"]
    pod.edit("spec") { spec in
      for list: String in lists {
        spec.editItems(list) { container in
          let key: String = appArmorPrefix + container["name"].plain
          guard let text: String = annotations[key].string, container["securityContext"]["appArmorProfile"].isNull else {
            return
          }
          let profile: JSONValue? = profile(of: text)
          if let profile {
            if profile == common { return }
            container["securityContext"]["appArmorProfile"] = profile
          }
          warnings.append("\(FieldPath("metadata", "annotations").key(key)): \(appArmorAdvice)")
        }
      }
    }
    return warnings
  }

  private static let appArmorAdvice: String = "deprecated since v1.30; use the \"appArmorProfile\" field instead"

  private static func profile(of annotation: String) -> JSONValue? {
    switch annotation {
    case "unconfined": return ["type": "Unconfined"]
    case "runtime/default": return ["type": "RuntimeDefault"]
    default:
      guard annotation.hasPrefix("localhost/"), annotation.utf8.count > 10 else { return nil }
      return ["type": "Localhost", "localhostProfile": .string(String(annotation.dropFirst(10)))]
    }
  }

  /// Warnings about annotations whose field is not set.
  static func warnings(_ pod: JSONValue, at owner: FieldPath) -> [String] {
    let annotations: JSONValue = pod["metadata"]["annotations"]
    guard annotations.isThere else { return [] }
    let path: FieldPath = owner.child("metadata", "annotations")
    let advice: String = "non-functional in v1.27+; use the \"seccompProfile\" field instead"
    var warnings: [String] = []
    let spec: JSONValue = pod["spec"]
    if annotations[seccompPod].isThere, spec["securityContext"]["seccompProfile"].isNull {
      warnings.append("\(path.key(seccompPod)): \(advice)")
    }
    for (container, _) in located(spec, path) {
      let name: String = container["name"].plain
      if annotations[seccompPrefix + name].isThere, container["securityContext"]["seccompProfile"].isNull {
        warnings.append("\(path.key(seccompPrefix + name)): \(advice)")
      }
      // For pods it was said when the field was filled.
      guard !owner.isRoot, container["securityContext"]["appArmorProfile"].isNull,
        let text: String = annotations[appArmorPrefix + name].string
      else { continue }
      let common: JSONValue = spec["securityContext"]["appArmorProfile"]
      if common.isNull || common != profile(of: text) ?? .null {
        warnings.append("\(path.key(appArmorPrefix + name)): \(appArmorAdvice)")
      }
    }
    return warnings
  }
}
