// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import Addresses
import JSON
import KubeValues
import Logging

/// Something that one Service alone may hold.
enum Claim: Hashable, Sendable {
  case address(IPAddress)
  case port(Int64)

  /// What a Service holds; in an order, so that the writes of a Service are always the same.
  static func all(_ service: JSONValue) -> [Claim] {
    ServiceAllocator.addresses(service).sorted().map(Claim.address)
      + ServiceAllocator.ports(service).sorted().map(Claim.port)
  }
}

/// Who holds what, in the store, one key a claim. The claims of a Service are made and given back in the transaction
/// that writes it, so that any number of API servers may work on one store and a claim without its Service is nowhere
/// seen.
///
/// Addresses are claimed by IPAddress objects, as upstream does; node ports by small objects below
/// `ranges/servicenodeports/`, where upstream keeps one map of bits for all.
struct ClaimLedger: ServiceClaims {
  static let managedBy: (key: String, value: String) = ("ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io")
  private static let family: String = "ipaddress.kubernetes.io/ip-family"

  let store: any Store
  let addresses: ObjectStorage
  let ports: ObjectStorage
  private let addressSchema: KindSchema

  init(store: any Store, prefix: String, registry: ResourceRegistry, logger: Logger) async throws {
    guard let resource: ServedResource = registry.any("networking.k8s.io", "ipaddresses"),
      let addresses: ObjectStorage = resource.storage
    else { throw APIServerError(.store, "the catalogue lacks IPAddresses") }
    self.store = store
    self.addresses = addresses
    addressSchema = resource.storageSchema
    let keys: String = "\(prefix)/ranges/servicenodeports/"
    do throws(StoreError) {
      let cache: WatchCache = try await WatchCache.open(store, WatchCacheConfiguration(prefix: keys), logger: logger)
      ports = ObjectStorage(cache: cache, group: GroupResource("", "nodeports"))
    } catch { throw APIServerError(.store, "cannot read \(keys): \(error)") }
  }

  func isTaken(_ address: IPAddress) -> Bool { addresses.cache.known(name: address.description) != nil }
  func isTaken(port: Int64) -> Bool { ports.cache.known(name: String(port)) != nil }

  /// Takes in what other API servers have claimed.
  func refresh() async throws(StatusError) {
    do throws(StoreError) {
      try await addresses.cache.refresh()
      try await ports.cache.refresh()
    } catch { throw StorageErrors.status(error, addresses.group, "") }
  }

  // MARK: Writing

  /// What must be written together with a Service that changes from one state to another; nil: is not there.
  func writes(from old: JSONValue?, to new: JSONValue?) async throws(StatusError) -> [StoreWrite] {
    let before: [Claim] = old.map(Claim.all) ?? []
    let after: [Claim] = new.map(Claim.all) ?? []
    var writes: [StoreWrite] = []
    if let new {
      for claim: Claim in after where !before.contains(claim) {
        writes.append(.create(key: key(claim), value: value(claim, of: new)))
      }
    }
    if let old {
      for claim: Claim in before where !after.contains(claim) {
        // One that is missing, or somebody else's, was not made by this Service's writes: repairs see to it.
        guard let held: CachedObject = try await newest(claim), try Self.owner(held) == Self.owner(of: old) else {
          continue
        }
        writes.append(.delete(key: held.key, expecting: held.revision))
      }
    }
    return writes
  }

  private func storage(_ claim: Claim) -> ObjectStorage { if case .address = claim { addresses } else { ports } }

  private func name(_ claim: Claim) -> String {
    switch claim {
    case .address(let address): address.description
    case .port(let port): String(port)
    }
  }

  func key(_ claim: Claim) -> String { storage(claim).cache.key(namespace: nil, name: name(claim)) }

  private func newest(_ claim: Claim) async throws(StatusError) -> CachedObject? {
    try await storage(claim).get(namespace: "", name: name(claim))
  }

  // MARK: Form

  /// A claim as it is stored.
  func value(_ claim: Claim, of service: JSONValue) -> [UInt8] {
    let owner: JSONValue = [
      "resource": "services", "namespace": .string(service.objectNamespace), "name": .string(service.objectName),
    ]
    switch claim {
    case .port(let port): return JSONValue.object(["metadata": ["name": .string(String(port))], "spec": ["parentRef": owner]]).bytes
    case .address(let address): return addressSchema.encodeJSON(Self.ipAddress(address, owner))
    }
  }

  private static func ipAddress(_ address: IPAddress, _ owner: JSONValue) -> JSONValue {
    let now: JSONValue = .string(Timestamp.now.rfc3339)
    let empty: JSONValue = .object(JSONObject())
    return [
      "kind": "IPAddress", "apiVersion": "networking.k8s.io/v1",
      "metadata": [
        "name": .string(address.description), "uid": .string(UID.make()), "creationTimestamp": now,
        "labels": [family: .string(address.family.description), managedBy.key: .string(managedBy.value)],
        "managedFields": [
          [
            "manager": "kube-apiserver", "operation": "Update", "apiVersion": "networking.k8s.io/v1", "time": now,
            "fieldsType": "FieldsV1",
            "fieldsV1": [
              "f:metadata": ["f:labels": [".": empty, "f:\(family)": empty, "f:\(managedBy.key)": empty]],
              "f:spec": ["f:parentRef": [".": empty, "f:name": empty, "f:namespace": empty, "f:resource": empty]],
            ],
          ]
        ],
      ],
      "spec": ["parentRef": owner],
    ]
  }

  /// The Service that a claim names, as `namespace/name`; empty where it names something else.
  static func owner(_ claim: CachedObject) throws(StatusError) -> String {
    let parent: JSONValue = try ObjectStorage.tree(claim)["spec"]["parentRef"]
    guard (parent["group"].string ?? "").isEmpty, parent["resource"].string == "services" else { return "" }
    return "\(parent["namespace"].string ?? "")/\(parent["name"].string ?? "")"
  }

  static func owner(of service: JSONValue) -> String { "\(service.objectNamespace)/\(service.objectName)" }
}
