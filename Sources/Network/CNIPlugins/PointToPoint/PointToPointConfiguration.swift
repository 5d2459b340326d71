// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import JSON

/// The configuration of the ptp plugin, with the reference's field names and defaults.
struct PointToPointConfiguration {
  /// Whether the container hides behind the host's address.
  var masquerades: Bool
  /// The largest packet; nil leaves the kernel's default.
  var mtu: Int?
  /// Resolver settings that go before those of the IPAM plugin.
  var dns: CNIResult.DNS

  init(_ call: PluginCall) throws(CNIError) {
    let json: JSONValue = call.configuration
    masquerades = try json.flag("ipMasq")
    mtu = try json.mtu()
    dns = CNIResult.DNS(json: json["dns"])
  }
}
