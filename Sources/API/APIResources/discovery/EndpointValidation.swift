// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// The rules of Endpoints.
enum EndpointsValidation {
  static func errors(_ object: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, subset) in object["subsets"].items.enumerated() {
      let at: FieldPath = FieldPath("subsets").index(place)
      if subset["addresses"].isVoid, subset["notReadyAddresses"].isVoid {
        errors.append(.required(at, "must specify `addresses` or `notReadyAddresses`"))
      }
      for list: String in ["addresses", "notReadyAddresses"] {
        for (index, address) in subset[list].items.enumerated() {
          errors += addressErrors(address, at.child(list).index(index))
        }
      }
      for (index, port) in subset["ports"].items.enumerated() {
        errors += portErrors(port, at.child("ports").index(index), needsName: subset["ports"].items.count > 1)
      }
    }
    return errors
  }

  private static func addressErrors(_ address: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = Checks.address(address["ip"], at.child("ip"))
    if !address["hostname"].plain.isEmpty {
      errors += Checks.text(address["hostname"], at.child("hostname"), Names.label)
    }
    if address["nodeName"].isThere {
      errors += Checks.text(address["nodeName"], at.child("nodeName"), Names.subdomain)
    }
    return errors + special(address["ip"].plain, at.child("ip"))
  }

  /// Addresses that no Service may lead to.
  static func special(_ text: String, _ at: FieldPath) -> [FieldError] {
    IPAddress(text) == nil
      ? (AddressForms.isSloppy(text) ? [] : [.invalid(at, .string(text), "must be a valid IP address")])
      : ServiceValidation.nonSpecial(text, at)
  }

  private static func portErrors(_ port: JSONValue, _ at: FieldPath, needsName: Bool) -> [FieldError] {
    var errors: [FieldError] = []
    if port["name"].plain.isEmpty {
      if needsName { errors.append(.required(at.child("name"))) }
    } else {
      errors += Checks.text(port["name"], at.child("name"), Names.label)
    }
    let number: Int64 = port["port"].int ?? 0
    errors += Names.portNumber(number).map { .invalid(at.child("port"), .int(number), $0) }
    if port["protocol"].plain.isEmpty {
      errors.append(.required(at.child("protocol")))
    } else {
      errors += Checks.supported(port["protocol"], at.child("protocol"), ["TCP", "UDP", "SCTP"])
    }
    if port["appProtocol"].isThere {
      errors += Checks.text(port["appProtocol"], at.child("appProtocol"), Names.qualified)
    }
    return errors
  }
}

/// The rules of EndpointSlices.
enum EndpointSliceValidation {
  private static let endpointsMax: Int = 1000
  private static let portsMax: Int = 20000
  private static let addressesMax: Int = 100

  static func errors(_ object: JSONValue) -> [FieldError] {
    let type: String = object["addressType"].plain
    var errors: [FieldError] = []
    if type.isEmpty {
      errors.append(.required(FieldPath("addressType")))
    } else {
      errors += Checks.supported(object["addressType"], FieldPath("addressType"), ["FQDN", "IPv4", "IPv6"])
    }
    let endpoints: [JSONValue] = object["endpoints"].items
    if endpoints.count > endpointsMax {
      errors.append(.tooMany(FieldPath("endpoints"), endpoints.count, endpointsMax))
    } else {
      for (place, endpoint) in endpoints.enumerated() {
        errors += endpointErrors(endpoint, FieldPath("endpoints").index(place), type)
      }
    }
    return errors + portErrors(object["ports"].items, FieldPath("ports"))
  }

  private static func endpointErrors(_ endpoint: JSONValue, _ at: FieldPath, _ type: String) -> [FieldError] {
    var errors: [FieldError] = []
    let addresses: [JSONValue] = endpoint["addresses"].items
    let path: FieldPath = at.child("addresses")
    if addresses.isEmpty { errors.append(.required(path, "must contain at least 1 address")) }
    if addresses.count > addressesMax { errors.append(.tooMany(path, addresses.count, addressesMax)) }
    for (place, address) in addresses.enumerated() {
      errors += addressErrors(address, path, place, type)
    }
    if endpoint["hostname"].isThere {
      errors += Checks.text(endpoint["hostname"], at.child("hostname"), Names.label)
    }
    if endpoint["nodeName"].isThere {
      errors += Checks.text(endpoint["nodeName"], at.child("nodeName"), Names.subdomain)
    }
    return errors + hintErrors(endpoint["hints"], at.child("hints"))
  }

  private static func hintErrors(_ hints: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for (key, rule) in [("forZones", Names.labelValue), ("forNodes", Names.subdomain)] {
      let path: FieldPath = at.child(key)
      if hints[key].items.count > 8 {
        errors.append(.tooMany(path, hints[key].items.count, 8))
        continue
      }
      var seen: Set<String> = []
      for (place, item) in hints[key].items.enumerated() {
        let name: FieldPath = path.index(place).child("name")
        if !seen.insert(item["name"].plain).inserted { errors.append(.duplicate(name, .string(item["name"].plain))) }
        errors += Checks.text(item["name"], name, rule)
      }
    }
    return errors
  }

  private static func addressErrors(
    _ address: JSONValue, _ path: FieldPath, _ place: Int, _ type: String
  ) -> [FieldError] {
    guard type != "FQDN" else { return Checks.text(address, path.index(place), Names.subdomain) }
    guard ["IPv4", "IPv6"].contains(type) else { return [] }
    var wrong: [FieldError] = Checks.address(address, path.index(place))
    // Of this family only the canonical form counts.
    if wrong.isEmpty, type == "IPv6", let canonical: String = IPAddress(address.plain)?.description,
      canonical != address.plain
    {
      wrong = [.invalid(path.index(place), address, "must be in canonical form (\"\(canonical)\")")]
    }
    if !wrong.isEmpty { return wrong }
    if IPAddress(address.plain)?.family.description != type {
      return [.invalid(path, address, "must be an \(type) address")]
    }
    return ServiceValidation.nonSpecial(address.plain, path.index(place))
  }

  private static func portErrors(_ ports: [JSONValue], _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if ports.count > portsMax { return [.tooMany(path, ports.count, portsMax)] }
    var names: Set<String> = []
    for (place, port) in ports.enumerated() {
      let at: FieldPath = path.index(place)
      let name: String = port["name"].plain
      if !name.isEmpty { errors += Checks.text(port["name"], at.child("name"), Names.label) }
      if !names.insert(name).inserted { errors.append(.duplicate(at.child("name"), .string(name))) }
      if port["protocol"].isNull {
        errors.append(.required(at.child("protocol")))
      } else {
        errors += Checks.supported(port["protocol"], at.child("protocol"), ["SCTP", "TCP", "UDP"])
      }
      if port["appProtocol"].isThere {
        errors += Checks.text(port["appProtocol"], at.child("appProtocol"), Names.qualified)
      }
    }
    return errors
  }
}
