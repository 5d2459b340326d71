// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import Foundation
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import Netlink
import Nftables
import Testing

@testable import ServiceProxy

/// A Service with one port 80, on cluster IPs.
private func service(_ name: String, _ addresses: [String], _ body: (inout Service) -> Void = { _ in }) -> Service {
  var service: Service = Service()
  service.metadata.name = name
  service.metadata.namespace = "default"
  service.spec.clusterIp = addresses[0]
  service.spec.clusterIps = addresses
  var port: ServicePort = ServicePort()
  port.name = "http"
  port.protocol = "TCP"
  port.port = 80
  service.spec.ports = [port]
  body(&service)
  return service
}

private func slice(_ addresses: [String], local: Set<String> = [], ready: Bool = true, serving: Bool? = nil) -> DiscoveryEndpointSlice {
  var slice: DiscoveryEndpointSlice = DiscoveryEndpointSlice()
  slice.addressType = "IPv4"
  var port: DiscoveryEndpointPort = DiscoveryEndpointPort()
  port.name = "http"
  port.protocol = "TCP"
  port.port = 8080
  slice.ports = [port]
  slice.endpoints = addresses.map { address in
    var endpoint: DiscoveryEndpoint = DiscoveryEndpoint()
    endpoint.addresses = [address]
    endpoint.nodeName = local.contains(address) ? "here" : "there"
    endpoint.conditions.ready = ready
    if let serving {
      endpoint.conditions.serving = serving
      endpoint.conditions.terminating = true
    }
    return endpoint
  }
  return slice
}

private func configuration() -> ServiceProxyConfiguration {
  var configuration: ServiceProxyConfiguration = ServiceProxyConfiguration(
    client: ClientConfiguration(server: "https://127.0.0.1:1"), nodeName: "here")
  configuration.clusterCIDRs = [IPPrefix("10.244.0.0/16")!]
  configuration.families = [.v4]
  return configuration
}

private func known(_ service: Service, _ slices: [DiscoveryEndpointSlice]) -> ServiceProxyState.Known? {
  ServiceView(service).map { .init(service: $0, endpoints: EndpointsView(slices, nodeName: "here")) }
}

private func nft(_ arguments: String...) throws -> String {
  // popen, since the command must run in this thread's network namespace.
  guard let stream: UnsafeMutablePointer<FILE> = popen((["/usr/sbin/nft"] + arguments).joined(separator: " ") + " 2>&1", "r") else {
    throw CocoaError(.fileReadUnknown)
  }
  defer { pclose(stream) }
  var bytes: [UInt8] = []
  var chunk: [UInt8] = [UInt8](repeating: 0, count: 65_536)
  while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 { bytes += chunk[..<count] }
  return String(decoding: bytes, as: UTF8.self)
}

