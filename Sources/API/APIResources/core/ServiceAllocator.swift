// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import APISchema
public import Addresses
public import JSON
import Synchronization

/// Why a Service got no addresses or ports: what its answer 422 lists.
public struct ServiceAllocationError: Error, Sendable {
  /// The errors.
  public var errors: [FieldError]
}

/// Hands out the cluster addresses and node ports of Services.
///
/// ```swift
/// var allocation = try allocator.allocate(&service, old: nil)   // fills in spec.clusterIPs, ports[].nodePort ...
/// // write the Service; then
/// allocator.commit(allocation)    // or allocator.cancel(allocation) when the write failed or was a dry run
/// ```
public final class ServiceAllocator: Sendable {
  /// What one allocation took and gave back.
  public struct Allocation: Sendable {
    var takenAddresses: [IPAddress] = []
    var takenPorts: [Int64] = []
    var droppedAddresses: [IPAddress] = []
    var droppedPorts: [Int64] = []

    /// Nothing is to be taken: what is free is not looked for either.
    var isDryRun: Bool = false

    /// The addresses that were taken.
    public var addresses: [IPAddress] { takenAddresses }
  }

  private struct State {
    var addresses: Set<IPAddress> = []
    var ports: Set<Int64> = []
  }

  /// The ranges of addresses; the first one's family is the default.
  public let ranges: [IPPrefix]
  /// The range of node ports.
  public let nodePorts: ClosedRange<Int64>
  private let state: Mutex<State> = Mutex(State())

  /// An allocator that has handed out nothing.
  public init(ranges: [IPPrefix], nodePorts: ClosedRange<Int64> = 30000...32767) {
    self.ranges = ranges
    self.nodePorts = nodePorts
  }

  /// Takes note of the Services that are there, when the server starts.
  public func load(_ services: [JSONValue]) {
    state.withLock { state in
      for service: JSONValue in services {
        state.addresses.formUnion(Self.addresses(service))
        state.ports.formUnion(Self.ports(service))
      }
    }
  }

  /// Gives back what a deleted Service had.
  public func release(_ service: JSONValue) {
    state.withLock { state in
      state.addresses.subtract(Self.addresses(service))
      state.ports.subtract(Self.ports(service))
    }
  }

  /// Makes an allocation final: what the update gave up is free.
  public func commit(_ allocation: Allocation) {
    state.withLock { state in
      state.addresses.subtract(allocation.droppedAddresses)
      state.ports.subtract(allocation.droppedPorts)
    }
  }

  /// Undoes an allocation.
  public func cancel(_ allocation: Allocation) {
    state.withLock { state in
      state.addresses.subtract(allocation.takenAddresses)
      state.ports.subtract(allocation.takenPorts)
    }
  }

  private static func addresses(_ service: JSONValue) -> Set<IPAddress> {
    Set(service["spec"]["clusterIPs"].strings.compactMap { IPAddress($0) })
  }

  private static func ports(_ service: JSONValue) -> Set<Int64> {
    var ports: Set<Int64> = Set(service["spec"]["ports"].items.compactMap { $0["nodePort"].int })
    ports.insert(service["spec"]["healthCheckNodePort"].int ?? 0)
    ports.remove(0)
    return ports
  }

  /// Fills in families, addresses and ports of a new Service, or of one that is updated.
  ///
  /// A dry run shows the first address and port of a range in the place of free ones.
  ///
  /// - Throws: what is wrong with the fields, or why a wish cannot be granted; nothing is taken then.
  public func allocate(
    _ service: inout JSONValue, old: JSONValue?, isDryRun: Bool = false
  ) throws(ServiceAllocationError) -> Allocation {
    ServiceFamilies.normalize(&service, old: old)
    if let old {
      ServiceFields.patchAllocated(&service, old: old)
      ServiceFields.dropTypeDependent(&service, old: old)
    }
    var allocation: Allocation = Allocation(isDryRun: isDryRun)
    do throws(ServiceAllocationError) {
      try ServiceFamilies.setDefaults(&service, old: old, families: ranges.map(\.family))
      try allocateAddresses(&service, old: old, &allocation)
      try allocatePorts(&service, old: old, &allocation)
    } catch {
      cancel(allocation)
      throw error
    }
    if let old {
      allocation.droppedAddresses = Array(Self.addresses(old).subtracting(Self.addresses(service)))
      allocation.droppedPorts = Array(Self.ports(old).subtracting(Self.ports(service)))
    }
    return allocation
  }

