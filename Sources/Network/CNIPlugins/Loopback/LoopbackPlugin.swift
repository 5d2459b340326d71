// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
public import CNISpec
import Netlink

/// `loopback`: brings the container's loopback device up.
public struct LoopbackPlugin: Plugin {
  public static let name: String = "loopback"

  private let call: PluginCall
  /// Whatever the configuration says, there is only this one.
  private static let link: LinkReference = .name("lo")

  public init(_ call: PluginCall) throws(CNIError) { self.call = call }

  public func add() throws(CNIError) -> CNIResult {
    let previous: CNIResult? = try call.previousResult()
    let addresses: [InterfaceAddress] = try inContainer(call.namespacePath) { socket in
      let link: Link = try socket.existingLink(Self.link)
      try socket.perform(.setLink(.index(link.index), LinkSettings(isUp: true)))
      return try socket.addresses(link: link.index)
    }
    if let previous { return previous }
    var result: CNIResult = CNIResult()
    result.interfaces = [
      CNIResult.Interface(name: "lo", mac: "00:00:00:00:00:00", sandbox: call.namespacePath)
    ]
    for address: InterfaceAddress in addresses {
      guard address.prefix.address.isLoopback else {
        throw CNIError(CNIError.Code.plugin, "loopback interface found with non-loopback address \(address.prefix)")
      }
      result.ips.append(CNIResult.IPConfiguration(address: address.prefix, interface: 0))
    }
    return result
  }

  public func delete() throws(CNIError) {
    guard namespaceExists(call.namespacePath) else { return }
    try inContainer(call.namespacePath) { socket in
      try socket.perform(.setLink(Self.link, LinkSettings(isUp: false)))
    }
  }

  public func check() throws(CNIError) {
    let link: Link = try inContainer(call.namespacePath) { try $0.existingLink(Self.link) }
    guard link.isUp else { throw CNIError(CNIError.Code.plugin, "loopback interface is down") }
  }

  public func status() throws(CNIError) {}
  public func collectGarbage() throws(CNIError) {}
}
