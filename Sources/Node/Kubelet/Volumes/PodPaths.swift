// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Where a pod's files are below the kubelet's root; the layout is upstream's, so that tools find their way.
struct PodPaths: Sendable {
  let root: String

  var pods: String { "\(root)/pods" }
  var pluginsRegistry: String { "\(root)/plugins_registry" }
  var plugins: String { "\(root)/plugins" }

  func pod(_ uid: PodUID) -> String { "\(pods)/\(uid)" }
  func volumes(_ uid: PodUID) -> String { "\(pods)/\(uid)/volumes" }
  func volume(_ uid: PodUID, plugin: String, name: String) -> String {
    "\(pods)/\(uid)/volumes/kubernetes.io~\(plugin)/\(name)"
  }
  func container(_ uid: PodUID, _ name: String) -> String { "\(pods)/\(uid)/containers/\(name)" }
  func hostsFile(_ uid: PodUID) -> String { "\(pods)/\(uid)/etc-hosts" }
  func subPaths(_ uid: PodUID) -> String { "\(pods)/\(uid)/volume-subpaths" }
  /// Where a CSI volume is staged for all pods of the node.
  func staging(driver: String, handleHash: String) -> String {
    "\(root)/plugins/kubernetes.io/csi/\(driver)/\(handleHash)"
  }
}
