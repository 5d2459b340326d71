// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta

/// The cluster as the scheduler sees it: what the API tells, and what was decided but not yet told.
///
/// A pod is *assumed* on its node from the decision on; the API's word replaces the assumption, and a failed binding
/// withdraws it.
final class ClusterCache {
  /// The known nodes in a fixed order, so that the search can go on where it stopped.
  private(set) var nodes: [NodeInfo] = []
  private var byName: [String: NodeInfo] = [:]
  private var placeOf: [String: (pod: PodInfo, node: String)] = [:]
  private(set) var namespaceLabels: [String: [String: String]] = [:]
  /// The number of nodes that have each image, for the score of image locality.
  private(set) var imageNodeCounts: [String: Int] = [:]

  func node(_ name: String) -> NodeInfo? { byName[name].flatMap { $0.isKnown ? $0 : nil } }

  /// The pod as it is placed, or assumed to be.
  func placed(uid: String) -> PodInfo? { placeOf[uid]?.pod }

  private func info(_ name: String) -> NodeInfo {
    if let info: NodeInfo = byName[name] { return info }
    let info: NodeInfo = NodeInfo(name: name)
    byName[name] = info
    return info
  }

  func set(_ node: Node) {
    let info: NodeInfo = info(node.metadata.name)
    if !info.isKnown { nodes.append(info) }
    countImages(info, -1)
    info.set(node)
    countImages(info, 1)
  }

  func removeNode(_ name: String) {
    guard let info: NodeInfo = byName[name], info.isKnown else { return }
    countImages(info, -1)
    info.set(nil)
    nodes.removeAll { $0 === info }
    if info.pods.isEmpty { byName[name] = nil }
  }

  private func countImages(_ info: NodeInfo, _ difference: Int) {
    for name: String in info.images.keys { imageNodeCounts[name, default: 0] += difference }
  }

  /// Puts a pod on a node, in the place of what was known of it.
  func place(_ pod: PodInfo, on node: String) {
    remove(uid: pod.uid)
    placeOf[pod.uid] = (pod, node)
    info(node).add(pod)
  }

  func remove(uid: String) {
    guard let place: (pod: PodInfo, node: String) = placeOf.removeValue(forKey: uid) else { return }
    guard let info: NodeInfo = byName[place.node] else { return }
    info.remove(uid: uid)
    if !info.isKnown, info.pods.isEmpty { byName[place.node] = nil }
  }

  func setNamespace(_ name: String, labels: [String: String]?) { namespaceLabels[name] = labels }
}