  // MARK: Addresses

  private func allocateAddresses(
    _ service: inout JSONValue, old: JSONValue?, _ allocation: inout Allocation
  ) throws(ServiceAllocationError) {
    guard service["spec"]["type"].plain != "ExternalName" else { return }
    var texts: [String] = service["spec"]["clusterIPs"].strings
    guard texts.first != "None" else {
      service["spec"]["clusterIP"] = "None"
      return
    }
    let had: Set<IPAddress> = old.map(Self.addresses) ?? []
    for (place, family) in service["spec"]["ipFamilies"].strings.enumerated() {
      if place < texts.count, let wanted: IPAddress = IPAddress(texts[place]) {
        if had.contains(wanted) { continue }
        try reserve(wanted, texts, &allocation)
      } else if let address: IPAddress = takeFree(family, &allocation) {
        if place < texts.count { texts[place] = address.description } else { texts.append(address.description) }
      } else {
        throw failure(texts, "failed to allocate a serviceIP: range is full")
      }
    }
    if service["metadata"]["name"].plain.isEmpty, let address: String = texts.first {
      let object: String = "IPAddress.networking.k8s.io \(address.goQuoted)"
      throw failure([""], "failed to allocate IP: \(object) is invalid: spec.parentRef.name: Required value")
    }
    service["spec"]["clusterIPs"] = JSONValue(texts)
    if let first: String = texts.first { service["spec"]["clusterIP"] = .string(first) }
  }

  private func failure(_ addresses: [String], _ message: String) -> ServiceAllocationError {
    ServiceAllocationError(errors: [.invalid(FieldPath("spec", "clusterIPs"), JSONValue(addresses), message)])
  }

  private func reserve(
    _ address: IPAddress, _ texts: [String], _ allocation: inout Allocation
  ) throws(ServiceAllocationError) {
    let own: [IPPrefix] = ranges.filter { $0.family == address.family }
    guard own.contains(where: { $0.contains(address) }) else {
      let range: String = own.map(\.description).joined(separator: ",")
      throw failure(
        texts,
        "failed to allocate IP \(address): the provided IP (\(address)) is not in the valid range. "
          + "The range of valid IPs is \(range)")
    }
    guard state.withLock({ $0.addresses.insert(address).inserted }) else {
      throw failure(texts, "failed to allocate IP \(address): provided IP is already allocated")
    }
    allocation.takenAddresses.append(address)
  }

  /// A free address of a family: from a random place on, leaving the lowest ones to those who ask for them.
  private func takeFree(_ family: String, _ allocation: inout Allocation) -> IPAddress? {
    guard let range: IPPrefix = ranges.first(where: { $0.family.description == family }) else { return nil }
    if allocation.isDryRun { return range.network }
    let hostBits: Int = min(range.family.bitWidth - range.length, 20)
    let size: UInt128 = UInt128(1) << UInt128(hostBits)
    let reserved: UInt128 = size > 32 ? min(256, size / 16) : 0
    guard size > 2 else { return nil }
    // The first address names the range, and IPv4's last is a broadcast address.
    let span: UInt128 = size - 2
    let start: UInt128 = UInt128(UInt64.random(in: UInt64(reserved)..<UInt64(span)))
    let taken: IPAddress? = state.withLock { state in
      for step: UInt128 in 0..<span {
        let offset: UInt128 = (start + step) % span + 1
        let address: IPAddress = IPAddress(family: range.family, bits: range.network.bits + offset)
        if state.addresses.insert(address).inserted { return address }
      }
      return nil
    }
    if let taken { allocation.takenAddresses.append(taken) }
    return taken
  }

