// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import Addresses
import JSON
import Logging
import Synchronization

/// Gives Services their addresses and node ports.
final class Allocators: Sendable {
  static let services: GroupResource = GroupResource("", "services")
  private static let addresses: GroupResource = GroupResource("networking.k8s.io", "ipaddresses")

  let ledger: ClaimLedger
  private let allocator: ServiceAllocator
  private let registry: ResourceRegistry
  private let repair: ClaimRepair
  private let isLoaded: Mutex<Bool> = Mutex(false)

  init(_ configuration: APIServerConfiguration, store: any Store, registry: ResourceRegistry, logger: Logger) async throws {
    self.registry = registry
    let ranges: [IPPrefix] = try configuration.serviceRanges.map { text in
      guard let range: IPPrefix = IPPrefix(text) else {
        throw APIServerError(.invalidConfiguration, "--service-cluster-ip-range: \(text) is no range of addresses")
      }
      return range.masked
    }
    let ports: ClosedRange<Int> = configuration.nodePorts
    allocator = ServiceAllocator(ranges: ranges, nodePorts: Int64(ports.lowerBound)...Int64(ports.upperBound))
    guard let services: ObjectStorage = registry.storage("", "services") else {
      throw APIServerError(.store, "the catalogue lacks Services")
    }
    ledger = try await ClaimLedger(store: store, prefix: configuration.storePrefix, registry: registry, logger: logger)
    repair = ClaimRepair(ledger: ledger, services: services, logger: logger)
  }

  /// The address of the `kubernetes` Service: the first of the first range.
  var firstAddress: String? { allocator.ranges.first?.network.advanced(by: 1)?.description }

  /// Makes claims and Services agree, before the first allocation.
  func load() async throws {
    guard !isLoaded.withLock({ $0 }) else { return }
    try await repair.once()
    isLoaded.withLock { $0 = true }
  }

  /// Makes claims and Services agree from time to time.
  func run() async { await repair.run() }

  /// What is given back together with the deletion of an object.
  func releases(_ object: JSONValue, group: GroupResource) async throws(StatusError) -> [StoreWrite] {
    group == Self.services ? try await ledger.writes(from: object, to: nil) : []
  }

  /// An object went away: an address of a Service that is still there stays claimed.
  func deleted(_ object: CachedObject, group: GroupResource) async {
    guard group == Self.addresses else { return }
    await repair.claimAgain(object)
  }

  /// Fills in addresses and ports of a Service; other kinds pass.
  func allocate(
    _ object: inout JSONValue, old: JSONValue?, resource: ServedResource, isDryRun: Bool
  ) async throws -> any Allocation {
    guard resource.groupResource == Self.services else { return NoAllocation() }
    try await load()
    let given: JSONValue = object
    var choice: ServiceAllocator.Choice
    do throws(ServiceAllocationError) { choice = try choose(&object, old: old, isDryRun: isDryRun) } catch {
      // What is taken here may have been given back elsewhere a moment ago.
      try await ledger.refresh()
      object = given
      do throws(ServiceAllocationError) { choice = try choose(&object, old: old, isDryRun: isDryRun) } catch {
        throw Self.status(error, object.objectName)
      }
    }
    return isDryRun ? NoAllocation() : ServiceAllocation(ledger: ledger, allocator: allocator, choice: choice, old: old)
  }

  private func choose(
    _ object: inout JSONValue, old: JSONValue?, isDryRun: Bool
  ) throws(ServiceAllocationError) -> ServiceAllocator.Choice {
    try allocator.allocate(&object, old: old, claims: ledger, more: moreRanges, isDryRun: isDryRun)
  }

  /// The ranges of ServiceCIDRs that are ready.
  private var moreRanges: [IPPrefix] {
    guard let cache: WatchCache = registry.storage("networking.k8s.io", "servicecidrs")?.cache else { return [] }
    return cache.knownObjects.flatMap { object -> [IPPrefix] in
      guard object.name != "kubernetes", let range: JSONValue = try? ObjectStorage.tree(object) else { return [] }
      let ready: JSONValue? = range["status"]["conditions"].items.first { $0["type"].string == "Ready" }
      guard !range.isBeingDeleted, ready == nil || ready?["status"].string == "True" else { return [] }
      return range["spec"]["cidrs"].items.compactMap { $0.string.flatMap { IPPrefix($0)?.masked } }
    }
  }

  private static func status(_ error: ServiceAllocationError, _ name: String) -> StatusError {
    switch error {
    case .invalid(let errors): .invalid(GroupKind("", "Service"), name, errors)
    case .exhausted(let message): .internalError(message)
    case .noHealthPort(let message):
      StatusError(code: 500, reason: "", message: message, details: .object(JSONObject()))
    }
  }
}

/// What one write of a Service takes and makes superfluous.
private struct ServiceAllocation: Allocation {
  let ledger: ClaimLedger
  let allocator: ServiceAllocator
  let choice: ServiceAllocator.Choice
  let old: JSONValue?

  func writes(for object: JSONValue) async throws(StatusError) -> [StoreWrite] {
    try await ledger.writes(from: old, to: object)
  }

  func end() { allocator.forget(choice) }
}
