// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Netlink

/// Compares a link in a container with what ADD said of it.
struct InterfaceCheck {
  let namespacePath: String
  let interface: CNIResult.Interface
  let ips: [CNIResult.IPConfiguration]
  let routes: [CNIResult.Route]

  func run() throws(CNIError) {
    try inContainer(namespacePath) { socket in
      let link: Link = try socket.existingLink(.name(interface.name))
      if !interface.mac.isEmpty, link.mac?.description != interface.mac {
        throw failure("interface \(interface.name) MAC is not \(interface.mac)")
      }
      let present: [InterfaceAddress] = try socket.addresses(link: link.index)
      for ip: CNIResult.IPConfiguration in ips where !present.contains(where: { $0.prefix == ip.address }) {
        throw failure("expected IP \(ip.address) on interface \(interface.name), which is not there")
      }
      for family: IPFamily in IPFamily.allCases {
        let wanted: [CNIResult.Route] = routes.filter { $0.destination.family == family }
        if wanted.isEmpty { continue }
        let present: [Route] = try socket.routes(family)
        for route: CNIResult.Route in wanted
        where !present.contains(where: {
          $0.destination == route.destination.masked && (route.gateway == nil || $0.gateway == route.gateway)
        }) {
          throw failure("expected route to \(route.destination), which is not there")
        }
      }
    }
  }

  private func failure(_ message: String) -> CNIError { CNIError(CNIError.Code.plugin, message) }
}
