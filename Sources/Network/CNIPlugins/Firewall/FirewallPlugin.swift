// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
public import CNISpec
import Kernel

/// `firewall`: lets the packets of a container's addresses be forwarded on a host that drops others. It comes after a
/// plugin that gave the container addresses.
public struct FirewallPlugin: Plugin {
  /// The plugin's type.
  public static let name: String = "firewall"

  private let call: PluginCall
  private let configuration: FirewallConfiguration

  /// Reads the plugin's own part of the configuration.
  public init(_ call: PluginCall) throws(CNIError) {
    self.call = call
    configuration = try FirewallConfiguration(call)
  }

  private var comment: String { call.ownership.comment(call.attachment) }

  private func previous() throws(CNIError) -> CNIResult {
    guard let previous: CNIResult = try call.previousResult() else {
      throw CNIError(CNIError.Code.invalidConfiguration, "missing prevResult from earlier plugin: must be called as chained plugin")
    }
    return previous
  }

  /// Adds the rules of the container's addresses; the result is the previous one.
  public func add() throws(CNIError) -> CNIResult {
    let result: CNIResult = try previous()
    var bridge: String?
    if configuration.ingressPolicy == .sameBridge {
      bridge = result.interfaces.first { $0.sandbox.isEmpty }?.name
      guard bridge != nil else {
        throw CNIError(CNIError.Code.plugin, "ingressPolicy same-bridge needs a bridge: prevResult has no interface of the host")
      }
    }
    Failpoints.reach("firewall.ADD.rules")
    try FirewallTable.add(result.ips.map(\.address.address), comment: comment, configuration, bridge: bridge)
    return result
  }

  /// Removes the container's rules; none there is fine.
  public func delete() throws(CNIError) {
    let own: String = comment
    try FirewallTable.remove { $0 == own }
  }

  /// Looks for the rules of the container's addresses, and for the jumps that lead there.
  public func check() throws(CNIError) {
    try FirewallTable.check(try previous().ips.map(\.address.address), comment: comment, configuration)
  }

  /// It needs nothing beforehand.
  public func status() throws(CNIError) {}

  /// Removes the rules of attachments that are not valid any more.
  public func collectGarbage() throws(CNIError) {
    try FirewallTable.remove(call.ownership.isStale(keeping: call.validAttachments))
  }
}
