// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import KubeClient
import Nftables

/// The name of an element of one of the table's sets.
struct ElementID: Hashable, Sendable {
  var set: RuleSet
  var key: [UInt8]
}

/// What an element says beside its key.
enum ElementValue: Hashable, Sendable {
  case none
  /// The end of a range.
  case through([UInt8])
  /// An endpoint's address and port.
  case target([UInt8])
  case chain(DispatchChain)
  case refuse
  case drop
}

/// What one Service adds to the table of one family. A pure function of the Service, its endpoints and the family.
struct ServiceRules: Hashable, Sendable {
  /// Session affinity of one port of a Service.
  private struct Affinity {
    var owner: String
    var seconds: Int
  }

  private(set) var elements: [ElementID: ElementValue] = [:]

  /// A Service without rules in this family.
  init() {}

  init(_ service: ServiceView, _ endpoints: EndpointsView, family: IPFamily) {
    for port: ServiceView.Port in service.ports { add(port, of: service, endpoints, family) }
  }

  private mutating func add(
    _ port: ServiceView.Port, of service: ServiceView, _ endpoints: EndpointsView, _ family: IPFamily
  ) {
    let all: [EndpointView] = endpoints.usable(port: port.name, family: family)
    let local: [EndpointView] = endpoints.usable(port: port.name, family: family, localOnly: true)
    let affinity: Affinity? = service.affinitySeconds.map {
      Affinity(
        owner: "\(service.key.namespace)/\(service.key.name)/\(port.name)/\(port.transport.rawValue)", seconds: $0)
    }
    func addresses(_ list: [IPAddress]) -> [IPAddress] { list.filter { $0.family == family } }
    let clusterIPs: [IPAddress] = addresses(service.clusterIPs)
    for address: IPAddress in clusterIPs {
      elements[ElementID(set: .clusterIPs, key: address.bytes)] = ElementValue.none
      add(
        .address, KeyBytes().address(address), port.transport, port.port, internally: service.usesLocalInternally,
        all, local, affinity)
    }
    let loadBalancers: [IPAddress] = addresses(service.loadBalancerIPs)
    for address: IPAddress in addresses(service.externalIPs) + loadBalancers {
      add(
        .address, KeyBytes().address(address), port.transport, port.port, externally: service.usesLocalExternally,
        all, local, affinity)
    }
    if !service.sourceRanges.isEmpty {
      for address: IPAddress in loadBalancers { restrict(address, port, addresses: service.sourceRanges, family) }
    }
    // A node port is of the families that the Service has.
    if port.nodePort > 0, !clusterIPs.isEmpty {
      add(
        .nodePort, KeyBytes(), port.transport, port.nodePort, externally: service.usesLocalExternally, all, local,
        affinity)
    }
    for endpoint: EndpointView in all where endpoint.isLocal {
      let pair: KeyBytes = KeyBytes().address(endpoint.address).address(endpoint.address)
      elements[ElementID(set: .hairpins, key: pair.bytes)] = ElementValue.none
    }
  }

  /// The way from inside the cluster.
  private mutating func add(
    _ scope: DispatchChain.Scope, _ start: KeyBytes, _ transport: Transport, _ port: UInt16, internally isLocal: Bool,
    _ all: [EndpointView], _ local: [EndpointView], _ affinity: Affinity?
  ) {
    let key: KeyBytes = start.transport(transport.rawValue).port(port)
    let chosen: [EndpointView] = isLocal ? local : all
    guard !chosen.isEmpty else {
      // Where other nodes have endpoints the Service exists: a client may try again.
      refuse(scope, key, dropping: isLocal && !all.isEmpty)
      return
    }
    let pick: DispatchChain.Pick = pick(chosen, affinity)
    dispatch(scope, key, DispatchChain(scope: scope, choice: isLocal ? .local(pick) : .all(pick)))
    if affinity == nil { addTargets(RuleSet.endpoints(scope, isLocal: isLocal), key, chosen) }
  }

  /// The way from outside.
  private mutating func add(
    _ scope: DispatchChain.Scope, _ start: KeyBytes, _ transport: Transport, _ port: UInt16, externally isLocal: Bool,
    _ all: [EndpointView], _ local: [EndpointView], _ affinity: Affinity?
  ) {
    let key: KeyBytes = start.transport(transport.rawValue).port(port)
    guard !all.isEmpty else {
      refuse(scope, key, dropping: false)
      return
    }
    let everybody: DispatchChain.Pick = pick(all, affinity)
    let choice: DispatchChain.Choice =
      isLocal ? .externalLocal(local: pick(local, affinity), all: everybody) : .external(everybody)
    dispatch(scope, key, DispatchChain(scope: scope, choice: choice))
    guard affinity == nil else { return }
    addTargets(RuleSet.endpoints(scope, isLocal: false), key, all)
    if isLocal { addTargets(RuleSet.endpoints(scope, isLocal: true), key, local) }
  }

  private func pick(_ endpoints: [EndpointView], _ affinity: Affinity?) -> DispatchChain.Pick {
    guard let affinity else { return .random(endpoints.count) }
    return .sticky(
      endpoints.map {
        StickyTarget(owner: affinity.owner, target: Self.target($0), seconds: affinity.seconds)
      })
  }

  private static func target(_ endpoint: EndpointView) -> [UInt8] {
    KeyBytes().address(endpoint.address).port(endpoint.port).bytes
  }

  private mutating func dispatch(_ scope: DispatchChain.Scope, _ key: KeyBytes, _ chain: DispatchChain) {
    elements[ElementID(set: scope == .address ? .services : .nodePorts, key: key.bytes)] = .chain(chain)
  }

  private mutating func refuse(_ scope: DispatchChain.Scope, _ key: KeyBytes, dropping: Bool) {
    let set: RuleSet = scope == .address ? .emptyServices : .emptyNodePorts
    elements[ElementID(set: set, key: key.bytes)] = dropping ? .drop : .refuse
  }

  private mutating func addTargets(_ set: RuleSet, _ key: KeyBytes, _ endpoints: [EndpointView]) {
    for (number, endpoint) in endpoints.enumerated() {
      elements[ElementID(set: set, key: key.number(UInt32(number)).bytes)] = .target(Self.target(endpoint))
    }
  }

  private mutating func restrict(
    _ address: IPAddress, _ port: ServiceView.Port, addresses ranges: [IPPrefix], _ family: IPFamily
  ) {
    let key: KeyBytes = KeyBytes().address(address).transport(port.transport.rawValue).port(port.port)
    elements[ElementID(set: .restricted, key: key.bytes)] = ElementValue.none
    for range: IPPrefix in ranges where range.family == family {
      elements[ElementID(set: .allowedSources, key: key.address(range.network).bytes)] =
        .through(key.address(range.last).bytes)
    }
  }
}
