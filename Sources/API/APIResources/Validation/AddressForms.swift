// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// Addresses and ranges in forms that parse, but are not the best.
enum AddressForms {
  /// What is wrong with an address; nil where it is right.
  static func complaint(address text: String) -> String? {
    if let address: IPAddress = IPAddress(text) {
      return address.isIPv4 && text.contains(":") ? "must not be an IPv4-mapped IPv6 address" : nil
    }
    return withoutLeadingZeros(text) == nil
      ? "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)" : "must not have leading 0s"
  }

  /// What is wrong with a range; nil where it is right.
  static func complaint(range text: String) -> String? {
    if let prefix: IPPrefix = IPPrefix(text) {
      return prefix.address == prefix.network ? nil : "must not have bits set beyond the prefix length"
    }
    let parts: [Substring] = text.split(separator: "/", omittingEmptySubsequences: false)
    if parts.count == 2, !parts[1].isEmpty, parts[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      let length: Int = Int(parts[1])
    {
      if parts[0].contains(":"), IPAddress(String(parts[0]))?.isIPv4 ?? false, length <= 128 {
        return "must not have an IPv4-mapped IPv6 address"
      }
      let address: IPAddress? = IPAddress(String(parts[0])) ?? withoutLeadingZeros(String(parts[0]))
      if let address, length <= address.family.bitWidth { return "must not have leading 0s in IP or prefix length" }
    }
    return "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
  }

  /// Whether an address has zeros that do not count.
  static func isSloppy(_ text: String) -> Bool { IPAddress(text) == nil && withoutLeadingZeros(text) != nil }

  private static func withoutLeadingZeros(_ text: String) -> IPAddress? {
    let parts: [Substring] = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    return IPAddress(
      parts.map { part in
        let digits: Substring = part.drop { $0 == "0" }
        return digits.isEmpty ? "0" : String(digits)
      }.joined(separator: "."))
  }

  /// A warning about an address that is right, but not written as RFC 5952 says.
  static func warnings(address text: String, _ path: @autoclosure () -> FieldPath) -> [String] {
    guard text.contains(":"), let address: IPAddress = IPAddress(text), address.isIPv6, address.description != text else {
      return []
    }
    return ["\(path()): IPv6 address \(text.goQuoted) should be in RFC 5952 canonical format (\"\(address)\")"]
  }

  /// A warning about a range that is right, but not written as RFC 5952 says.
  static func warnings(range text: String, _ path: @autoclosure () -> FieldPath) -> [String] {
    guard text.contains(":"), let prefix: IPPrefix = IPPrefix(text), prefix.family == .v6, prefix.description != text
    else { return [] }
    return ["\(path()): IPv6 CIDR value \(text.goQuoted) should be in RFC 5952 canonical format (\"\(prefix)\")"]
  }
}
