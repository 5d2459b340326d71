// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import KubeValues

/// Kubernetes' own functions.
enum Libraries {
  static func call(_ name: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    guard case .string(let text)? = arguments.first else {
      if name == "string", case .object(let object)? = arguments.first { return try object.call("string", []) }
      return nil
    }
    switch name {
    case "url":
      guard let url: URLValue = URLValue(text) else {
        throw CELError("URL parse error during conversion from string: parse \(StringFunctions.quoted(text)): invalid URI for request")
      }
      return .object(url)
    case "isURL": return .bool(URLValue(text) != nil)
    case "ip":
      guard let address: IPAddress = plainAddress(text) else { throw unreadableAddress(text) }
      return .object(AddressValue(address))
    case "isIP": return .bool(plainAddress(text) != nil)
    case "ip.isCanonical":
      guard let address: IPAddress = plainAddress(text) else { throw unreadableAddress(text) }
      return .bool(address.description == text)
    case "cidr":
      guard let prefix: IPPrefix = IPPrefix(text) else {
        throw CELError("network address parse error during conversion from string: netip.ParsePrefix(\(StringFunctions.quoted(text))): no '/'")
      }
      return .object(PrefixValue(prefix))
    case "isCIDR": return .bool(IPPrefix(text) != nil)
    case "quantity":
      guard let quantity: ResourceQuantity = ResourceQuantity(text) else {
        throw CELError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
      }
      return .object(QuantityValue(quantity))
    case "isQuantity": return .bool(ResourceQuantity(text) != nil)
    case "semver", "isSemver":
      let version: SemanticVersion? = SemanticVersion(text, normalizes: arguments.count == 2 && arguments[1].bool == true)
      if name == "isSemver" { return .bool(version != nil) }
      guard let version else { throw CELError("No Major.Minor.Patch elements found") }
      return .object(version)
    case "jsonpatch.escapeKey":
      return .string(text.map { $0 == "/" ? "~1" : $0 == "~" ? "~0" : String($0) }.joined())
    case "format.named": return .optional(NamedFormat.known.contains(text) ? .object(NamedFormat(name: text)) : nil)
    default: return nil
    }
  }

  /// An address without a zone, and no IPv4 address in an IPv6 one's clothes.
  private static func plainAddress(_ text: String) -> IPAddress? {
    guard !text.contains("%"), !(text.contains(":") && text.contains(".")) else { return nil }
    return IPAddress(text)
  }

  private static func unreadableAddress(_ text: String) -> CELError {
    CELError("IP Address parse error during conversion from string: ParseAddr(\(StringFunctions.quoted(text))): unable to parse IP")
  }
}

/// net.IP.
struct AddressValue: CELObject {
  let typeName: String = "net.IP"
  let address: IPAddress

  init(_ address: IPAddress) { self.address = address }

  func isEqual(to other: any CELObject) -> Bool { (other as? AddressValue)?.address == address }

  func call(_ function: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    let bytes: [UInt8] = address.bytes
    let isLinkLocalMulticast: Bool =
      address.isIPv4 ? bytes.starts(with: [224, 0, 0]) : bytes[0] == 0xFF && bytes[1] & 0x0F == 2
    switch function {
    case "family": return .int(address.isIPv4 ? 4 : 6)
    case "isUnspecified": return .bool(address.isUnspecified)
    case "isLoopback": return .bool(address.isLoopback)
    case "isLinkLocalUnicast": return .bool(address.isLinkLocalUnicast)
    case "isLinkLocalMulticast": return .bool(isLinkLocalMulticast)
    case "isGlobalUnicast":
      let isBroadcast: Bool = address.isIPv4 && bytes.allSatisfy { $0 == 255 }
      return .bool(
        !isBroadcast && !address.isUnspecified && !address.isLoopback && !address.isMulticast && !address.isLinkLocalUnicast)
    case "string": return .string(address.description)
    default: return nil
    }
  }
}

/// net.CIDR.
struct PrefixValue: CELObject {
  let typeName: String = "net.CIDR"
  let prefix: IPPrefix

  init(_ prefix: IPPrefix) { self.prefix = prefix }

  func isEqual(to other: any CELObject) -> Bool { (other as? PrefixValue)?.prefix == prefix }

  private func contains(_ address: IPAddress) -> Bool {
    address.family == prefix.family && address.bits & prefix.maskBits == prefix.network.bits
  }

  func call(_ function: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    switch function {
    case "containsIP":
      if case .object(let object)? = arguments.first, let value: AddressValue = object as? AddressValue {
        return .bool(contains(value.address))
      }
      guard let text: String = arguments.first?.string else { return nil }
      guard case .object(let object)? = try Libraries.call("ip", [.string(text)]), let value: AddressValue = object as? AddressValue
      else { return nil }
      return .bool(contains(value.address))
    case "containsCIDR":
      let other: IPPrefix
      if case .object(let object)? = arguments.first, let value: PrefixValue = object as? PrefixValue {
        other = value.prefix
      } else if let text: String = arguments.first?.string, case .object(let object)? = try Libraries.call("cidr", [.string(text)]),
        let value: PrefixValue = object as? PrefixValue
      {
        other = value.prefix
      } else {
        return nil
      }
      return .bool(other.length >= prefix.length && contains(other.network))
    case "ip": return .object(AddressValue(prefix.address))
    case "masked":
      guard let masked: IPPrefix = IPPrefix(address: prefix.network, length: prefix.length) else { return nil }
      return .object(PrefixValue(masked))
    case "prefixLength": return .int(Int64(prefix.length))
    case "string": return .string("\(prefix.address)/\(prefix.length)")
    default: return nil
    }
  }
}

/// kubernetes.Quantity.
struct QuantityValue: CELObject {
  private static let unit: Int128 = 1_000_000_000

  let typeName: String = "kubernetes.Quantity"
  let quantity: ResourceQuantity

  init(_ quantity: ResourceQuantity) { self.quantity = quantity }

  func isEqual(to other: any CELObject) -> Bool { (other as? QuantityValue)?.quantity == quantity }

  func call(_ function: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    var other: ResourceQuantity?
    if case .object(let object)? = arguments.first { other = (object as? QuantityValue)?.quantity }
    if case .int(let number)? = arguments.first { other = ResourceQuantity(number) }
    let whole: Int64? = quantity.nanounits % Self.unit == 0 ? Int64(exactly: quantity.nanounits / Self.unit) : nil
    switch (function, other) {
    case ("isInteger", nil): return .bool(whole != nil)
    case ("asInteger", nil):
      guard let whole else { throw CELError("cannot convert value to integer") }
      return .int(whole)
    case ("asApproximateFloat", nil): return .double(Double(quantity.nanounits) / Double(Self.unit))
    case ("sign", nil): return .int(quantity.nanounits.signum() == 0 ? 0 : quantity.nanounits < 0 ? -1 : 1)
    case ("add", let other?): return .object(QuantityValue(quantity + other))
    case ("sub", let other?): return .object(QuantityValue(quantity - other))
    case ("isLessThan", let other?): return .bool(quantity < other)
    case ("isGreaterThan", let other?): return .bool(other < quantity)
    case ("compareTo", let other?): return .int(quantity < other ? -1 : quantity == other ? 0 : 1)
    default: return nil
    }
  }
}
