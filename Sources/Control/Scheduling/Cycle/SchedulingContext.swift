// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import KubeValues

/// Why a node cannot take a pod.
struct Rejection: Hashable, Sendable {
  /// What is wrong, in upstream's words.
  var reasons: [String]
  /// Whether removing pods from the node might help.
  var isResolvable: Bool

  init(_ reason: String, isResolvable: Bool = true) {
    reasons = [reason]
    self.isResolvable = isResolvable
  }

  init(_ reasons: [String], isResolvable: Bool) {
    self.reasons = reasons
    self.isResolvable = isResolvable
  }
}

/// One pod on its way to a node: what the filters and scores worked out before they looked at nodes.
final class SchedulingContext {
  let pod: PodInfo
  let cache: ClusterCache
  let volumes: VolumeView
  var spread: SpreadCounts?
  var affinity: AffinityCounts?
  var claims: ClaimNeeds = ClaimNeeds()

  init(pod: PodInfo, cache: ClusterCache, volumes: VolumeView) {
    self.pod = pod
    self.cache = cache
    self.volumes = volumes
  }

  /// Works out what does not depend on a single node; an answer says that no node can do.
  func prepare() -> String? {
    if let message: String = claims.prepare(pod: pod, volumes: volumes) { return message }
    spread = pod.hardSpread.isEmpty ? nil : SpreadCounts(pod.hardSpread, pod: pod, cache: cache)
    affinity = AffinityCounts(pod: pod, cache: cache)
    return nil
  }

  /// Why the node cannot take the pod; nil if it can.
  func reject(_ node: NodeInfo) -> Rejection? {
    if let rejection: Rejection = NodeFilters.reject(pod, node) { return rejection }
    if let rejection: Rejection = ResourceFilter.reject(pod, node) { return rejection }
    if !pod.claimNames.isEmpty, let rejection: Rejection = claims.reject(node, volumes: volumes) { return rejection }
    if let rejection: Rejection = spread?.reject(node) { return rejection }
    return affinity?.reject(node)
  }
}
