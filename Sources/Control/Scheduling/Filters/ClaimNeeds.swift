// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// What the API knows of volumes.
struct VolumeView: Sendable {
  let claims: Informer<PersistentVolumeClaim>
  let volumes: Informer<PersistentVolume>
  let classes: Informer<StorageStorageClass>
}

/// VolumeBinding: the volumes that the pod has, and those that are still to be found for it.
struct ClaimNeeds {
  /// The claims that are bound, by their volumes.
  private(set) var bound: [PersistentVolume] = []
  /// The claims that wait for the pod's node.
  private(set) var waiting: [(claim: PersistentVolumeClaim, storageClass: StorageStorageClass)] = []

  /// Looks at the pod's claims; an answer says why no node can do.
  mutating func prepare(pod: PodInfo, volumes: VolumeView) -> String? {
    for name: String in pod.claimNames {
      guard let claim: PersistentVolumeClaim = volumes.claims.get(namespace: pod.key.namespace, name: name) else {
        return "persistentvolumeclaim \"\(name)\" not found"
      }
      if claim.metadata.isBeingDeleted { return "persistentvolumeclaim \"\(name)\" is being deleted" }
      if !claim.spec.volumeName.isEmpty, claim.metadata.annotations["pv.kubernetes.io/bind-completed"] != nil {
        // A volume that the cache has not seen yet comes with the next event.
        guard let volume: PersistentVolume = volumes.volumes.get(name: claim.spec.volumeName) else {
          return "pod has unbound immediate PersistentVolumeClaims"
        }
        bound.append(volume)
      } else if let storageClass: StorageStorageClass = volumes.classes.get(name: claim.spec.storageClassName),
        storageClass.volumeBindingMode == "WaitForFirstConsumer"
      {
        waiting.append((claim, storageClass))
      } else {
        return "pod has unbound immediate PersistentVolumeClaims"
      }
    }
    return nil
  }

  func reject(_ node: NodeInfo, volumes: VolumeView) -> Rejection? {
    for volume: PersistentVolume in bound where !Self.isReachable(volume, from: node) {
      return Rejection("node(s) didn't match PersistentVolume's node affinity", isResolvable: false)
    }
    for (claim, storageClass) in waiting {
      let isProvisioned: Bool = storageClass.provisioner != "kubernetes.io/no-provisioner"
      if isProvisioned, Self.allows(storageClass, node) { continue }
      guard Self.available(for: claim, on: node, volumes: volumes) != nil else {
        return Rejection("node(s) didn't find available persistent volumes to bind", isResolvable: false)
      }
    }
    return nil
  }

  private static func isReachable(_ volume: PersistentVolume, from node: NodeInfo) -> Bool {
    guard volume.spec.hasNodeAffinity, volume.spec.nodeAffinity.hasRequired else { return true }
    return volume.spec.nodeAffinity.required.nodeSelectorTerms.contains {
      NodeFilters.matches($0, node.name, node.labels)
    }
  }

  private static func allows(_ storageClass: StorageStorageClass, _ node: NodeInfo) -> Bool {
    storageClass.allowedTopologies.isEmpty
      || storageClass.allowedTopologies.contains { term in
        term.matchLabelExpressions.allSatisfy { node.labels[$0.key].map($0.values.contains) ?? false }
      }
  }

  /// The smallest free volume for a claim that the node can reach.
  static func available(for claim: PersistentVolumeClaim, on node: NodeInfo, volumes: VolumeView) -> PersistentVolume? {
    let asked: ResourceQuantity = claim.spec.resources.requests["storage"].map { ResourceQuantity($0) } ?? .zero
    func capacity(_ volume: PersistentVolume) -> ResourceQuantity {
      volume.spec.capacity["storage"].map { ResourceQuantity($0) } ?? .zero
    }
    return volumes.volumes.list().filter { volume in
      volume.spec.storageClassName == claim.spec.storageClassName && !volume.metadata.isBeingDeleted
        && (!volume.spec.hasClaimRef || volume.spec.claimRef.uid == claim.metadata.uid)
        && Set(claim.spec.accessModes).isSubset(of: volume.spec.accessModes) && capacity(volume) >= asked
        && isReachable(volume, from: node)
        && LabelSelector(claim.spec.hasSelector ? claim.spec.selector : MetaLabelSelector()).matches(
          volume.metadata.labels)
    }.min { capacity($0) < capacity($1) }
  }
}
