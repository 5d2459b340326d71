// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import JSON

/// The `ipam` part of a network's configuration for static.
struct StaticConfiguration {
  /// The addresses to tell.
  var ips: [CNIResult.IPConfiguration]
  /// The routes to tell.
  var routes: [CNIResult.Route]
  /// The resolver settings to tell.
  var dns: CNIResult.DNS

  init(_ call: PluginCall) throws(CNIError) {
    let json: JSONValue = call.configuration["ipam"]
    guard json.object != nil else { throw Self.invalid("IPAM config missing 'ipam' key") }
    ips = []
    for item: JSONValue in json["addresses"].items {
      let gateway: String = item["gateway"].string ?? ""
      ips.append(
        CNIResult.IPConfiguration(
          address: try Self.prefix(item["address"].string ?? item["address"].text),
          gateway: gateway.isEmpty ? nil : try Self.address(gateway)))
    }
    // CNI_ARGS add to the list; the arguments of the network and of the runtime each replace what was before.
    for text: String in Self.words(call.arguments["IP"]) {
      ips.append(CNIResult.IPConfiguration(address: try Self.prefix(text)))
    }
    for text: String in Self.words(call.arguments["GATEWAY"]) {
      let gateway: IPAddress = try Self.address(text)
      for place: Int in ips.indices where ips[place].address.contains(gateway) { ips[place].gateway = gateway }
    }
    for wishes: JSONValue in [
      call.configuration.at("args", "cni", "ips"), call.configuration.at("runtimeConfig", "ips"),
    ] where !wishes.items.isEmpty {
      ips = []
      for item: JSONValue in wishes.items {
        ips.append(CNIResult.IPConfiguration(address: try Self.prefix(item.string ?? item.text)))
      }
    }
    routes = []
    for route: JSONValue in json["routes"].items { routes.append(try CNIResult.Route(json: route)) }
    dns = CNIResult.DNS(json: json["dns"])
    try validate(call.version)
  }

  private func validate(_ version: CNIVersion) throws(CNIError) {
    guard !version.hasChaining else { return }
    for family: IPFamily in IPFamily.allCases where ips.filter({ $0.address.family == family }).count > 1 {
      throw Self.invalid("CNI version \(version) does not support more than 1 address per family")
    }
  }

  private static func words(_ text: String?) -> [String] {
    (text ?? "").split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
  }

  private static func prefix(_ text: String) throws(CNIError) -> IPPrefix {
    guard let prefix: IPPrefix = IPPrefix(text) else {
      throw invalid("invalid CIDR in address \"\(text)\" (must be like 10.10.0.1/24 or 3ffe:ffff:0:1ff::1/64)")
    }
    return prefix
  }

  private static func address(_ text: String) throws(CNIError) -> IPAddress {
    guard let address: IPAddress = IPAddress(text) else { throw invalid("invalid gateway address \"\(text)\"") }
    return address
  }

  private static func invalid(_ message: String) -> CNIError {
    CNIError(CNIError.Code.invalidConfiguration, message)
  }
}
