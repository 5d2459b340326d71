// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeValues

/// How the names of a kind's objects are checked.
public enum NameRule: Sendable {
  /// RFC 1123 subdomains: the rule of most kinds.
  case subdomain
  /// RFC 1123 labels.
  case label
  /// DNS-1035 labels: names that become DNS names.
  case label1035
  /// Anything that can be a segment of a path: RBAC.
  case pathSegment
  /// IP addresses in their canonical form.
  case address
  /// As subdomains, and the generic metadata rules without those for finalizers of the core group.
  case subdomainGeneric
  /// Anything that can be a segment of a path, and the generic metadata rules alone.
  case pathSegmentGeneric
  /// Whatever; the kind has its own rule.
  case any
  /// Whatever, and the generic metadata rules alone.
  case anyGeneric

  /// What is wrong with a name; with a prefix of names when `isPrefix`.
  func messages(_ name: String, isPrefix: Bool) -> [String] {
    var name: String = name
    // The trailing dash of a prefix is followed by more.
    if isPrefix, name.utf8.count > 1, name.hasSuffix("-") { name = String(name.dropLast()) + "a" }
    switch self {
    case .subdomain, .subdomainGeneric: return Names.subdomain(name)
    case .label: return Names.label(name)
    case .label1035: return Names.label1035(name)
    case .pathSegment, .pathSegmentGeneric: return Names.pathSegment(name, isPrefix: isPrefix)
    case .address, .any, .anyGeneric: return []
    }
  }

  /// Whether finalizers must be standard ones or have a domain.
  var checksFinalizers: Bool {
    switch self {
    case .subdomainGeneric, .pathSegmentGeneric, .anyGeneric: false
    default: true
    }
  }
}

/// What is wrong with names of all sorts, in upstream's words; empty where nothing is.
enum Names {
  static func tooLong(_ maximum: Int) -> String { "must be no more than \(maximum) characters" }

  static func label(_ name: String) -> [String] {
    var messages: [String] = []
    if name.utf8.count > 63 { messages.append(tooLong(63)) }
    if !isLabel(name) {
      messages.append(isSubdomain(name) ? "must not contain dots" : KubeName.dns1123LabelMessage)
    }
    return messages
  }

  static func subdomain(_ name: String) -> [String] {
    var messages: [String] = []
    if name.utf8.count > 253 { messages.append(tooLong(253)) }
    if !isSubdomain(name) { messages.append(KubeName.dns1123SubdomainMessage) }
    return messages
  }

  static func label1035(_ name: String) -> [String] {
    var messages: [String] = []
    if name.utf8.count > 63 { messages.append(tooLong(63)) }
    if !isLabel(name) || !(name.utf8.first.map { $0 >= 0x61 && $0 <= 0x7A } ?? false) {
      messages.append(KubeName.dns1035LabelMessage)
    }
    return messages
  }

  private static func isLabel(_ name: String) -> Bool {
    func isAlphanumeric(_ byte: UInt8) -> Bool { (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39) }
    guard let first: UInt8 = name.utf8.first, let last: UInt8 = name.utf8.last else { return false }
    return isAlphanumeric(first) && isAlphanumeric(last) && name.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D }
  }

  private static func isSubdomain(_ name: String) -> Bool {
    name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isLabel(String($0)) }
  }

  static func pathSegment(_ name: String, isPrefix: Bool) -> [String] {
    if !isPrefix, name == "." || name == ".." { return ["may not be '\(name)'"] }
    return ["/", "%"].filter { name.contains($0) }.map { "may not contain '\($0)'" }
  }

  static func qualified(_ key: String) -> [String] { KubeName.qualifiedNameErrors(key) }
  static func labelValue(_ value: String) -> [String] { KubeName.labelValueErrors(value) }

  /// Keys of ConfigMaps and Secrets.
  static func configKey(_ key: String) -> [String] {
    var messages: [String] = []
    if key.utf8.count > 253 { messages.append(tooLong(253)) }
    let isPlain: Bool = key.utf8.allSatisfy { byte in
      (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A)
        || byte == 0x2D || byte == 0x5F || byte == 0x2E
    }
    if key.isEmpty || !isPlain {
      messages.append(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
          + "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')")
    }
    if key == "." { messages.append("must not be '.'") }
    if key == ".." {
      messages.append("must not be '..'")
    } else if key.hasPrefix("..") {
      messages.append("must not start with '..'")
    }
    return messages
  }

  static func portName(_ name: String) -> [String] {
    var messages: [String] = []
    if name.utf8.count > 15 { messages.append(tooLong(15)) }
    let isPlain: Bool = name.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D }
    if !isPlain || name.isEmpty {
      messages.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    }
    if !name.utf8.contains(where: { $0 >= 0x61 && $0 <= 0x7A }) {
      messages.append("must contain at least one letter (a-z)")
    }
    if name.contains("--") { messages.append("must not contain consecutive hyphens") }
    if name.hasPrefix("-") || name.hasSuffix("-") { messages.append("must not begin or end with a hyphen") }
    return messages
  }

  static func portNumber(_ port: Int64) -> [String] {
    (1...65535).contains(port) ? [] : ["must be between 1 and 65535, inclusive"]
  }

  /// Environment variables with the relaxed rule of 1.32 and later.
  static func environmentVariable(_ name: String) -> [String] {
    if name.isEmpty { return ["environment variable name must be non-empty"] }
    let isPlain: Bool = name.utf8.allSatisfy { $0 >= 0x20 && $0 <= 0x7E && $0 != 0x3D }
    return isPlain
      ? [] : ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
  }

  static func isDomainPrefixed(_ key: String) -> [String] {
    guard !key.isEmpty else { return ["must be non-empty"] }
    let parts: [String] = key.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
      return ["must be a domain-prefixed path (such as \"acme.io/foo\")"]
    }
    return subdomain(parts[0])
  }
}
