// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import JSON

/// The configuration of the bridge plugin, with the reference's field names and defaults.
struct BridgeConfiguration {
  /// The bridge's name.
  var bridge: String
  /// Whether the bridge gets the gateway's address.
  var isGateway: Bool
  /// Whether the container's default route leads to it.
  var isDefaultGateway: Bool
  /// Whether another address of the same network is taken from the bridge.
  var forcesAddress: Bool
  /// Whether the container hides behind the host's address.
  var masquerades: Bool
  /// The largest packet; nil leaves the kernel's default.
  var mtu: Int?
  /// Whether a container can reach itself through the bridge.
  var isHairpin: Bool
  /// Whether the bridge is promiscuous.
  var isPromiscuous: Bool
  /// The VLAN of the container's port.
  var vlan: UInt16?
  /// Whether the bridge's default VLAN stays on the port.
  var keepsDefaultVLAN: Bool
  /// Whether containers cannot talk to each other.
  var isIsolated: Bool
  /// Whether duplicate addresses are looked for.
  var detectsDuplicates: Bool
  /// Whether the container's link stays down and without address.
  var isInterfaceDisabled: Bool
  /// The container's hardware address.
  var mac: MACAddress?
  /// Resolver settings that go before those of the IPAM plugin.
  var dns: CNIResult.DNS

  init(_ call: PluginCall) throws(CNIError) {
    let json: JSONValue = call.configuration
    let name: String = json["bridge"].string ?? ""
    bridge = name.isEmpty ? "cni0" : name
    try CNIValidation.interfaceName(bridge)
    isDefaultGateway = try Self.flag(json, "isDefaultGateway")
    let saysGateway: Bool = try Self.flag(json, "isGateway")
    isGateway = saysGateway || isDefaultGateway
    forcesAddress = try Self.flag(json, "forceAddress")
    masquerades = try Self.flag(json, "ipMasq")
    isHairpin = try Self.flag(json, "hairpinMode")
    isPromiscuous = try Self.flag(json, "promiscMode")
    keepsDefaultVLAN = json["preserveDefaultVlan"].isNull ? true : try Self.flag(json, "preserveDefaultVlan")
    isIsolated = try Self.flag(json, "portIsolation")
    detectsDuplicates = try Self.flag(json, "enabledad")
    isInterfaceDisabled = try Self.flag(json, "disableContainerInterface")
    dns = CNIResult.DNS(json: json["dns"])
    mtu = try Self.number(json, "mtu", in: 0...65_535).flatMap { $0 == 0 ? nil : $0 }
    vlan = try Self.number(json, "vlan", in: 0...4094).flatMap { $0 == 0 ? nil : UInt16($0) }
    mac = nil
    try validate(json)
    // The runtime's wish goes before the user's, and that before CNI_ARGS.
    let wishes: [String?] = [
      json.at("runtimeConfig", "mac").string, json.at("args", "cni", "mac").string, call.arguments["MAC"],
    ]
    if let text: String = wishes.compactMap({ $0 }).first(where: { !$0.isEmpty }) {
      guard let address: MACAddress = MACAddress(text) else { throw Self.invalid("invalid MAC address \"\(text)\"") }
      mac = address
    }
  }

  private func validate(_ json: JSONValue) throws(CNIError) {
    guard !(isHairpin && isPromiscuous) else {
      throw Self.invalid("cannot set hairpin mode and promiscuous mode at the same time")
    }
    if isInterfaceDisabled, json.at("ipam", "type").string?.isEmpty == false {
      throw Self.invalid("cannot use IPAM when DisableContainerInterface flag is set")
    }
    for key: String in ["vlanTrunk", "macspoofchk"] where !json[key].isNull && json[key] != false && json[key] != [] {
      throw CNIError(CNIError.Code.unsupportedField, "unsupported field \(key)", details: json[key].text)
    }
  }

  private static func invalid(_ message: String) -> CNIError {
    CNIError(CNIError.Code.invalidConfiguration, message)
  }

  private static func flag(_ json: JSONValue, _ key: String) throws(CNIError) -> Bool {
    if json[key].isNull { return false }
    guard let value: Bool = json[key].bool else {
      throw CNIError(CNIError.Code.decodingFailure, "failed to load netconf: \(key) must be true or false")
    }
    return value
  }

  private static func number(_ json: JSONValue, _ key: String, in range: ClosedRange<Int64>) throws(CNIError) -> Int? {
    if json[key].isNull { return nil }
    guard let value: Int64 = json[key].int, range.contains(value) else {
      throw invalid("invalid \(key) \(json[key].text) (must be between \(range.lowerBound) and \(range.upperBound) inclusive)")
    }
    return Int(value)
  }
}
