// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
public import JSON

extension CNIResult {
  /// Reads a result of the version that it names (0.1.0 where it names none).
  public init(json: JSONValue) throws(CNIError) {
    guard json.object != nil else { throw CNIError(CNIError.Code.decodingFailure, "a result must be a JSON object") }
    let text: String = json["cniVersion"].string ?? ""
    guard let version: CNIVersion = CNIVersion(text), CNIVersion.all.contains(version) else {
      throw CNIError(CNIError.Code.incompatibleVersion, "unsupported CNI result version \"\(text)\"")
    }
    self.init()
    dns = DNS(json: json["dns"])
    if !version.hasChaining {
      for (place, key) in [IPFamily.v4, IPFamily.v6].map({ ($0, "ip\($0.rawValue)") }) where !json[key].isNull {
        try readLegacy(json[key], family: place)
      }
      return
    }
    for item: JSONValue in json["interfaces"].items { interfaces.append(Interface(json: item)) }
    for item: JSONValue in json["ips"].items { ips.append(try IPConfiguration(json: item)) }
    for item: JSONValue in json["routes"].items { routes.append(try Route(json: item)) }
  }

  private mutating func readLegacy(_ json: JSONValue, family: IPFamily) throws(CNIError) {
    var configuration: JSONValue = ["address": json["ip"]]
    configuration["gateway"] = json["gateway"]
    ips.append(try IPConfiguration(json: configuration))
    for item: JSONValue in json["routes"].items {
      var route: Route = try Route(json: item)
      route.gateway = route.gateway ?? ips.last?.gateway
      routes.append(route)
    }
  }

  /// The result as callers of this version expect it.
  ///
  /// Throws where the version cannot express it: before 0.3.0 there must be at least one address, and only
  /// the first of each family is told.
  public func json(version: CNIVersion) throws(CNIError) -> JSONValue {
    var value: JSONValue = ["cniVersion": .string(version.description)]
    if !version.hasChaining {
      guard !ips.isEmpty else {
        throw CNIError(CNIError.Code.plugin, "cannot convert: no valid IP addresses")
      }
      for family: IPFamily in IPFamily.allCases {
        guard let ip: IPConfiguration = ips.first(where: { $0.address.family == family }) else { continue }
        var legacy: JSONValue = ["ip": .string(ip.address.description)]
        if let gateway = ip.gateway { legacy["gateway"] = .string(gateway.description) }
        let routes: [JSONValue] = routes.filter { $0.destination.family == family }.map { $0.json(version: version) }
        if !routes.isEmpty { legacy["routes"] = .array(routes) }
        value["ip\(family.rawValue)"] = legacy
      }
    } else {
      if !interfaces.isEmpty { value["interfaces"] = .array(interfaces.map { $0.json(version: version) }) }
      if !ips.isEmpty { value["ips"] = .array(ips.map { $0.json(version: version) }) }
      if !routes.isEmpty { value["routes"] = .array(routes.map { $0.json(version: version) }) }
    }
    value["dns"] = dns.json
    return value
  }
}

extension CNIResult.Interface {
  init(json: JSONValue) {
    self.init(
      name: json["name"].string ?? "", mac: json["mac"].string ?? "", mtu: json["mtu"].int.map { Int($0) },
      sandbox: json["sandbox"].string ?? "", socketPath: json["socketPath"].string, pciID: json["pciID"].string)
  }

  func json(version: CNIVersion) -> JSONValue {
    var value: JSONValue = ["name": .string(name)]
    if !mac.isEmpty { value["mac"] = .string(mac) }
    let isNew: Bool = version >= CNIVersion(1, 1, 0)
    if isNew, let mtu, mtu != 0 { value["mtu"] = JSONValue(mtu) }
    if !sandbox.isEmpty { value["sandbox"] = .string(sandbox) }
    if isNew, let socketPath, !socketPath.isEmpty { value["socketPath"] = .string(socketPath) }
    if isNew, let pciID, !pciID.isEmpty { value["pciID"] = .string(pciID) }
    return value
  }
}

extension CNIResult.IPConfiguration {
  init(json: JSONValue) throws(CNIError) {
    let text: String = json["address"].string ?? ""
    guard let address: IPPrefix = IPPrefix(text) else {
      throw CNIError(CNIError.Code.decodingFailure, "invalid CIDR address: \(text)")
    }
    self.init(
      address: address, gateway: try optionalAddress(json["gateway"]), interface: json["interface"].int.map { Int($0) })
  }

  func json(version: CNIVersion) -> JSONValue {
    var value: JSONValue = [:]
    if version < CNIVersion(1, 0, 0) { value["version"] = .string(String(address.family.rawValue)) }
    if let interface { value["interface"] = JSONValue(interface) }
    value["address"] = .string(address.description)
    if let gateway { value["gateway"] = .string(gateway.description) }
    return value
  }
}

extension CNIResult.Route {
  /// Reads a route of a result or of an IPAM configuration.
  public init(json: JSONValue) throws(CNIError) {
    let text: String = json["dst"].string ?? ""
    guard let destination: IPPrefix = IPPrefix(text) else {
      throw CNIError(CNIError.Code.decodingFailure, "invalid CIDR address: \(text)")
    }
    // Without host bits, as Go reads it.
    self.init(destination: destination.masked, gateway: try optionalAddress(json["gw"]))
    mtu = json["mtu"].int.map { Int($0) }
    advertisedMSS = json["advmss"].int.map { Int($0) }
    priority = json["priority"].int.map { Int($0) }
    table = json["table"].int.map { Int($0) }
    scope = json["scope"].int.map { Int($0) }
  }

  func json(version: CNIVersion) -> JSONValue {
    var value: JSONValue = ["dst": .string(destination.description)]
    if let gateway { value["gw"] = .string(gateway.description) }
    guard version >= CNIVersion(1, 1, 0) else { return value }
    if let mtu, mtu != 0 { value["mtu"] = JSONValue(mtu) }
    if let advertisedMSS, advertisedMSS != 0 { value["advmss"] = JSONValue(advertisedMSS) }
    if let priority, priority != 0 { value["priority"] = JSONValue(priority) }
    if let table { value["table"] = JSONValue(table) }
    if let scope { value["scope"] = JSONValue(scope) }
    return value
  }
}

extension CNIResult.DNS {
  /// Reads the settings; what is missing or of another type is left empty.
  public init(json: JSONValue) {
    self.init()
    nameservers = json["nameservers"].items.compactMap(\.string)
    domain = json["domain"].string ?? ""
    search = json["search"].items.compactMap(\.string)
    options = json["options"].items.compactMap(\.string)
  }

  /// The settings without what is empty.
  public var json: JSONValue {
    var value: JSONValue = [:]
    if !nameservers.isEmpty { value["nameservers"] = JSONValue(nameservers) }
    if !domain.isEmpty { value["domain"] = .string(domain) }
    if !search.isEmpty { value["search"] = JSONValue(search) }
    if !options.isEmpty { value["options"] = JSONValue(options) }
    return value
  }
}

private func optionalAddress(_ json: JSONValue) throws(CNIError) -> IPAddress? {
  guard let text: String = json.string, !text.isEmpty else { return nil }
  guard let address: IPAddress = IPAddress(text) else {
    throw CNIError(CNIError.Code.decodingFailure, "invalid IP address: \(text)")
  }
  return address
}
