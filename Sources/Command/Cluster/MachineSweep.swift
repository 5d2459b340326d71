// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import Kernel

/// Takes back what killed daemons may have left: mounts, control groups, links and packet filter rules.
struct MachineSweep {
  let cluster: ClusterConfiguration

  func run() throws {
    try unmountAll()
    removeControlGroups()
  }

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
    // A machine without control groups has nothing to give back.
    let hierarchies: [String] = (try? Files.list(top)) ?? []
    for root: String in [top] + hierarchies.map({ top + "/" + $0 }) {
      for group: String in ["kubepods", "apus"] where Files.exists("\(root)/\(group)/cgroup.procs") {
        removeGroup("\(root)/\(group)")
      }
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
