// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import DNSMessage
import Testing

@testable import ClusterDNS

/// A small cluster: Services `web` (two families) and `db` (headless), `alias` and `out` (external), in namespace `shop`.
private struct SmallCluster: NameSource {
  var isReady: Bool = true

  private let http: [NamedService.Port] = [.init(name: "http", transport: "tcp", number: 80)]
  private let sql: [NamedService.Port] = [.init(name: "sql", transport: "tcp", number: 5432)]

  func hasNamespace(_ name: String) -> Bool { name == "shop" }

  func service(namespace: String, name: String) -> NamedService? {
    guard namespace == "shop" else { return nil }
    let kind: NamedService.Kind
    switch name {
    case "web": kind = .clusterIP([IPAddress("10.96.0.7")!, IPAddress("fd00::7")!])
    case "db": kind = .headless
    case "alias": kind = .external("web.shop.svc.cluster.local")
    case "loop": kind = .external("loop.shop.svc.cluster.local")
    case "out": kind = .external("www.example.org")
    default: return nil
    }
    return NamedService(namespace: "shop", name: name, kind: kind, ports: kind == .headless ? sql : http)
  }

  func endpoints(namespace: String, name: String) -> [NamedEndpoint] {
    guard name == "db" else { return [] }
    return [
      NamedEndpoint(address: IPAddress("10.244.0.5")!, hostname: "db-0", ports: sql),
      NamedEndpoint(address: IPAddress("10.244.0.6")!, hostname: "", ports: sql),
    ]
  }

  func service(address: IPAddress) -> NamedService? {
    address.description == "10.96.0.7" || address.description == "fd00::7" ? service(namespace: "shop", name: "web") : nil
  }

  func endpoint(address: IPAddress) -> (service: NamedService, endpoint: NamedEndpoint)? {
    guard let endpoint = endpoints(namespace: "shop", name: "db").first(where: { $0.address == address }),
      let service = service(namespace: "shop", name: "db")
    else { return nil }
    return (service, endpoint)
  }
}

@Suite struct ClusterDNSTests {
  private let zone: ClusterZone = ClusterZone(domain: DNSName("cluster.local")!, ttl: 5, source: SmallCluster())

  /// The answer to a question in one line.
  private func text(_ name: String, _ type: DNSType) -> String {
    switch zone.answer(DNSQuestion(DNSName(name)!, type)) {
    case .foreign: return "foreign"
    case .notReady: return "not ready"
    case .nameError: return "no such name"
    case .alias(_, let target): return "alias of \(target)"
    case .records(let records, _): return records.map { Self.text($0.data) }.sorted().joined(separator: " ")
    }
  }

  private static func text(_ data: DNSData) -> String {
    switch data {
    case .a(let address): address.description
    case .aaaa(let address): address.description
    case .cname(let name), .ptr(let name), .ns(let name): name.description
    case .srv(_, let weight, let port, let target): "\(weight)/\(port)/\(target)"
    case .txt(let texts): texts.joined()
    case .soa: "soa"
    case .other: "other"
    }
  }

