// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import APISchema
public import Addresses
public import JSON
import Synchronization

/// Why a Service got no addresses or ports.
public enum ServiceAllocationError: Error, Sendable {
  /// Fields ask for what cannot be had: the answer 422 lists them.
  case invalid([FieldError])
  /// Nothing is left to hand out.
  case exhausted(String)
  /// As `exhausted`, for the port of health checks, whose answer has no reason.
  case noHealthPort(String)
}

/// What any API server has handed out, as far as is known here. What is not known is found out by the write, which
/// makes the claims together with the Service.
public protocol ServiceClaims: Sendable {
  /// Whether somebody holds an address.
  func isTaken(_ address: IPAddress) -> Bool
  /// Whether a Service holds a node port.
  func isTaken(port: Int64) -> Bool
}

/// Chooses the cluster addresses and node ports of Services.
///
/// ```swift
/// let choice = try allocator.allocate(&service, old: nil, claims: claims)   // fills in spec.clusterIPs, ports[].nodePort ...
/// // write the Service with its claims; then
/// allocator.forget(choice)
/// ```
public final class ServiceAllocator: Sendable {
  /// What was chosen for one write that is under way.
  public struct Choice: Sendable, Hashable {
    var addresses: Set<IPAddress> = []
    var ports: Set<Int64> = []
  }

  /// What one allocation works with.
  struct Draft {
    var choice: Choice = Choice()
    let claims: any ServiceClaims
    let ranges: [IPPrefix]
    /// Nothing is to be taken: what is free is not looked for either.
    let isDryRun: Bool
  }

  /// The ranges of addresses; the first one's family is the default.
  public let ranges: [IPPrefix]
  /// The range of node ports.
  public let nodePorts: ClosedRange<Int64>
  /// What writes under way have chosen.
  private let underWay: Mutex<Choice> = Mutex(Choice())

  /// An allocator.
  public init(ranges: [IPPrefix], nodePorts: ClosedRange<Int64> = 30000...32767) {
    self.ranges = ranges
    self.nodePorts = nodePorts
  }

  /// The write is done or has failed: what it chose is claimed in the store now, or free.
  public func forget(_ choice: Choice) {
    underWay.withLock { underWay in
      underWay.addresses.subtract(choice.addresses)
      underWay.ports.subtract(choice.ports)
    }
  }

  /// The addresses that a Service holds.
  public static func addresses(_ service: JSONValue) -> Set<IPAddress> {
    Set(service["spec"]["clusterIPs"].strings.compactMap { IPAddress($0) })
  }

  /// The node ports that a Service holds.
  public static func ports(_ service: JSONValue) -> Set<Int64> {
    var ports: Set<Int64> = Set(service["spec"]["ports"].items.compactMap { $0["nodePort"].int })
    ports.insert(service["spec"]["healthCheckNodePort"].int ?? 0)
    ports.remove(0)
    return ports
  }

  /// Fills in families, addresses and ports of a new Service, or of one that is updated.
  ///
  /// A dry run shows the first address and port of a range in the place of free ones.
  ///
  /// - Parameter more: Ranges of addresses beside the server's own.
  /// - Throws: what is wrong with the fields, or why a wish cannot be granted; nothing is chosen then.
  public func allocate(
    _ service: inout JSONValue, old: JSONValue?, claims: any ServiceClaims, more: [IPPrefix] = [],
    isDryRun: Bool = false
  ) throws(ServiceAllocationError) -> Choice {
    ServiceFamilies.normalize(&service, old: old)
    if let old {
      ServiceFields.patchAllocated(&service, old: old)
      ServiceFields.dropTypeDependent(&service, old: old)
    }
    var draft: Draft = Draft(claims: claims, ranges: ranges + more, isDryRun: isDryRun)
    do throws(ServiceAllocationError) {
      try ServiceFamilies.setDefaults(&service, old: old, families: ranges.map(\.family))
      try allocateAddresses(&service, old: old, &draft)
      try allocatePorts(&service, old: old, &draft)
    } catch {
      forget(draft.choice)
      throw error
    }
    if isDryRun { forget(draft.choice) }
    return draft.choice
  }

  // MARK: Addresses

  private func allocateAddresses(
    _ service: inout JSONValue, old: JSONValue?, _ draft: inout Draft
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
        try reserve(wanted, texts, &draft)
      } else if let address: IPAddress = takeFree(family, &draft) {
        if place < texts.count { texts[place] = address.description } else { texts.append(address.description) }
      } else {
        let name: String = service["metadata"]["name"].plain
        throw .exhausted("failed to allocate a serviceIP for Service \(name.goQuoted): range is full")
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
    .invalid([.invalid(FieldPath("spec", "clusterIPs"), JSONValue(addresses), message)])
  }

