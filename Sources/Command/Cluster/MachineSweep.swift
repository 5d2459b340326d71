// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel
import Netlink
import Nftables

/// Takes back what killed daemons may have left: mounts, control groups, links and packet filter rules.
struct MachineSweep {
  let cluster: ClusterConfiguration

  func run() throws {
    try unmountAll()
    removeControlGroups()
    try removeBridge()
    try removeTables()
  }

  /// Removes the bridge of the pod network, and with it its addresses and routes.
  private func removeBridge() throws {
    var socket: NetlinkSocket = try NetlinkSocket(.route)
    guard try socket.link(.name(ClusterFiles.bridge)) != nil else { return }
    try socket.perform(.deleteLink(.name(ClusterFiles.bridge)))
  }

  /// Removes the packet filter tables of the service proxy and of the network plugins.
  private func removeTables() throws {
    var socket: NftablesSocket = try NftablesSocket()
    let ours: [Table] = try socket.tables().filter { Self.tableNames.contains($0.name) }
    guard !ours.isEmpty else { return }
    var batch: Batch = Batch()
    for table: Table in ours { batch.delete(table) }
    try socket.commit(batch)
  }

  private static let tableNames: Set<String> = ["kube-proxy", "apus-masquerade", "apus-hostports"]

  private func unmountAll() throws {
    let ours: [String] = [
      cluster.kubeletDirectory + "/", cluster.runDirectory + "/", cluster.dataDirectory + "/",
    ]
    // A mount on a mount is listed after it, so that going backwards takes the upper one first.
    for entry: Mounts.Entry in try Mounts.all().reversed() where ours.contains(where: entry.target.hasPrefix) {
      try Mounts.unmount(entry.target)
    }
  }

  /// Removes the groups of pods below every hierarchy; processes in them have ended with their pods.
  private func removeControlGroups() {
    let top: String = "/sys/fs/cgroup"
    let ours: [String] = cluster.cgroupRoot.isEmpty ? ["/kubepods", "/apus"] : [cluster.cgroupRoot]
    // A machine without control groups has nothing to give back.
    let hierarchies: [String] = (try? Files.list(top)) ?? []
    for root: String in [top] + hierarchies.map({ top + "/" + $0 }) {
      for group: String in ours where Files.exists("\(root)\(group)/cgroup.procs") { removeGroup(root + group) }
    }
  }

  private func removeGroup(_ path: String) {
    // Files in a group are the kernel's; only the folders below it are removed.
    for name: String in (try? Files.list(path)) ?? [] {
      let child: String = path + "/" + name
      if let status: Files.Status = try? Files.status(child, followLinks: false), status.isDirectory { removeGroup(child) }
    }
    // One that still holds a process stays, and `apus status` shows it.
    try? Files.removeDirectory(path)
  }
}
