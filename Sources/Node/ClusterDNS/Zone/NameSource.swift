// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses

/// The API has a kind of this name as well.
typealias IPAddress = Addresses.IPAddress

/// A Service as names see it.
struct NamedService: Hashable, Sendable {
  /// A port; unnamed ones have no SRV record.
  struct Port: Hashable, Sendable {
    var name: String
    var transport: String
    var number: UInt16
  }

  enum Kind: Hashable, Sendable {
    case clusterIP([IPAddress])
    case headless
    case external(String)
  }

  var namespace: String
  var name: String
  var kind: Kind
  var ports: [Port]
}

/// A ready endpoint of a Service.
struct NamedEndpoint: Hashable, Sendable {
  var address: IPAddress
  /// The pod's hostname, where it has one under this Service.
  var hostname: String
  var ports: [NamedService.Port]

  /// The label by which the endpoint is known: its hostname, or its address with dashes.
  var label: String {
    hostname.isEmpty ? String(address.description.map { $0 == "." || $0 == ":" ? "-" : $0 }) : hostname
  }
}

/// What the zone asks about the cluster. Answers come from memory.
protocol NameSource: Sendable {
  /// Whether everything is known; before, nobody is told that a name does not exist.
  var isReady: Bool { get }
  func service(namespace: String, name: String) -> NamedService?
  /// The ready endpoints of a Service.
  func endpoints(namespace: String, name: String) -> [NamedEndpoint]
  func hasNamespace(_ name: String) -> Bool
  /// The Service with this cluster IP.
  func service(address: IPAddress) -> NamedService?
  /// The headless Service's endpoint with this address.
  func endpoint(address: IPAddress) -> (service: NamedService, endpoint: NamedEndpoint)?
}
