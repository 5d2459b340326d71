// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import JSON

/// The configuration of the firewall plugin, with the reference's field names and defaults.
struct FirewallConfiguration {
  /// Who may reach a container.
  enum IngressPolicy: String {
    /// Whoever the host's other rules let.
    case open
    /// Of the containers behind bridges, those on its own bridge alone.
    case sameBridge = "same-bridge"
  }

  /// The chain for the administrator's own rules, which go before the containers'.
  var adminChain: String
  /// Who may reach the container.
  var ingressPolicy: IngressPolicy

  /// The kernel's limit, less the zero at the end.
  private static let chainNameBytesMax: Int = 127

  init(_ call: PluginCall) throws(CNIError) {
    let json: JSONValue = call.configuration
    let backend: String = json["backend"].string ?? ""
    // What iptables writes today is rules of nf_tables, as ours are.
    guard ["", "nftables", "iptables"].contains(backend) else {
      throw CNIError(
        CNIError.Code.unsupportedField, "unsupported field backend: \"\(backend)\" (must be nftables or iptables)")
    }
    let chain: String = json["iptablesAdminChainName"].string ?? ""
    adminChain = chain.isEmpty ? FirewallRules.defaultAdminChain : chain
    guard adminChain.utf8.count <= Self.chainNameBytesMax, adminChain.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
      adminChain != FirewallRules.forwardChain, adminChain != FirewallRules.baseChain
    else {
      throw CNIError(
        CNIError.Code.invalidConfiguration, "invalid iptablesAdminChainName \"\(chain)\": name a chain of its own")
    }
    let policy: String = json["ingressPolicy"].string ?? ""
    guard let ingressPolicy: IngressPolicy = policy.isEmpty ? .open : IngressPolicy(rawValue: policy) else {
      throw CNIError(
        CNIError.Code.invalidConfiguration, "unknown ingress policy: \"\(policy)\" (must be open or same-bridge)")
    }
    self.ingressPolicy = ingressPolicy
  }
}
