// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import JSON

/// Addresses from which one is given.
struct AddressRange: Hashable, CustomStringConvertible {
  /// The network.
  var subnet: IPPrefix
  /// The first and the last address to give.
  var first: IPAddress, last: IPAddress
  /// Never given.
  var gateway: IPAddress

  var description: String { "\(first)-\(last)" }

  func contains(_ address: IPAddress) -> Bool {
    address.family == subnet.family && first <= address && address <= last
  }

  init(json: JSONValue) throws(CNIError) {
    let text: String = json["subnet"].string ?? ""
    guard let subnet: IPPrefix = IPPrefix(text) else { throw Self.invalid("invalid CIDR address: \(text)") }
    guard subnet.length <= subnet.family.bitWidth - 2 else {
      throw Self.invalid("network \(subnet) too small to allocate from")
    }
    guard subnet.masked == subnet else {
      throw Self.invalid("network has host bits set: \(subnet), did you mean \(subnet.masked)?")
    }
    self.subnet = subnet
    // The first address is the network's; the last of an IPv4 network is for broadcasts.
    let lowest: IPAddress = subnet.network.advanced(by: 1) ?? subnet.network
    let highest: IPAddress = subnet.family == .v4 ? subnet.last.advanced(by: -1) ?? subnet.last : subnet.last
    gateway = try Self.address(json, "gateway") ?? lowest
    first = try Self.address(json, "rangeStart") ?? lowest
    last = try Self.address(json, "rangeEnd") ?? highest
    for (name, address) in [("RangeStart", first), ("RangeEnd", last)] where !subnet.contains(address) {
      throw Self.invalid("\(name) \(address) not in network \(subnet)")
    }
    guard first <= last else { throw Self.invalid("RangeStart \(first) is after RangeEnd \(last)") }
  }

  private static func address(_ json: JSONValue, _ key: String) throws(CNIError) -> IPAddress? {
    guard let text: String = json[key].string, !text.isEmpty else { return nil }
    guard let address: IPAddress = IPAddress(text) else { throw invalid("invalid \(key) \"\(text)\"") }
    return address
  }

  private static func invalid(_ message: String) -> CNIError {
    CNIError(CNIError.Code.invalidConfiguration, message)
  }
}

/// The `ipam` part of a network's configuration for host-local.
struct HostLocalConfiguration {
  /// One address of each set is given.
  var rangeSets: [[AddressRange]]
  /// Told in the result.
  var routes: [CNIResult.Route]
  /// Where the leases are.
  var dataFolder: String
  /// A resolver configuration to tell in the result.
  var resolverFile: String?
  /// Addresses that the caller wants.
  var requested: [IPAddress]

  init(_ call: PluginCall) throws(CNIError) {
    let json: JSONValue = call.configuration["ipam"]
    guard json.object != nil else { throw Self.invalid("IPAM config missing 'ipam' key") }
    rangeSets = []
    // Ranges of the runtime come first, then the single one of old, then the list.
    for set: JSONValue in call.configuration["runtimeConfig"]["ipRanges"].items { rangeSets.append(try Self.rangeSet(set)) }
    if !json["subnet"].isNull { rangeSets.append([try AddressRange(json: json)]) }
    for set: JSONValue in json["ranges"].items { rangeSets.append(try Self.rangeSet(set)) }
    guard !rangeSets.isEmpty else { throw Self.invalid("no IP ranges specified") }
    try Self.validate(rangeSets, version: call.version)
    routes = []
    for route: JSONValue in json["routes"].items { routes.append(try CNIResult.Route(json: route)) }
    let folder: String = json["dataDir"].string ?? ""
    dataFolder = folder.isEmpty ? "/var/lib/cni/networks" : folder
    resolverFile = json["resolvConf"].string.flatMap { $0.isEmpty ? nil : $0 }
    requested = try Self.requested(call)
  }

  private static func invalid(_ message: String) -> CNIError {
    CNIError(CNIError.Code.invalidConfiguration, message)
  }

  private static func rangeSet(_ json: JSONValue) throws(CNIError) -> [AddressRange] {
    var ranges: [AddressRange] = []
    for item: JSONValue in json.items { ranges.append(try AddressRange(json: item)) }
    guard let first: AddressRange = ranges.first else { throw invalid("range set cannot be empty") }
    guard ranges.allSatisfy({ $0.subnet.family == first.subnet.family }) else {
      throw invalid("mixed address families in a range set")
    }
    return ranges
  }

  private static func validate(_ sets: [[AddressRange]], version: CNIVersion) throws(CNIError) {
    let all: [AddressRange] = sets.flatMap { $0 }
    for (place, range) in all.enumerated() {
      for other: AddressRange in all.dropFirst(place + 1)
      where range.subnet.family == other.subnet.family && range.first <= other.last && other.first <= range.last {
        throw invalid("range \(range) overlaps with range \(other)")
      }
    }
    guard !version.hasChaining else { return }
    for family: IPFamily in IPFamily.allCases where sets.filter({ $0[0].subnet.family == family }).count > 1 {
      throw invalid("CNI version \(version) does not support more than 1 address per family")
    }
  }

  /// Addresses asked for by CNI_ARGS (IP=), by `args.cni.ips` and by the capability "ips".
  private static func requested(_ call: PluginCall) throws(CNIError) -> [IPAddress] {
    var texts: [String] = []
    if let text = call.arguments["IP"], !text.isEmpty { texts += text.split(separator: ",").map(String.init) }
    texts += call.configuration.at("args", "cni", "ips").items.compactMap(\.string)
    texts += call.configuration.at("runtimeConfig", "ips").items.compactMap(\.string)
    var addresses: [IPAddress] = []
    for text: String in texts {
      guard let address: IPAddress = IPAddress(String(text.prefix { $0 != "/" })) else {
        throw invalid("invalid IP address \"\(text)\"")
      }
      addresses.append(address)
    }
    return addresses
  }
}