@Suite struct ServiceProxyTests {
  @Test func `the kernel takes the rules of every kind of Service`() throws {
    let listing: String = try NetworkNamespace.withNew {
      var configuration: ServiceProxyConfiguration = configuration()
      configuration.families = [.v4, .v6]
      var state: ServiceProxyState = ServiceProxyState(configuration: configuration)
      let services: [Service] = [
        service("plain", ["10.96.0.1", "fd00::1"]),
        service("sticky", ["10.96.0.2"]) { $0.spec.sessionAffinity = "ClientIP" },
        service("node", ["10.96.0.3"]) {
          $0.spec.type = "NodePort"
          $0.spec.ports[0].nodePort = 30_001
        },
        service("balanced", ["10.96.0.4"]) {
          $0.spec.type = "LoadBalancer"
          $0.spec.ports[0].nodePort = 30_002
          $0.spec.externalTrafficPolicy = "Local"
          $0.spec.internalTrafficPolicy = "Local"
          $0.spec.loadBalancerSourceRanges = ["192.0.2.0/24", "198.51.100.7/32"]
          var ingress: LoadBalancerIngress = LoadBalancerIngress()
          ingress.ip = "203.0.113.9"
          $0.status.loadBalancer.ingress = [ingress]
        },
        service("sticky-local", ["10.96.0.6", "fd00::6"]) {
          $0.spec.type = "NodePort"
          $0.spec.ports[0].nodePort = 30_003
          $0.spec.externalTrafficPolicy = "Local"
          $0.spec.sessionAffinity = "ClientIP"
          $0.spec.sessionAffinityConfig.clientIp.timeoutSeconds = 60
        },
      ]
      var v6: DiscoveryEndpointSlice = slice(["fd01::1"])
      v6.addressType = "IPv6"
      let endpoints: [DiscoveryEndpointSlice] = [slice(["10.244.0.5", "10.244.0.6"], local: ["10.244.0.5"]), v6]
      var updates: [ObjectKey: ServiceProxyState.Known?] = [:]
      for service: Service in services { updates[service.key] = known(service, endpoints) }
      let empty: Service = service("empty", ["10.96.0.5"])
      updates[empty.key] = known(empty, [])
      var effects: ServiceProxyState.Effects = state.update(updates)
      var writers: [WriterBox] = try state.tables.map { try WriterBox($0.layout.family) }
      for (place, table) in state.tables.enumerated() { try writers[place].sync(effects.changes[place], table) }
      #expect(try nft("list", "table", "ip", "kube-proxy").contains("10.96.0.6"))
      // Incremental changes: an endpoint goes, a Service goes, and all go.
      let plain: Service = services[0]
      effects = state.update([plain.key: known(plain, [slice(["10.244.0.9"])]), services[3].key: nil])
      for (place, table) in state.tables.enumerated() { try writers[place].sync(effects.changes[place], table) }
      let listing: String = try nft("list", "ruleset")
      effects = state.update(Dictionary(uniqueKeysWithValues: (services + [empty]).map { ($0.key, nil) }))
      for (place, table) in state.tables.enumerated() { try writers[place].sync(effects.changes[place], table) }
      let emptied: String = try nft("list", "ruleset")
      #expect(!emptied.contains("10.96.0") && !emptied.contains("any-") && emptied.contains("chain services"))
      writers = []
      return listing
    }
    if ProcessInfo.processInfo.environment["SHOW_RULES"] != nil { print(listing) }
    for line: String in [
      "10.96.0.1 . tcp . 80 : goto any-1", "10.96.0.2 . tcp . 80 : goto any-sticky-",
      "10.96.0.5 . tcp . 80 : goto refuse", "tcp . 30001 : goto node-external-2",
      "tcp . 30003 : goto node-external-local-sticky-", "update @endpoint-","10.244.0.5 . 10.244.0.5",
      "dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 1 map @endpoints",
    ] { #expect(listing.contains(line), "\(line)") }
    #expect(!listing.contains("203.0.113.9"))
  }

  @Test func `one change of endpoints is a batch of two messages, whatever the number of Services`() {
    var state: ServiceProxyState = ServiceProxyState(configuration: configuration())
    var updates: [ObjectKey: ServiceProxyState.Known?] = [:]
    for number: Int in 0..<500 {
      let one: Service = service("s\(number)", ["10.96.\(number / 250).\(number % 250)"])
      updates[one.key] = known(one, [slice(["10.244.1.1", "10.244.1.2", "10.244.1.3"])])
    }
    _ = state.update(updates)
    let one: Service = service("s7", ["10.96.0.7"])
    let effects: ServiceProxyState.Effects = state.update([
      one.key: known(one, [slice(["10.244.1.1", "10.244.1.2", "10.244.1.4"])])
    ])
    let batch: Batch = state.tables[0].batch(for: effects.changes[0])
    #expect(batch.requests.map(\.operation) == [
      "delete elements of set endpoints of table ip kube-proxy", "add elements to set endpoints of table ip kube-proxy",
    ])
    #expect(batch.encode(sequence: 1).count < 400)
  }

  @Test func `nothing changes nothing`() {
    var state: ServiceProxyState = ServiceProxyState(configuration: configuration())
    let one: Service = service("one", ["10.96.0.1"])
    _ = state.update([one.key: known(one, [slice(["10.244.0.1"])])])
    let effects: ServiceProxyState.Effects = state.update([one.key: known(one, [slice(["10.244.0.1"])])])
    #expect(effects.changes[0].isEmpty && effects.staleFlows.isEmpty)
  }

  @Test func `of two Services with one external address the first has it, and then the other`() {
    var state: ServiceProxyState = ServiceProxyState(configuration: configuration())
    let first: Service = service("first", ["10.96.0.1"]) { $0.spec.externalIps = ["192.0.2.1"] }
    let second: Service = service("second", ["10.96.0.2"]) { $0.spec.externalIps = ["192.0.2.1"] }
    _ = state.update([first.key: known(first, [slice(["10.244.0.1"])])])
    _ = state.update([second.key: known(second, [slice(["10.244.0.1", "10.244.0.2"])])])
    #expect(state.tables[0].hasConflicts)
    let effects: ServiceProxyState.Effects = state.update([first.key: nil])
    #expect(!state.tables[0].hasConflicts)
    #expect(!state.tables[0].batch(for: effects.changes[0]).isEmpty)
  }

  @Test func `terminating endpoints serve when no other does`() {
    let only: EndpointsView = EndpointsView([slice(["10.244.0.1"], ready: false, serving: true)], nodeName: "here")
    #expect(only.usable(port: "http", family: .v4).map(\.address.description) == ["10.244.0.1"])
    let both: EndpointsView = EndpointsView(
      [slice(["10.244.0.1"], ready: false, serving: true), slice(["10.244.0.2"])], nodeName: "here")
    #expect(both.usable(port: "http", family: .v4).map(\.address.description) == ["10.244.0.2"])
  }

  @Test func `headless, external and foreign Services are left alone`() {
    #expect(ServiceView(service("a", ["None"])) == nil)
    #expect(ServiceView(service("b", ["10.96.0.1"]) { $0.spec.type = "ExternalName" }) == nil)
    #expect(
      ServiceView(service("c", ["10.96.0.1"]) { $0.metadata.labels["service.kubernetes.io/service-proxy-name"] = "x" })
        == nil)
  }
}
