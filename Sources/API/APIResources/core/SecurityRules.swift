// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Security contexts of pods and containers.
enum SecurityRules {
  private static let idMessage: String = "must be between 0 and 2147483647, inclusive"

  private static func identifier(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard let number: Int64 = value.int, !(0...PodValidation.int32Max).contains(number) else { return [] }
    return [.invalid(path, value, idMessage)]
  }

  static func podErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let context: JSONValue = spec["securityContext"]
    for key: String in ["fsGroup", "runAsUser", "runAsGroup"] { errors += identifier(context[key], path.child(key)) }
    for (place, group) in context["supplementalGroups"].items.enumerated() {
      errors += identifier(group, path.child("supplementalGroups").index(place))
    }
    if spec["shareProcessNamespace"].bool ?? false, spec["hostPID"].bool ?? false {
      errors.append(
        .invalid(
          path.child("shareProcessNamespace"), true, "ShareProcessNamespace and HostPID cannot both be enabled"))
    }
    errors += sysctlErrors(context["sysctls"], path.child("sysctls"), spec)
    if context["fsGroupChangePolicy"].isThere {
      errors += Checks.supported(
        context["fsGroupChangePolicy"], path.child("fsGroupChangePolicy"), ["Always", "OnRootMismatch"])
    }
    errors += profileErrors(context, path)
    errors += WindowsRules.optionErrors(context["windowsOptions"], path.child("windowsOptions"))
    if context["supplementalGroupsPolicy"].isThere {
      errors += Checks.supported(
        context["supplementalGroupsPolicy"], path.child("supplementalGroupsPolicy"), ["Merge", "Strict"])
    }
    if context["seLinuxChangePolicy"].isThere {
      // Others are behind a feature gate that is off (SELinuxMount).
      errors += Checks.supported(context["seLinuxChangePolicy"], path.child("seLinuxChangePolicy"), ["Recursive"])
    }
    return errors
  }

  private static func sysctlErrors(_ sysctls: JSONValue, _ path: FieldPath, _ spec: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    var names: Set<String> = []
    for (place, item) in sysctls.items.enumerated() {
      let at: FieldPath = path.index(place).child("name")
      let name: String = item["name"].plain
      if name.isEmpty {
        errors.append(.required(at))
      } else if !isSysctl(name) {
        errors.append(
          .invalid(
            at, .string(name),
            "must have at most 253 characters and match regex "
              + "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"))
      } else if !names.insert(name.replacing("/", with: ".")).inserted {
        errors.append(.duplicate(at, .string(name)))
      }
      let dotted: String = name.replacing("/", with: ".")
      if dotted.hasPrefix("net."), spec["hostNetwork"].bool ?? false {
        errors.append(.invalid(at, .string(name), "may not be specified when 'hostNetwork' is true"))
      }
      let isShared: Bool =
        dotted == "kernel.sem" || ["kernel.shm", "kernel.msg", "fs.mqueue."].contains { dotted.hasPrefix($0) }
      if isShared, spec["hostIPC"].bool ?? false {
        errors.append(.invalid(at, .string(name), "may not be specified when 'hostIPC' is true"))
      }
    }
    return errors
  }

  private static func isSysctl(_ name: String) -> Bool {
    guard name.utf8.count <= 253 else { return false }
    return name.split(omittingEmptySubsequences: false) { $0 == "." || $0 == "/" }.allSatisfy { part in
      func isAlphanumeric(_ byte: UInt8) -> Bool { (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39) }
      guard let first: UInt8 = part.utf8.first, let last: UInt8 = part.utf8.last else { return false }
      return isAlphanumeric(first) && isAlphanumeric(last)
        && part.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F }
    }
  }

  /// seccomp and AppArmor profiles.
  private static func profileErrors(_ context: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for (key, name) in [("seccompProfile", "seccomp"), ("appArmorProfile", "AppArmor")] {
      let profile: JSONValue = context[key]
      guard profile.isThere else { continue }
      let at: FieldPath = path.child(key)
      let isSeccomp: Bool = key == "seccompProfile"
      let local: JSONValue = profile["localhostProfile"]
      switch profile["type"].plain {
      case "Localhost":
        if local.isNull {
          errors.append(.required(at.child("localhostProfile"), "must be set when \(name) type is Localhost"))
        } else if isSeccomp {
          if local.plain.hasPrefix("/") {
            errors.append(.invalid(at.child("localhostProfile"), local, "must be a relative path"))
          } else if local.plain.split(separator: "/").contains("..") {
            errors.append(.invalid(at.child("localhostProfile"), local, "must not contain '..'"))
          }
        } else {
          errors += paddingErrors(local, at.child("localhostProfile"))
        }
      case "RuntimeDefault", "Unconfined":
        if local.isThere, !isSeccomp {
          errors.append(
            .invalid(at.child("localhostProfile"), local, "can only be set when \(name) type is Localhost"))
        }
      case "": errors.append(.required(at.child("type"), "type is required when \(key) is set"))
      default:
        errors.append(.notSupported(at.child("type"), profile["type"], ["Localhost", "RuntimeDefault", "Unconfined"]))
      }
      if isSeccomp, profile["type"].plain != "Localhost", local.isThere {
        let shown: JSONValue = ["Type": .string(profile["type"].plain), "LocalhostProfile": local]
        errors.append(
          .invalid(at.child("localhostProfile"), shown, "can only be set when seccomp type is Localhost"))
      }
    }
    return errors
  }

  private static func paddingErrors(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    let text: String = value.plain
    if text.first?.isWhitespace ?? false || text.last?.isWhitespace ?? false {
      return [.invalid(path, value, "must not be padded with whitespace")]
    }
    return text.isEmpty ? [.required(path, "must be set when AppArmor type is Localhost")] : []
  }

  static func containerErrors(_ container: JSONValue, _ path: FieldPath, hostUsers: Bool) -> [FieldError] {
    let context: JSONValue = container["securityContext"]
    guard context.isThere else { return [] }
    var errors: [FieldError] = []
    errors += identifier(context["runAsUser"], path.child("runAsUser"))
    errors += identifier(context["runAsGroup"], path.child("runAsGroup"))
    if context["procMount"].isThere {
      let known: Bool = ["Default", "Unmasked"].contains(context["procMount"].plain)
      if !known {
        errors.append(.notSupported(path.child("procMount"), context["procMount"], ["Default", "Unmasked"]))
      } else if hostUsers, context["procMount"].plain == "Unmasked" {
        errors.append(
          .invalid(path.child("procMount"), context["procMount"], "`hostUsers` must be false to use `Unmasked`"))
      }
    }
    errors += profileErrors(context, path)
    errors += WindowsRules.optionErrors(context["windowsOptions"], path.child("windowsOptions"))
    if context["allowPrivilegeEscalation"].bool == false {
      if context["privileged"].bool ?? false {
        errors.append(
          .invalid(path, shown(context), "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
      }
      if context["capabilities"]["add"].strings.contains("CAP_SYS_ADMIN") {
        errors.append(
          .invalid(
            path, shown(context),
            "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
      }
    }
    return errors
  }

  private static func shown(_ context: JSONValue) -> JSONValue {
    let names: [(String, String)] = [
      ("Capabilities", "capabilities"), ("Privileged", "privileged"), ("SELinuxOptions", "seLinuxOptions"),
      ("WindowsOptions", "windowsOptions"), ("RunAsUser", "runAsUser"), ("RunAsGroup", "runAsGroup"),
      ("RunAsNonRoot", "runAsNonRoot"), ("ReadOnlyRootFilesystem", "readOnlyRootFilesystem"),
      ("AllowPrivilegeEscalation", "allowPrivilegeEscalation"), ("ProcMount", "procMount"),
      ("SeccompProfile", "seccompProfile"), ("AppArmorProfile", "appArmorProfile"),
    ]
    var members: JSONObject = JSONObject()
    for (go, json) in names {
      var value: JSONValue = context[json]
      if json == "capabilities", value.isThere { value = GoText.capitalized(value, ["add", "drop"]) }
      members[go] = value
    }
    return .object(members)
  }

  /// What must not be set for the pod's operating system.
  static func systemErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard spec["os"]["name"].plain == "windows" else { return [] }
    var errors: [FieldError] = []
    let context: JSONValue = spec["securityContext"]
    let at: FieldPath = path.child("securityContext")
    for key: String in [
      "appArmorProfile", "seLinuxOptions", "seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls",
      "shareProcessNamespace", "runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy",
    ] where !context[key].isNull {
      errors.append(.forbidden(at.child(key), "cannot be set for a windows pod"))
    }
    for key: String in ["hostPID", "hostIPC"] where spec[key].bool ?? false {
      errors.append(.forbidden(at.child(key), "cannot be set for a windows pod"))
    }
    for list: String in ["containers", "initContainers"] {
      for (place, container) in spec[list].items.enumerated() {
        let inner: JSONValue = container["securityContext"]
        for key: String in [
          "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged",
          "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup",
        ] where !inner[key].isNull {
          errors.append(
            .forbidden(
              path.child(list).index(place).child("securityContext", key), "cannot be set for a windows pod"))
        }
      }
    }
    return errors
  }
}
