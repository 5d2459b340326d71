// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Netlink

/// Compares a link in a container with what ADD said of it.
struct InterfaceCheck {
  /// What ADD said.
  let previous: CNIResult
  private let namespacePath: String
  private let interface: CNIResult.Interface
  private let ips: [CNIResult.IPConfiguration]
  private let routes: [CNIResult.Route]

  /// Finds the container's link in the result that came before.
  init(_ call: PluginCall) throws(CNIError) {
    guard let previous: CNIResult = try call.previousResult() else {
      throw CNIError(CNIError.Code.invalidConfiguration, "required prevResult missing")
    }
    guard let inside = previous.interfaces.firstIndex(where: {
      $0.sandbox == call.namespacePath && $0.name == call.interfaceName
    }) else {
      throw CNIError(CNIError.Code.plugin, "sandbox in prevResult does not match CNI_NETNS \(call.namespacePath)")
    }
    self.previous = previous
    namespacePath = call.namespacePath
    interface = previous.interfaces[inside]
    ips = previous.ips.filter { $0.interface == inside || $0.interface == nil }
    routes = previous.routes
  }

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

extension CNIResult.Interface {
  /// A link as a result tells it.
  init(_ link: Link, sandbox: String = "") {
    self.init(name: link.name, mac: link.mac?.description ?? "", mtu: link.mtu, sandbox: sandbox)
  }
}
