// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import DNSMessage

/// The names of the cluster (Kubernetes DNS-Based Service Discovery, version 1.1.0). Pure: questions in, records out.
struct ClusterZone: Sendable {
  /// What is known of a name.
  enum Answer: Hashable, Sendable {
    /// The name is not the cluster's.
    case foreign
    /// Nothing is known yet.
    case notReady
    /// Records of the name, and those that go with them. None: the name exists without records of this type.
    case records([DNSRecord], additional: [DNSRecord])
    /// The name is an alias of one outside the cluster.
    case alias(DNSRecord, target: DNSName)
    /// There is no such name.
    case nameError
  }

  let domain: DNSName
  let ttl: UInt32
  let source: any NameSource

  init(domain: DNSName, ttl: UInt32, source: any NameSource) {
    self.domain = domain
    self.ttl = ttl
    self.source = source
  }

  /// Aliases within the cluster are followed this often.
  private static let aliasDepthMax: Int = 8

  func answer(_ question: DNSQuestion) -> Answer { answer(question.name, question.type, depth: 0) }

  private func answer(_ name: DNSName, _ type: DNSType, depth: Int) -> Answer {
    guard let labels: [String] = name.labels(below: domain) else {
      guard let address: IPAddress = ReverseName.address(name) else { return .foreign }
      return reverse(name, address, type)
    }
    guard source.isReady else { return .notReady }
    switch labels.last {
    case nil: return apex(type)
    case "dns-version" where labels.count == 1:
      return of(type, [DNSRecord(name, ttl: ttl, .txt(["1.1.0"]))])
    case "svc": return services(name, Array(labels.dropLast()), type, depth: depth)
    case "pod": return pods(name, Array(labels.dropLast()), type)
    default: return .nameError
    }
  }

  /// The records of the wanted type.
  private func of(_ type: DNSType, _ records: [DNSRecord], additional: [DNSRecord] = []) -> Answer {
    let chosen: [DNSRecord] = type == .any ? records : records.filter { $0.data.type == type }
    return .records(chosen, additional: chosen.isEmpty ? [] : additional)
  }

  private func apex(_ type: DNSType) -> Answer {
    of(type, [authority, DNSRecord(domain, ttl: ttl, .ns(domain.child("ns", "dns")))])
  }

  /// The start of authority, which goes with every "there is none".
  var authority: DNSRecord {
    DNSRecord(
      domain, ttl: ttl,
      .soa(
        primary: domain.child("ns", "dns"), mailbox: domain.child("hostmaster"), serial: 1, refresh: 7200, retry: 1800,
        expire: 86_400, minimum: ttl))
  }

  // MARK: Services

  private func services(_ name: DNSName, _ labels: [String], _ type: DNSType, depth: Int) -> Answer {
    guard let namespace: String = labels.last else { return .records([], additional: []) }
    guard labels.count > 1 else {
      return source.hasNamespace(namespace) ? .records([], additional: []) : .nameError
    }
    guard let service = source.service(namespace: namespace, name: labels[labels.count - 2]) else { return .nameError }
    let rest: [String] = Array(labels.dropLast(2))
    switch (service.kind, rest.count) {
    case (.external(let target), 0): return external(name, target, type, depth: depth)
    case (.external, _): return .nameError
    case (.clusterIP(let addresses), 0): return of(type, addressRecords(name, addresses))
    case (.headless, 0):
      return of(type, addressRecords(name, endpoints(service).map(\.address)).shuffled())
    case (.headless, 1) where !rest[0].hasPrefix("_"):
      let found: [NamedEndpoint] = endpoints(service).filter { $0.label == rest[0] }
      return found.isEmpty ? .nameError : of(type, addressRecords(name, found.map(\.address)))
    case (_, 1):
      let exists: Bool = service.ports.contains { "_" + $0.transport == rest[0] }
      return exists ? .records([], additional: []) : .nameError
    case (_, 2): return ports(name, service, port: rest[0], transport: rest[1], type)
    default: return .nameError
    }
  }

  private func endpoints(_ service: NamedService) -> [NamedEndpoint] {
    source.endpoints(namespace: service.namespace, name: service.name)
  }

  private func name(of service: NamedService) -> DNSName { domain.child(service.name, service.namespace, "svc") }

  private func addressRecords(_ name: DNSName, _ addresses: [IPAddress]) -> [DNSRecord] {
    addresses.map { address in
      switch address {
      case .v4(let bits): DNSRecord(name, ttl: ttl, .a(bits))
      case .v6(let bits): DNSRecord(name, ttl: ttl, .aaaa(bits))
      }
    }
  }

