// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

/// What an ADD made: the success result of the specification's newest version.
///
/// `init(json:)` and `json(version:)` read and write the forms of every version.
public struct CNIResult: Hashable, Sendable {
  /// A link that was made, in the container (with a sandbox) or on the host (without one).
  public struct Interface: Hashable, Sendable {
    /// The link's name.
    public var name: String
    /// The hardware address as text; may be empty.
    public var mac: String
    /// The largest packet; since 1.1.0.
    public var mtu: Int?
    /// The path of the network namespace; empty for a link of the host.
    public var sandbox: String
    /// Since 1.1.0.
    public var socketPath: String?
    /// Since 1.1.0.
    public var pciID: String?

    /// A link.
    public init(
      name: String, mac: String = "", mtu: Int? = nil, sandbox: String = "", socketPath: String? = nil,
      pciID: String? = nil
    ) {
      self.name = name
      self.mac = mac
      self.mtu = mtu
      self.sandbox = sandbox
      self.socketPath = socketPath
      self.pciID = pciID
    }
  }

  /// An address on one of the links.
  public struct IPConfiguration: Hashable, Sendable {
    /// The address with its prefix.
    public var address: IPPrefix
    /// The default gateway of this subnet.
    public var gateway: IPAddress?
    /// The index in `interfaces`.
    public var interface: Int?

    /// An address.
    public init(address: IPPrefix, gateway: IPAddress? = nil, interface: Int? = nil) {
      self.address = address
      self.gateway = gateway
      self.interface = interface
    }
  }

  /// A route in the container.
  public struct Route: Hashable, Sendable {
    /// The destination.
    public var destination: IPPrefix
    /// The next hop; without one, the gateway of the address of the same family.
    public var gateway: IPAddress?
    /// Since 1.1.0, as are the following.
    public var mtu: Int?
    /// The TCP segment size to advertise.
    public var advertisedMSS: Int?
    /// The lower, the more preferred.
    public var priority: Int?
    /// The routing table.
    public var table: Int?
    /// The scope, as in rtnetlink.
    public var scope: Int?

    /// A route.
    public init(destination: IPPrefix, gateway: IPAddress? = nil) {
      self.destination = destination
      self.gateway = gateway
    }
  }

  /// How the container should resolve names.
  public struct DNS: Hashable, Sendable {
    /// Addresses of name servers, in order of preference.
    public var nameservers: [String] = []
    /// The local domain.
    public var domain: String = ""
    /// Domains to search, in order.
    public var search: [String] = []
    /// Options for the resolver.
    public var options: [String] = []

    /// No settings.
    public init() {}

    /// Whether nothing is set.
    public var isEmpty: Bool { self == DNS() }
  }

  /// The links.
  public var interfaces: [Interface] = []
  /// The addresses.
  public var ips: [IPConfiguration] = []
  /// The routes.
  public var routes: [Route] = []
  /// The resolver's settings.
  public var dns: DNS = DNS()

  /// A result without anything.
  public init() {}
}