  @Test(arguments: [
    ("web.shop.svc.cluster.local", DNSType.a, "10.96.0.7"), ("WEB.shop.SVC.cluster.local", .aaaa, "fd00::7"),
    ("_http._tcp.web.shop.svc.cluster.local", .srv, "100/80/web.shop.svc.cluster.local."),
    ("_http._udp.web.shop.svc.cluster.local", .srv, "no such name"), ("_tcp.web.shop.svc.cluster.local", .srv, ""),
    ("7.0.96.10.in-addr.arpa", .ptr, "web.shop.svc.cluster.local."),
    ("7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", .ptr, "web.shop.svc.cluster.local."),
    ("8.0.96.10.in-addr.arpa", .ptr, "foreign"),
    ("db.shop.svc.cluster.local", .a, "10.244.0.5 10.244.0.6"), ("db.shop.svc.cluster.local", .aaaa, ""),
    ("db-0.db.shop.svc.cluster.local", .a, "10.244.0.5"), ("10-244-0-6.db.shop.svc.cluster.local", .a, "10.244.0.6"),
    ("10-244-0-5.db.shop.svc.cluster.local", .a, "no such name"),
    ("_sql._tcp.db.shop.svc.cluster.local", .srv,
      "50/5432/10-244-0-6.db.shop.svc.cluster.local. 50/5432/db-0.db.shop.svc.cluster.local."),
    ("5.0.244.10.in-addr.arpa", .ptr, "db-0.db.shop.svc.cluster.local."),
    ("alias.shop.svc.cluster.local", .a, "10.96.0.7 web.shop.svc.cluster.local."),
    ("out.shop.svc.cluster.local", .a, "alias of www.example.org."),
    ("out.shop.svc.cluster.local", .cname, "www.example.org."),
    ("1-2-3-4.shop.pod.cluster.local", .a, "1.2.3.4"), ("fd00--1.shop.pod.cluster.local", .aaaa, "fd00::1"),
    ("x.shop.pod.cluster.local", .a, "no such name"), ("1-2-3-4.none.pod.cluster.local", .a, "no such name"),
    ("shop.svc.cluster.local", .a, ""), ("svc.cluster.local", .a, ""), ("none.svc.cluster.local", .a, "no such name"),
    ("none.shop.svc.cluster.local", .a, "no such name"), ("x.web.shop.svc.cluster.local", .a, "no such name"),
    ("cluster.local", .soa, "soa"), ("dns-version.cluster.local", .txt, "1.1.0"), ("www.example.org", .a, "foreign"),
    ("mycluster.local", .a, "foreign"),
  ])
  func `names are answered as the specification has it`(name: String, type: DNSType, expected: String) {
    #expect(text(name, type) == expected)
  }

  @Test func `an alias of itself ends`() { #expect(!text("loop.shop.svc.cluster.local", .a).isEmpty) }

  @Test func `nobody is told that a name does not exist before all are known`() throws {
    var source: SmallCluster = SmallCluster()
    source.isReady = false
    let zone: ClusterZone = ClusterZone(domain: DNSName("cluster.local")!, ttl: 5, source: source)
    #expect(zone.answer(DNSQuestion(DNSName("web.shop.svc.cluster.local")!, .a)) == .notReady)
  }

  @Test func `queries get a code, an authority and what fits`() throws {
    let resolver: ResolverConfiguration = ResolverConfiguration(fixed: [], path: "/nonexistent")
    let responder: QueryResponder = QueryResponder(zone: zone, forwarder: Forwarder(resolver: resolver))
    func ask(_ name: String, _ change: (inout DNSMessage) -> Void = { _ in }) throws -> DNSMessage? {
      var query: DNSMessage = DNSMessage()
      query.id = 99
      query.questions = [DNSQuestion(DNSName(name)!, .a)]
      change(&query)
      guard case .reply(let bytes) = responder.step(query.encoded(), overTCP: false) else { return nil }
      return try DNSMessage(parsing: bytes)
    }
    let none: DNSMessage = try #require(try ask("none.shop.svc.cluster.local"))
    #expect(none.id == 99 && none.code == .nameError && none.isAuthoritative && none.authorities.count == 1)
    let extended = try ask("web.shop.svc.cluster.local") { $0.extensions = .init(payloadBytes: 4096) }
    #expect(extended?.extensions?.payloadBytes == 1232)
    #expect(try ask("web.shop.svc.cluster.local") { $0.opcode = 5 }?.code == .notImplemented)
    #expect(try ask("web.shop.svc.cluster.local") { $0.questions = [] }?.code == .formatError)
    #expect(try ask("web.shop.svc.cluster.local") { $0.isResponse = true } == nil)
    #expect(try ask("www.example.org") == nil)
  }

  @Test func `resolv conf names the servers`() {
    let text: String = "# c\nsearch a b\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver nonsense\noptions x\n"
    #expect(ResolverConfiguration.parse(text).map(\.address) == ["10.0.0.1", "fe80::1"])
    #expect(Upstream("10.0.0.1:5353")?.port == 5353 && Upstream("[fd00::1]:54")?.address == "fd00::1")
  }
}