  private func reserve(
    _ address: IPAddress, _ texts: [String], _ draft: inout Draft
  ) throws(ServiceAllocationError) {
    let own: [IPPrefix] = draft.ranges.filter { $0.family == address.family }
    guard own.contains(where: { Self.hands(out: address, of: $0) }) else {
      let range: String = own.map(\.description).joined(separator: ",")
      throw failure(
        texts,
        "failed to allocate IP \(address): the provided IP (\(address)) is not in the valid range. "
          + "The range of valid IPs is \(range)")
    }
    // Whether it is free now says nothing of what follows a dry run.
    guard draft.isDryRun || take(address, &draft) else {
      throw failure(texts, "failed to allocate IP \(address): provided IP is already allocated")
    }
  }

  /// The first address names the range, and IPv4's last is a broadcast address.
  private static func hands(out address: IPAddress, of range: IPPrefix) -> Bool {
    range.contains(address) && address != range.network && (range.family == .v6 || address != range.last)
  }

  private func take(_ address: IPAddress, _ draft: inout Draft) -> Bool {
    guard !draft.claims.isTaken(address), underWay.withLock({ $0.addresses.insert(address).inserted }) else {
      return false
    }
    draft.choice.addresses.insert(address)
    return true
  }

  /// A free address of a family.
  private func takeFree(_ family: String, _ draft: inout Draft) -> IPAddress? {
    for range: IPPrefix in draft.ranges where range.family.description == family {
      if draft.isDryRun { return range.network }
      let size: UInt64 = UInt64(1) << UInt64(min(range.family.bitWidth - range.length, Self.hostBitsMax))
      let unusable: UInt64 = range.family == .v4 ? 2 : 1
      guard size > unusable else { continue }
      let reserved: UInt64 = size > 16 ? min(max(16, size / 16), 256) : 0
      for offset: UInt64 in FreeOrder(count: size - unusable, reserved: reserved) {
        let address: IPAddress = IPAddress(family: range.family, bits: range.network.bits + UInt128(offset) + 1)
        if take(address, &draft) { return address }
      }
    }
    return nil
  }

  /// Of a larger range only the beginning is handed out unasked.
  private static let hostBitsMax: Int = 20

  // MARK: Ports

  /// Reserves a port that was asked for; says why it cannot be had.
  func refusal(_ port: Int64, _ draft: inout Draft) -> String? {
    // What is not written takes no port, whatever its number.
    if draft.isDryRun {
      let isFree: Bool = !draft.claims.isTaken(port: port) && draft.choice.ports.insert(port).inserted
      return isFree ? nil : "provided port is already allocated"
    }
    guard nodePorts.contains(port) else {
      let range: String = "\(nodePorts.lowerBound)-\(nodePorts.upperBound)"
      return "provided port is not in the valid range. The range of valid ports is \(range)"
    }
    return take(port: port, &draft) ? nil : "provided port is already allocated"
  }

  private func take(port: Int64, _ draft: inout Draft) -> Bool {
    guard !draft.claims.isTaken(port: port), underWay.withLock({ $0.ports.insert(port).inserted }) else { return false }
    draft.choice.ports.insert(port)
    return true
  }

  /// A free port.
  func takePort(_ draft: inout Draft) -> Int64? {
    if draft.isDryRun { return nodePorts.lowerBound }
    let size: UInt64 = UInt64(nodePorts.count)
    let reserved: UInt64 = size > 16 ? min(max(16, size / 32), 128) : 0
    for offset: UInt64 in FreeOrder(count: size, reserved: reserved) {
      let port: Int64 = nodePorts.lowerBound + Int64(offset)
      if take(port: port, &draft) { return port }
    }
    return nil
  }
}

/// The order in which a range is looked through: from a random place on; the lowest numbers, which are left to those
/// who ask for them, come last.
struct FreeOrder: Sequence, IteratorProtocol {
  private let count: UInt64
  private let reserved: UInt64
  private let start: UInt64
  private var step: UInt64 = 0

  init(count: UInt64, reserved: UInt64) {
    self.count = count
    self.reserved = Swift.min(reserved, count)
    let upper: UInt64 = count - self.reserved
    start = upper == 0 ? 0 : UInt64.random(in: 0..<upper)
  }

  mutating func next() -> UInt64? {
    guard step < count else { return nil }
    defer { step += 1 }
    let upper: UInt64 = count - reserved
    return step < upper ? reserved + (start + step) % upper : step - upper
  }
}
