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
  private static let services: GroupResource = GroupResource("", "services")

  private let allocator: ServiceAllocator
  private let registry: ResourceRegistry
  private let isLoaded: Mutex<Bool> = Mutex(false)

  init(_ configuration: APIServerConfiguration, registry: ResourceRegistry, logger: Logger) throws {
    self.registry = registry
    let ranges: [IPPrefix] = try configuration.serviceRanges.map { text in
      guard let range: IPPrefix = IPPrefix(text) else {
        throw APIServerError(.invalidConfiguration, "--service-cluster-ip-range: \(text) is no range of addresses")
      }
      return range.masked
    }
    let ports: ClosedRange<Int> = configuration.nodePorts
    allocator = ServiceAllocator(ranges: ranges, nodePorts: Int64(ports.lowerBound)...Int64(ports.upperBound))
  }

  /// The address of the `kubernetes` Service: the first of the first range.
  var firstAddress: String? { allocator.ranges.first?.network.advanced(by: 1)?.description }

  /// Reads what existing Services hold.
  func load() async throws {
    guard !isLoaded.withLock({ $0 }), let storage: ObjectStorage = registry.storage("", "services") else { return }
    allocator.load(try await storage.objects())
    isLoaded.withLock { $0 = true }
  }

  /// An object went away: what it held is free.
  func released(_ object: CachedObject, group: GroupResource) async {
    guard group == Self.services, let service: JSONValue = try? ObjectStorage.tree(object) else { return }
    allocator.release(service)
  }

  /// Fills in addresses and ports of a Service; other kinds pass.
  func allocate(
    _ object: inout JSONValue, old: JSONValue?, resource: ServedResource, isDryRun: Bool
  ) async throws -> any Allocation {
    guard resource.groupResource == Self.services else { return NoAllocation() }
    try await load()
    do throws(ServiceAllocationError) {
      let taken: ServiceAllocator.Allocation = try allocator.allocate(&object, old: old, isDryRun: isDryRun)
      guard isDryRun else { return ServiceAllocation(allocator: allocator, taken: taken) }
      allocator.cancel(taken)
      return NoAllocation()
    } catch {
      throw StatusError.invalid(GroupKind("", "Service"), object.objectName, error.errors)
    }
  }
}

/// What one write of a Service took and makes superfluous.
private struct ServiceAllocation: Allocation {
  let allocator: ServiceAllocator
  let taken: ServiceAllocator.Allocation

  func commit(_ object: JSONValue) async { allocator.commit(taken) }
  func release() async { allocator.cancel(taken) }
}