  // MARK: Ports

  private func allocatePorts(
    _ service: inout JSONValue, old: JSONValue?, _ allocation: inout Allocation
  ) throws(ServiceAllocationError) {
    let had: Set<Int64> = old.map(Self.ports) ?? []
    if ServiceFields.needsNodePort(service) {
      var ports: [JSONValue] = service["spec"]["ports"].items
      // Ports that differ in the protocol alone share a node port.
      var shared: [Int64: Int64] = [:]
      var inService: Set<Int64> = []
      for place: Int in ports.indices {
        let wanted: Int64 = ports[place]["nodePort"].int ?? 0
        guard wanted != 0 else { continue }
        if !had.contains(wanted), !inService.contains(wanted) { try reserve(wanted, place, &allocation) }
        inService.insert(wanted)
        shared[ports[place]["port"].int ?? 0] = wanted
      }
      for place: Int in ports.indices where ports[place]["nodePort"].int ?? 0 == 0 {
        let number: Int64 = ports[place]["port"].int ?? 0
        let isSame: Bool = ports.contains {
          $0["nodePort"].int == shared[number] && $0["protocol"] == ports[place]["protocol"]
        }
        if let known: Int64 = shared[number], !isSame {
          ports[place]["nodePort"] = .int(known)
        } else {
          let free: Int64 = try takePort(FieldPath("spec", "ports").index(place).child("nodePort"), &allocation)
          ports[place]["nodePort"] = .int(free)
          shared[number] = free
        }
      }
      if !ports.isEmpty { service["spec"]["ports"] = .array(ports) }
    }
    guard service["spec"]["type"].plain == "LoadBalancer",
      service["spec"]["externalTrafficPolicy"].plain == "Local"
    else { return }
    let path: FieldPath = FieldPath("spec", "healthCheckNodePort")
    let wanted: Int64 = service["spec"]["healthCheckNodePort"].int ?? 0
    if wanted == 0 {
      service["spec"]["healthCheckNodePort"] = .int(try takePort(path, &allocation))
    } else if !had.contains(wanted) {
      try reserve(wanted, at: path, &allocation)
    }
  }

  private func reserve(_ port: Int64, _ place: Int, _ allocation: inout Allocation) throws(ServiceAllocationError) {
    try reserve(port, at: FieldPath("spec", "ports").index(place).child("nodePort"), &allocation)
  }

  private func reserve(
    _ port: Int64, at path: FieldPath, _ allocation: inout Allocation
  ) throws(ServiceAllocationError) {
    var message: String?
    if !nodePorts.contains(port) {
      let range: String = "\(nodePorts.lowerBound)-\(nodePorts.upperBound)"
      message = "provided port is not in the valid range. The range of valid ports is \(range)"
    } else if !state.withLock({ $0.ports.insert(port).inserted }) {
      message = "provided port is already allocated"
    }
    if let message { throw ServiceAllocationError(errors: [.invalid(path, .int(port), message)]) }
    allocation.takenPorts.append(port)
  }

  private func takePort(_ path: FieldPath, _ allocation: inout Allocation) throws(ServiceAllocationError) -> Int64 {
    if allocation.isDryRun { return nodePorts.lowerBound }
    let start: Int64 = Int64.random(in: nodePorts)
    let count: Int64 = nodePorts.upperBound - nodePorts.lowerBound + 1
    let free: Int64? = state.withLock { state in
      for step: Int64 in 0..<count {
        let port: Int64 = nodePorts.lowerBound + (start - nodePorts.lowerBound + step) % count
        if state.ports.insert(port).inserted { return port }
      }
      return nil
    }
    guard let free else {
      throw ServiceAllocationError(errors: [.internalError(path, "failed to allocate a nodePort: range is full")])
    }
    allocation.takenPorts.append(free)
    return free
  }
}
