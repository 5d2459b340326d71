// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of what pods say about Windows.
enum WindowsRules {
  private static let specificationMax: Int = 64 * 1024

  /// The options of a pod's or a container's security context.
  static func optionErrors(_ options: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard options.isThere else { return [] }
    var errors: [FieldError] = []
    if options["gmsaCredentialSpecName"].isThere {
      errors += Checks.text(options["gmsaCredentialSpecName"], path.child("gmsaCredentialSpecName"), Names.subdomain)
    }
    if let text: String = options["gmsaCredentialSpec"].string {
      let at: FieldPath = path.child("gmsaCredentialSpec")
      if text.isEmpty {
        errors.append(.invalid(at, "", "gmsaCredentialSpec cannot be an empty string"))
      } else if text.utf8.count > specificationMax {
        errors.append(.invalid(at, .string(text), "gmsaCredentialSpec size must be under 64 KiB"))
      }
    }
    if let name: String = options["runAsUserName"].string {
      errors += userErrors(name).map { .invalid(path.child("runAsUserName"), .string(name), "runAsUserName" + $0) }
    }
    return errors
  }

  /// What is wrong with a user, as what follows the field's name.
  private static func userErrors(_ name: String) -> [String] {
    if name.isEmpty { return [" cannot be an empty string"] }
    if name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return [" cannot contain control characters"] }
    let parts: [Substring] = name.split(separator: "\\", omittingEmptySubsequences: false)
    if parts.count > 2 { return [" cannot contain more than one backslash"] }
    var errors: [String] = []
    if parts.count == 2 {
      if parts[0].utf8.count >= 256 { errors.append("'s Domain length must be under 256 characters") }
      if !isDomain(parts[0]) { errors.append("'s Domain doesn't match the NetBios nor the DNS format") }
    }
    let user: Substring = parts[parts.count - 1]
    if user.isEmpty {
      errors.append("'s User cannot be empty")
    } else if user.utf8.count > 104 {
      errors.append("'s User length must not be longer than 104 characters")
    }
    if !user.isEmpty, user.allSatisfy({ $0 == "." || $0.isWhitespace }) {
      errors.append("'s User cannot contain only periods or spaces")
    }
    let forbidden: String = "\"/\\:;|=,+*?<>@[]"
    if user.contains(where: { forbidden.contains($0) }) {
      errors.append("'s User cannot contain the following characters: " + forbidden)
    }
    return errors
  }

  private static func isDomain(_ domain: Substring) -> Bool {
    func isPlain(_ byte: UInt8) -> Bool {
      (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || (byte >= 0x30 && byte <= 0x39)
    }
    let isShort: Bool =
      (1...15).contains(domain.utf8.count) && !domain.hasPrefix(".")
      && !domain.contains { "\\/:*?\"<>|".contains($0) }
    return isShort
      || domain.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
        guard let first: UInt8 = label.utf8.first, let last: UInt8 = label.utf8.last else { return false }
        return isPlain(first) && isPlain(last) && label.utf8.allSatisfy { isPlain($0) || $0 == 0x2D }
      }
  }

  /// Processes of the host: all containers are such, or none.
  static func hostProcessErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    func option(_ context: JSONValue) -> Bool? { context["windowsOptions"]["hostProcess"].bool }
    let whole: Bool? = option(spec["securityContext"])
    var errors: [FieldError] = []
    var count: Int = 0
    var hosted: Int = 0
    for list: String in ["initContainers", "containers", "ephemeralContainers"] {
      for (place, container) in spec[list].items.enumerated() {
        count += 1
        let own: Bool? = option(container["securityContext"])
        if own ?? whole ?? false { hosted += 1 }
        guard let whole, let own, whole != own else { continue }
        errors.append(
          .invalid(
            path.child(list).index(place).child("securityContext", "windowsOptions", "hostProcess"), .bool(own),
            "pod hostProcess value must be identical if both are specified, was \(whole)"))
      }
    }
    guard hosted > 0 else { return errors }
    if hosted != count {
      errors.append(
        .invalid(
          path, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers"))
    }
    if !(spec["hostNetwork"].bool ?? false) {
      errors.append(
        .invalid(
          path.child("hostNetwork"), false, "hostNetwork must be true if pod contains any hostProcess containers"))
    }
    return errors
  }
}
