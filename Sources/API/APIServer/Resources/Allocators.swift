// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import Addresses
import JSON
import Logging
import Synchronization

/// Gives Services their addresses and node ports.
final class Allocators: Sendable {
  private struct State {
    var addresses: Set<IPAddress> = []
    var ports: Set<Int> = []
    var isLoaded: Bool = false
  }

  private static let services: GroupResource = GroupResource("", "services")
  private static let attempts: Int = 512

  let ranges: [IPPrefix]
  private let nodePorts: ClosedRange<Int>
  private let registry: ResourceRegistry
  private let state: Mutex<State> = Mutex(State())

  init(_ configuration: APIServerConfiguration, registry: ResourceRegistry, logger: Logger) throws {
    self.registry = registry
    nodePorts = configuration.nodePorts
    ranges = try configuration.serviceRanges.map { text in
      guard let range: IPPrefix = IPPrefix(text) else {
        throw APIServerError(.invalidConfiguration, "--service-cluster-ip-range: \(text) is no range of addresses")
      }
      return range.masked
    }
  }

  /// The address of the `kubernetes` Service: the first of the first range.
  var firstAddress: String? { ranges.first?.network.advanced(by: 1)?.description }

  var families: [IPFamily] { ranges.map(\.family) }

  /// Reads what existing Services hold.
  func load() async throws {
    guard !state.withLock({ $0.isLoaded }), let storage: ObjectStorage = registry.storage("", "services") else { return }
    let services: [JSONValue] = try await storage.objects()
    state.withLock { state in
      for service: JSONValue in services {
        state.addresses.formUnion(Self.addresses(service))
        state.ports.formUnion(Self.ports(service))
      }
      state.isLoaded = true
    }
  }

  static func addresses(_ service: JSONValue) -> Set<IPAddress> {
    guard service["spec"]["type"].string != "ExternalName" else { return [] }
    var texts: [String] = service["spec"]["clusterIPs"].stringItems
    if texts.isEmpty, let one: String = service["spec"]["clusterIP"].string { texts = [one] }
    return Set(texts.compactMap { IPAddress($0) })
  }

  static func ports(_ service: JSONValue) -> Set<Int> {
    var ports: Set<Int> = Set(service["spec"]["ports"].items.compactMap { $0["nodePort"].int.map { Int($0) } })
    if let health: Int64 = service["spec"]["healthCheckNodePort"].int { ports.insert(Int(health)) }
    ports.remove(0)
    return ports
  }

  /// An object went away: what it held is free.
  func released(_ object: CachedObject, group: GroupResource) async {
    guard group == Self.services, let service: JSONValue = try? ObjectStorage.tree(object) else { return }
    free(Self.addresses(service), Self.ports(service))
  }

  fileprivate func free(_ addresses: Set<IPAddress>, _ ports: Set<Int>) {
    state.withLock { state in
      state.addresses.subtract(addresses)
      state.ports.subtract(ports)
    }
  }

  /// Fills in addresses and ports of a Service; other kinds pass.
  func allocate(
    _ object: inout JSONValue, old: JSONValue?, resource: ServedResource, isDryRun: Bool
  ) async throws -> any Allocation {
    guard resource.groupResource == Self.services else { return NoAllocation() }
    try await load()
    if let old { ServiceFields.carryOver(&object, old: old) }
    var errors: [FieldError] = ServiceFields.setFamilies(&object, families: families)
    try Self.check(errors, object)
    let heldAddresses: Set<IPAddress> = old.map(Self.addresses) ?? []
    let heldPorts: Set<Int> = old.map(Self.ports) ?? []
    var taken: ServiceAllocation = ServiceAllocation(allocators: self)
    errors = takeAddresses(&object, held: heldAddresses, &taken)
    if errors.isEmpty { errors = takePorts(&object, held: heldPorts, &taken) }
    guard errors.isEmpty else {
      free(taken.addresses, taken.ports)
      try Self.check(errors, object)
      return NoAllocation()
    }
    taken.obsoleteAddresses = heldAddresses.subtracting(Self.addresses(object))
    taken.obsoletePorts = heldPorts.subtracting(Self.ports(object))
    if isDryRun {
      free(taken.addresses, taken.ports)
      return NoAllocation()
    }
    return taken
  }

  private static func check(_ errors: [FieldError], _ object: JSONValue) throws(StatusError) {
    if !errors.isEmpty { throw .invalid(GroupKind("", "Service"), object.objectName, errors) }
  }

  // MARK: addresses

  private func takeAddresses(
    _ object: inout JSONValue, held: Set<IPAddress>, _ taken: inout ServiceAllocation
  ) -> [FieldError] {
    guard object["spec"]["type"].string != "ExternalName" else { return [] }
    var given: [String] = object["spec"]["clusterIPs"].stringItems
    if given.isEmpty, let one: String = object["spec"]["clusterIP"].string, !one.isEmpty { given = [one] }
    if given.first == "None" {
      object["spec"]["clusterIP"] = "None"
      object["spec"]["clusterIPs"] = ["None"]
      return []
    }
    var result: [String] = []
    for (index, family) in object["spec"]["ipFamilies"].stringItems.enumerated() {
      guard let range: IPPrefix = ranges.first(where: { $0.family.description == family }) else { continue }
      if index < given.count, let wanted: IPAddress = IPAddress(given[index]) {
        if !held.contains(wanted) {
          if let problem: String = take(wanted, range) {
            return [
              .invalid("spec.clusterIPs", JSONValue(given), "failed to allocate IP \(given[index]): \(problem)")
            ]
          }
          taken.addresses.insert(wanted)
        }
        result.append(wanted.description)
      } else if let free: IPAddress = takeAny(range) {
        taken.addresses.insert(free)
        result.append(free.description)
      } else {
        return [.internalError("spec.clusterIPs", "failed to allocate a serviceIP: range is full")]
      }
    }
    object["spec"]["clusterIPs"] = JSONValue(result)
    object["spec"]["clusterIP"] = JSONValue(result.first)
    return []
  }

