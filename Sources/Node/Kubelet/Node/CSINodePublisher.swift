// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import SwiftProtobuf

/// Tells the API which CSI drivers the node has: the CSINode object, the node's annotation and topology labels.
struct CSINodePublisher: Sendable {
  private static let annotation: String = "csi.volume.kubernetes.io/nodeid"

  let client: KubeClient
  let nodeName: String

  /// Writes what is registered now.
  func publish(_ drivers: [CSIDrivers.Registered]) async throws {
    let node: Node = try await annotate(drivers)
    let entries: [StorageCSINodeDriver] = drivers.map { driver in
      .with {
        $0.name = driver.name
        $0.nodeID = driver.nodeID
        $0.topologyKeys = driver.topology.keys.sorted()
        if driver.maxVolumes > 0 { $0.allocatable.count = Int32(clamping: driver.maxVolumes) }
      }
    }
    var existing: StorageCSINode?
    do {
      existing = try await client.get(StorageCSINode.self, name: nodeName)
    } catch {
      guard error.isNotFound else { throw error }
    }
    if var object: StorageCSINode = existing {
      guard object.spec.drivers != entries else { return }
      object.spec.drivers = entries
      try await client.update(object)
      return
    }
    var object: StorageCSINode = StorageCSINode()
    object.metadata.name = nodeName
    object.metadata.ownerReferences = [MetaOwnerReference(owner: node)]
    object.spec.drivers = entries
    try await client.create(object)
  }

  private func annotate(_ drivers: [CSIDrivers.Registered]) async throws -> Node {
    var ids: JSONValue = [:]
    var labels: [String: String] = [:]
    for driver: CSIDrivers.Registered in drivers {
      ids[driver.name] = .string(driver.nodeID)
      labels.merge(driver.topology) { _, new in new }
    }
    let text: String = ids.text
    return try await client.modify(Node.self, name: nodeName) { node in
      let before: MetaObjectMeta = node.metadata
      node.metadata.annotations[Self.annotation] = drivers.isEmpty ? nil : text
      node.metadata.labels.merge(labels) { _, new in new }
      return node.metadata != before
    }
  }
}
