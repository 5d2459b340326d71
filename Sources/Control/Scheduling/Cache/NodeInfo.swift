// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta
import KubeValues

/// A node with the sums over its pods. It belongs to the one task that schedules.
final class NodeInfo {
  let name: String
  private(set) var node: Node
  /// Nil while pods of the node are known but the node itself is not.
  private(set) var isKnown: Bool
  private(set) var labels: [String: String] = [:]
  private(set) var taints: [Taint] = []
  private(set) var isUnschedulable: Bool = false
  private(set) var allocatable: Resources = Resources()
  private(set) var podsMax: Int = 0
  private(set) var images: [String: Int64] = [:]

  private(set) var pods: [String: PodInfo] = [:]
  private(set) var podsWithAffinity: [String: PodInfo] = [:]
  private(set) var podsWithRequiredAntiAffinity: [String: PodInfo] = [:]
  private(set) var requested: Resources = Resources()
  private(set) var scoredRequested: Resources = Resources()
  private(set) var hostPorts: [HostPort: Int] = [:]
  private(set) var podsByController: [String: Int] = [:]

  init(name: String) {
    self.name = name
    node = Node()
    isKnown = false
  }

  /// A copy that can be changed to see what would be.
  func copy() -> NodeInfo {
    let copy: NodeInfo = NodeInfo(name: name)
    copy.node = node
    copy.isKnown = isKnown
    copy.labels = labels
    copy.taints = taints
    copy.isUnschedulable = isUnschedulable
    copy.allocatable = allocatable
    copy.podsMax = podsMax
    copy.images = images
    copy.pods = pods
    copy.podsWithAffinity = podsWithAffinity
    copy.podsWithRequiredAntiAffinity = podsWithRequiredAntiAffinity
    copy.requested = requested
    copy.scoredRequested = scoredRequested
    copy.hostPorts = hostPorts
    copy.podsByController = podsByController
    return copy
  }

  /// Takes over a node's state; nil says that the node is gone.
  func set(_ node: Node?) {
    guard let node else {
      isKnown = false
      self.node = Node()
      return
    }
    self.node = node
    isKnown = true
    labels = node.metadata.labels
    taints = node.spec.taints
    isUnschedulable = node.spec.unschedulable
    allocatable = Resources(node.status.allocatable)
    podsMax = Int(node.status.allocatable["pods"].map { ResourceQuantity($0).value } ?? 0)
    images = [:]
    for image: ContainerImage in node.status.images {
      for name: String in image.names { images[name] = image.sizeBytes }
    }
  }

  func add(_ pod: PodInfo) {
    guard pods.updateValue(pod, forKey: pod.uid) == nil else { return }
    if pod.hasScoredAffinity { podsWithAffinity[pod.uid] = pod }
    if !pod.requiredAntiAffinity.isEmpty { podsWithRequiredAntiAffinity[pod.uid] = pod }
    requested += pod.requests
    scoredRequested += pod.scoredRequests
    for port: HostPort in pod.hostPorts { hostPorts[port, default: 0] += 1 }
    if !pod.controllerUID.isEmpty { podsByController[pod.controllerUID, default: 0] += 1 }
  }

  func remove(uid: String) {
    guard let pod: PodInfo = pods.removeValue(forKey: uid) else { return }
    podsWithAffinity[uid] = nil
    podsWithRequiredAntiAffinity[uid] = nil
    requested -= pod.requests
    scoredRequested -= pod.scoredRequests
    for port: HostPort in pod.hostPorts {
      let count: Int = (hostPorts[port] ?? 1) - 1
      hostPorts[port] = count > 0 ? count : nil
    }
    if !pod.controllerUID.isEmpty {
      let count: Int = (podsByController[pod.controllerUID] ?? 1) - 1
      podsByController[pod.controllerUID] = count > 0 ? count : nil
    }
  }
}