  private func take(_ address: IPAddress, _ range: IPPrefix) -> String? {
    guard range.contains(address), address != range.network, address != range.last || range.family == .v6 else {
      return "the provided IP (\(address)) is not in the valid range. The range of valid IPs is \(range)"
    }
    return state.withLock { $0.addresses.insert(address).inserted } ? nil : "provided IP is already allocated"
  }

  /// A free address of the upper part of a range; the lower part is for those who choose theirs.
  private func takeAny(_ range: IPPrefix) -> IPAddress? {
    let size: UInt128 = min(range.last.bits - range.network.bits, 65_535)
    guard size > 2 else { return nil }
    let reserved: UInt128 = min(max(16, size / 16), 256)
    let start: UInt128 = size > reserved * 2 ? reserved : 1
    let base: UInt128 = range.network.bits
    return state.withLock { state in
      for _ in 0..<Self.attempts {
        let address: IPAddress = IPAddress(family: range.family, bits: base + UInt128.random(in: start..<size))
        if state.addresses.insert(address).inserted { return address }
      }
      for offset: UInt128 in 1..<size {
        let address: IPAddress = IPAddress(family: range.family, bits: base + offset)
        if state.addresses.insert(address).inserted { return address }
      }
      return nil
    }
  }

  // MARK: ports

  private func takePorts(
    _ object: inout JSONValue, held: Set<Int>, _ taken: inout ServiceAllocation
  ) -> [FieldError] {
    let type: String = object["spec"]["type"].string ?? "ClusterIP"
    let wantsPorts: Bool =
      type == "NodePort" || (type == "LoadBalancer" && object["spec"]["allocateLoadBalancerNodePorts"].bool != false)
    guard type == "NodePort" || type == "LoadBalancer" else { return [] }
    var byNumber: [String: Int] = [:]
    for index: Int in object["spec"]["ports"].items.indices {
      let port: JSONValue = object["spec"]["ports"][index]
      let given: Int = port["nodePort"].int.map { Int($0) } ?? 0
      // The same number may serve two protocols of one Service.
      let twin: String = "\(port["port"].int ?? 0)"
      if given != 0 {
        byNumber[twin] = given
        if held.contains(given) || taken.ports.contains(given) { continue }
        if let problem: String = take(given) {
          return [.invalid(FieldPath("spec", "ports").index(index).child("nodePort"), .int(Int64(given)), problem)]
        }
        taken.ports.insert(given)
      } else if wantsPorts {
        if let shared: Int = byNumber[twin] {
          object["spec"]["ports"][index]["nodePort"] = .int(Int64(shared))
          continue
        }
        guard let free: Int = takeAnyPort() else {
          return [.internalError("spec.ports", "failed to allocate a nodePort: range is full")]
        }
        taken.ports.insert(free)
        byNumber[twin] = free
        object["spec"]["ports"][index]["nodePort"] = .int(Int64(free))
      }
    }
    return takeHealthPort(&object, held: held, &taken)
  }

  private func takeHealthPort(
    _ object: inout JSONValue, held: Set<Int>, _ taken: inout ServiceAllocation
  ) -> [FieldError] {
    guard object["spec"]["type"].string == "LoadBalancer", object["spec"]["externalTrafficPolicy"].string == "Local"
    else { return [] }
    let given: Int = object["spec"]["healthCheckNodePort"].int.map { Int($0) } ?? 0
    if given == 0 {
      guard let free: Int = takeAnyPort() else { return [] }
      taken.ports.insert(free)
      object["spec"]["healthCheckNodePort"] = .int(Int64(free))
    } else if !held.contains(given) {
      if let problem: String = take(given) {
        return [.invalid("spec.healthCheckNodePort", .int(Int64(given)), problem)]
      }
      taken.ports.insert(given)
    }
    return []
  }

  private func take(_ port: Int) -> String? {
    guard nodePorts.contains(port) else {
      return "provided port is not in the valid range. The range of valid ports is \(nodePorts.lowerBound)-\(nodePorts.upperBound)"
    }
    return state.withLock { $0.ports.insert(port).inserted } ? nil : "provided port is already allocated"
  }

  private func takeAnyPort() -> Int? {
    state.withLock { state in
      for _ in 0..<Self.attempts {
        let port: Int = Int.random(in: nodePorts)
        if state.ports.insert(port).inserted { return port }
      }
      return nodePorts.first { state.ports.insert($0).inserted }
    }
  }
}

/// What one write of a Service took and makes superfluous.
private struct ServiceAllocation: Allocation {
  let allocators: Allocators
  var addresses: Set<IPAddress> = []
  var ports: Set<Int> = []
  var obsoleteAddresses: Set<IPAddress> = []
  var obsoletePorts: Set<Int> = []

  func commit(_ object: JSONValue) async { allocators.free(obsoleteAddresses, obsoletePorts) }
  func release() async { allocators.free(addresses, ports) }
}
