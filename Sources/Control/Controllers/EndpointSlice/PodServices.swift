// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta
import KubeValues

/// Which services a change of a pod concerns.
enum PodServices {
  static func affected(by event: InformerEvent<Pod>, _ services: Informer<Service>) -> Set<ObjectKey> {
    switch event {
    case .added(let pod), .deleted(let pod): return selecting(pod, services)
    case .updated(let old, let new):
      let hasNewLabels: Bool = old.metadata.labels != new.metadata.labels
      guard hasNewLabels || isVisible(old, new) else { return [] }
      let now: Set<ObjectKey> = selecting(new, services)
      return hasNewLabels ? now.union(selecting(old, services)) : now
    }
  }

  private static func selecting(_ pod: Pod, _ services: Informer<Service>) -> Set<ObjectKey> {
    let labels: [String: String] = pod.metadata.labels
    return Set(
      services.list(namespace: pod.metadata.namespace).filter { service in
        !service.spec.selector.isEmpty && service.spec.selector.allSatisfy { labels[$0.key] == $0.value }
      }.map(\.key))
  }

  /// Whether a pod's endpoint looks different now.
  private static func isVisible(_ old: Pod, _ new: Pod) -> Bool {
    old.isReady != new.isReady || old.isTerminal != new.isTerminal || old.spec.nodeName != new.spec.nodeName
      || old.metadata.isBeingDeleted != new.metadata.isBeingDeleted || old.status.podIp != new.status.podIp
      || old.status.podIps != new.status.podIps || old.spec.hostname != new.spec.hostname
  }
}
