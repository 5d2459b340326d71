// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import Addresses
import JSON
import KubeValues
import Logging

/// Makes claims and Services agree: Services that somebody else's server wrote get their claims, and claims whose
/// Service is not there are given back.
///
/// It cannot meet a write of ours half done, since that is one transaction; what it writes itself depends on the
/// revisions that it has read, and what others have written since is left for the next time.
struct ClaimRepair: Sendable {
  /// As upstream's repairs of node ports.
  private static let interval: Duration = .seconds(180)
  /// A server that writes the address before its Service has so much time, as upstream's requests.
  private static let grace: Duration = .seconds(60)

  let ledger: ClaimLedger
  let services: ObjectStorage
  let logger: Logger

  func run() async {
    while true {
      do { try await Task.sleep(for: Self.interval) } catch { return }
      do { try await once() } catch { logger.warning("the claims of Services are looked at later: \(error)") }
    }
  }

  func once() async throws {
    // The claims first: whatever holds one of them is among the Services that are read afterwards.
    var claims: [Claim: CachedObject] = [:]
    for object: CachedObject in try await ledger.addresses.list(ListRequest()).objects {
      if let address: IPAddress = IPAddress(object.name) { claims[.address(address)] = object }
    }
    for object: CachedObject in try await ledger.ports.list(ListRequest()).objects {
      if let port: Int64 = Int64(object.name) { claims[.port(port)] = object }
    }
    var holders: [Claim: [String]] = [:]
    var trees: [String: (CachedObject, JSONValue)] = [:]
    for object: CachedObject in try await services.list(ListRequest()).objects {
      let service: JSONValue = try ObjectStorage.tree(object)
      let name: String = ClaimLedger.owner(of: service)
      trees[name] = (object, service)
      for claim: Claim in Claim.all(service) { holders[claim, default: []].append(name) }
    }
    for (claim, names) in holders {
      if names.count > 1 {
        logger.error("\(claim) is held by several Services, please make them anew: \(names.joined(separator: ", "))")
      }
      let owner: String = try claims[claim].map { try ClaimLedger.owner($0) } ?? ""
      guard !names.contains(owner), let name: String = names.first, let (object, service) = trees[name] else { continue }
      logger.warning("\(claim) of the Service \(name) was not claimed")
      try await self.claim(claim, object, service, present: claims[claim])
    }
    for (claim, object) in claims where holders[claim] == nil { try await giveBack(claim, object) }
  }

  /// Claims something for a Service, if the Service is still as it was.
  private func claim(
    _ claim: Claim, _ object: CachedObject, _ service: JSONValue, present: CachedObject?
  ) async throws {
    let value: [UInt8] = ledger.value(claim, of: service)
    let key: String = ledger.key(claim)
    let write: StoreWrite =
      present.map { .update(key: key, value: value, expecting: $0.revision) } ?? .create(key: key, value: value)
    try await tolerant { () async throws(StoreError) in
      _ = try await ledger.store.write([.require(key: object.key, at: object.revision), write])
    }
  }

  private func giveBack(_ claim: Claim, _ object: CachedObject) async throws {
    if case .address = claim {
      guard object.labels[ClaimLedger.managedBy.key] == ClaimLedger.managedBy.value else { return }
      let created: String = try ObjectStorage.tree(object)["metadata"]["creationTimestamp"].string ?? ""
      // An address of an unreadable age is old.
      if let age: Timestamp = try? Timestamp(parsing: created), Timestamp.now < age + Self.grace { return }
    }
    let owner: String = try ClaimLedger.owner(object)
    logger.warning("\(claim) is given back: its Service \(owner) does not hold it")
    try await tolerant { () async throws(StoreError) in
      _ = try await ledger.store.delete(object.key, expecting: object.revision)
    }
  }

  /// Somebody deleted the object that stands for a Service's address.
  func claimAgain(_ object: CachedObject) async {
    do {
      guard let address: IPAddress = IPAddress(object.name) else { return }
      let owner: [Substring] = try ClaimLedger.owner(object).split(separator: "/")
      guard owner.count == 2,
        let held: CachedObject = try await services.get(namespace: String(owner[0]), name: String(owner[1]))
      else { return }
      let service: JSONValue = try ObjectStorage.tree(held)
      guard ServiceAllocator.addresses(service).contains(address) else { return }
      try await claim(.address(address), held, service, present: nil)
    } catch { logger.warning("\(object.key) is claimed again later: \(error)") }
  }

  /// Somebody else's write in between is no failure.
  private func tolerant(_ body: () async throws(StoreError) -> Void) async throws(StoreError) {
    do throws(StoreError) { try await body() } catch {
      if error.key == nil { throw error }
    }
  }
}
