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
    isDefaultGateway = try json.flag("isDefaultGateway")
    let saysGateway: Bool = try json.flag("isGateway")
    isGateway = saysGateway || isDefaultGateway
    forcesAddress = try json.flag("forceAddress")
    masquerades = try json.flag("ipMasq")
    isHairpin = try json.flag("hairpinMode")
    isPromiscuous = try json.flag("promiscMode")
    keepsDefaultVLAN = json["preserveDefaultVlan"].isNull ? true : try json.flag("preserveDefaultVlan")
    isIsolated = try json.flag("portIsolation")
    detectsDuplicates = try json.flag("enabledad")
    isInterfaceDisabled = try json.flag("disableContainerInterface")
    dns = CNIResult.DNS(json: json["dns"])
    mtu = try json.mtu()
    vlan = try json.number("vlan", in: 0...4094).flatMap { $0 == 0 ? nil : UInt16($0) }
    mac = nil
    try validate(json)
    // The runtime's wish goes before the user's, and that before CNI_ARGS.
    let wishes: [String?] = [
      json.at("runtimeConfig", "mac").string, json.at("args", "cni", "mac").string, call.arguments["MAC"],
    ]
    if let text: String = wishes.compactMap({ $0 }).first(where: { !$0.isEmpty }) {
      mac = try MACAddress(configured: text)
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
}