  private func external(_ name: DNSName, _ text: String, _ type: DNSType, depth: Int) -> Answer {
    guard let target: DNSName = DNSName(text) else { return .records([], additional: []) }
    let alias: DNSRecord = DNSRecord(name, ttl: ttl, .cname(target))
    if type == .cname || type == .any { return .records([alias], additional: []) }
    guard depth < Self.aliasDepthMax else { return .records([alias], additional: []) }
    switch answer(target, type, depth: depth + 1) {
    case .foreign: return .alias(alias, target: target)
    case .alias(let next, let target): return .alias(next, target: target)
    case .records(let records, let additional): return .records([alias] + records, additional: additional)
    case .nameError: return .records([alias], additional: [])
    case .notReady: return .notReady
    }
  }

  private func ports(
    _ name: DNSName, _ service: NamedService, port: String, transport: String, _ type: DNSType
  ) -> Answer {
    func matches(_ candidate: NamedService.Port) -> Bool {
      !candidate.name.isEmpty && "_" + candidate.name == port && "_" + candidate.transport == transport
    }
    var targets: [(name: DNSName, port: UInt16, addresses: [IPAddress])] = []
    if case .clusterIP(let addresses) = service.kind {
      targets = service.ports.filter(matches).map { (self.name(of: service), $0.number, addresses) }
    } else {
      for endpoint: NamedEndpoint in endpoints(service) {
        let target: DNSName = self.name(of: service).child(endpoint.label)
        targets += endpoint.ports.filter(matches).map { (target, $0.number, [endpoint.address]) }
      }
      // The two families of a pod are two endpoints with one name.
      var unique: [(name: DNSName, port: UInt16, addresses: [IPAddress])] = []
      for target in targets {
        if let place = unique.firstIndex(where: { $0.name == target.name && $0.port == target.port }) {
          unique[place].addresses += target.addresses
        } else {
          unique.append(target)
        }
      }
      targets = unique
    }
    guard !targets.isEmpty else { return service.ports.contains(where: matches) ? .records([], additional: []) : .nameError }
    let weight: UInt16 = UInt16(max(100 / targets.count, 1))
    let records: [DNSRecord] = targets.map {
      DNSRecord(name, ttl: ttl, .srv(priority: 0, weight: weight, port: $0.port, target: $0.name))
    }
    return of(type, records, additional: targets.flatMap { addressRecords($0.name, $0.addresses) })
  }

  // MARK: Pods and addresses

  /// `a-b-c-d.namespace.pod`: the address is in the name.
  private func pods(_ name: DNSName, _ labels: [String], _ type: DNSType) -> Answer {
    guard let namespace: String = labels.last else { return .records([], additional: []) }
    guard source.hasNamespace(namespace) else { return .nameError }
    guard labels.count == 2 else { return labels.count == 1 ? .records([], additional: []) : .nameError }
    let v4: String = String(labels[0].map { $0 == "-" ? "." : $0 })
    let v6: String = String(labels[0].map { $0 == "-" ? ":" : $0 })
    guard let address: IPAddress = IPAddress(v4) ?? IPAddress(v6) else { return .nameError }
    return of(type, addressRecords(name, [address]))
  }

  private func reverse(_ name: DNSName, _ address: IPAddress, _ type: DNSType) -> Answer {
    if let service: NamedService = source.service(address: address) {
      return of(type, [DNSRecord(name, ttl: ttl, .ptr(self.name(of: service)))])
    }
    if let found = source.endpoint(address: address) {
      let target: DNSName = self.name(of: found.service).child(found.endpoint.label)
      return of(type, [DNSRecord(name, ttl: ttl, .ptr(target))])
    }
    return .foreign
  }
}

/// Names of addresses: `1.0.96.10.in-addr.arpa` and `...ip6.arpa` (RFC 1035 section 3.5, RFC 3596 section 2.5).
enum ReverseName {
  private static let v4: DNSName = DNSName("in-addr.arpa") ?? .root
  private static let v6: DNSName = DNSName("ip6.arpa") ?? .root

  static func address(_ name: DNSName) -> IPAddress? {
    if let labels: [String] = name.labels(below: v4), labels.count == 4 {
      return IPAddress(labels.reversed().joined(separator: "."))
    }
    guard let labels: [String] = name.labels(below: v6), labels.count == 32 else { return nil }
    var bits: UInt128 = 0
    for label: String in labels.reversed() {
      guard label.utf8.count == 1, let digit: Int = label.first?.hexDigitValue else { return nil }
      bits = bits << 4 | UInt128(digit)
    }
    return .v6(IPv6Address(bits: bits))
  }
}
