// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import JSON

/// A port of the host that leads to one of the container.
struct PortMapping: Hashable {
  /// Protocols by their number.
  enum Transport: UInt8, Hashable {
    case tcp = 6
    case udp = 17
    case sctp = 132

    init?(_ name: String) {
      switch name.lowercased() {
      case "tcp", "": self = .tcp
      case "udp": self = .udp
      case "sctp": self = .sctp
      default: return nil
      }
    }
  }

  var hostPort: UInt16
  var containerPort: UInt16
  var transport: Transport
  /// The one address of the host that listens; nil is all of them.
  var hostIP: IPAddress?

  init(json: JSONValue) throws(CNIError) {
    let name: String = json["protocol"].string ?? ""
    guard let transport: Transport = Transport(name) else {
      throw CNIError(CNIError.Code.invalidConfiguration, "unknown protocol \"\(name)\" of a port mapping")
    }
    guard let containerPort = json["containerPort"].int.flatMap({ UInt16(exactly: $0) }), containerPort > 0 else {
      throw CNIError(CNIError.Code.invalidConfiguration, "Invalid container port number: \(json["containerPort"].text)")
    }
    let hostPortNumber: Int64 = json["hostPort"].isNull ? 0 : json["hostPort"].int ?? -1
    guard let hostPort: UInt16 = UInt16(exactly: hostPortNumber) else {
      throw CNIError(CNIError.Code.invalidConfiguration, "Invalid host port number: \(json["hostPort"].text)")
    }
    self.transport = transport
    self.containerPort = containerPort
    self.hostPort = hostPort
    hostIP = nil
    if let text: String = json["hostIP"].string, !text.isEmpty {
      guard let address: IPAddress = IPAddress(text) else {
        throw CNIError(CNIError.Code.invalidConfiguration, "invalid host IP address \"\(text)\"")
      }
      hostIP = address
    }
  }

  /// Whether the mapping is for addresses of this family.
  func serves(_ family: IPFamily) -> Bool { hostIP.map { $0.family == family } ?? true }
}

/// The configuration of the portmap plugin.
struct PortmapConfiguration {
  /// The mappings; those without a host port are left out.
  var mappings: [PortMapping]
  /// Whether the container can reach itself, and this host can reach it by 127.0.0.1, through the mapping.
  var masquerades: Bool

  init(_ call: PluginCall) throws(CNIError) {
    let json: JSONValue = call.configuration
    mappings = []
    for item: JSONValue in json.at("runtimeConfig", "portMappings").items {
      let mapping: PortMapping = try PortMapping(json: item)
      if mapping.hostPort > 0 { mappings.append(mapping) }
    }
    masquerades = json["snat"].bool ?? true
  }
}
