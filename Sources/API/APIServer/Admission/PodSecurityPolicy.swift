// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// What a namespace's labels ask of its pods.
struct PodSecurityPolicy {
  static let prefix: String = "pod-security.kubernetes.io/"
  private static let levels: [String] = ["privileged", "baseline", "restricted"]

  /// A level of the standards in a version of them.
  struct Mode: Equatable {
    var level: String = "privileged"
    /// The minor version; that of the newest where the label says `latest`.
    var version: Int = .max

    var rank: Int { PodSecurityPolicy.levels.firstIndex(of: level) ?? 0 }
    var text: String { version == .max ? "\(level):latest" : "\(level):v1.\(version)" }
    func violations(_ pod: JSONValue) -> [String] {
      PodSecurityChecks.violations(pod, level: level, version: version)
    }
  }

  private(set) var enforce: Mode = Mode()
  private(set) var warn: Mode = Mode()
  /// Labels that say nothing understandable.
  private(set) var errors: [FieldError] = []

  init(_ labels: JSONValue) {
    var map: [String: String] = [:]
    for (key, value) in labels.object ?? JSONObject() { map[key] = value.string }
    self.init(map)
  }

  init(_ labels: [String: String]) {
    let hasLevel: Bool
    (enforce, hasLevel) = read(labels, "enforce", fallback: "restricted")
    _ = read(labels, "audit", fallback: "privileged")
    (warn, _) = read(labels, "warn", fallback: "privileged")
    // Who enforces a level is warned of it, too.
    if labels[Self.prefix + "warn"] == nil, hasLevel, enforce.rank > warn.rank {
      warn.level = enforce.level
      if labels[Self.prefix + "warn-version"] == nil { warn.version = enforce.version }
    }
  }

  /// A mode, and whether it has a level that is one.
  private mutating func read(
    _ labels: [String: String], _ name: String, fallback: String
  ) -> (mode: Mode, isRight: Bool) {
    var mode: Mode = Mode()
    var isRight: Bool = false
    if let level: String = labels[Self.prefix + name] {
      isRight = Self.levels.contains(level)
      mode.level = isRight ? level : fallback
      if !isRight { refuse(name, level, "must be one of \(Self.levels.joined(separator: ", "))") }
    }
    if let version: String = labels[Self.prefix + name + "-version"] {
      if let number: Int = Self.minor(version) {
        mode.version = number
      } else {
        refuse(name + "-version", version, "must be \"latest\" or \"v1.x\"")
      }
    }
    return (mode, isRight)
  }

  private mutating func refuse(_ name: String, _ value: String, _ words: String) {
    errors.append(.invalid(FieldPath("metadata", "labels").key(Self.prefix + name), .string(value), words))
  }

  private static func minor(_ text: String) -> Int? {
    if text == "latest" { return .max }
    guard text.hasPrefix("v1.") else { return nil }
    let digits: Substring = text.dropFirst(3)
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), digits == "0" || digits.first != "0" else {
      return nil
    }
    return Int(digits)
  }
}
