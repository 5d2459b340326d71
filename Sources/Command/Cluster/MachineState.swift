// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import Kernel

/// What of the machine itself is changed for a cluster, and what it was before, so that `apus down` can put it back.
struct MachineState {
  /// Settings of the kernel that a node needs.
  private static let settings: [(path: String, value: String)] = [
    ("/proc/sys/net/ipv4/ip_forward", "1"),
    ("/proc/sys/net/ipv6/conf/all/forwarding", "1"),
  ]

  private static func recordPath(_ cluster: ClusterConfiguration) -> String { cluster.dataDirectory + "/machine.json" }

  /// The folders that a cluster makes.
  private static func folders(_ cluster: ClusterConfiguration) -> [String] {
    [
      cluster.manifestsDirectory, cluster.pkiDirectory, cluster.cniConfigDirectory, cluster.cniBinDirectory,
      cluster.kubeletDirectory, cluster.dataDirectory, cluster.runDirectory, cluster.logDirectory,
      cluster.podLogDirectory, cluster.root + "/var/log/containers", cluster.root + "/var/lib/cni",
      cluster.root + "/usr/libexec/kubernetes",
    ]
  }

  /// Notes the machine as it is, once, and sets what a node needs.
  static func prepare(_ cluster: ClusterConfiguration) throws {
    if !Files.exists(recordPath(cluster)) {
      var former: JSONValue = .object(JSONObject())
      for (path, _) in settings {
        // A kernel without IPv6 lacks the file; then there is nothing to put back.
        if let value: String = try? Files.readText(path) { former[path] = .string(value) }
      }
      let missing: [String] = folders(cluster).flatMap(Self.missingParts)
      try Files.makeDirectories(cluster.dataDirectory)
      let record: JSONValue = ["settings": former, "folders": JSONValue(Array(Set(missing)).sorted())]
      try Files.replace(recordPath(cluster), record.bytes, mode: 0o644)
    }
    for (path, value) in settings where Files.exists(path) { try Files.writeControl(path, value) }
  }

  private static func missingParts(_ path: String) -> [String] {
    var prefix: String = ""
    return path.split(separator: "/").compactMap { part in
      prefix += "/" + part
      return Files.exists(prefix) ? nil : prefix
    }
  }

  /// Puts the settings back. Returns the folders that were not there before, the deepest first.
  static func restore(_ cluster: ClusterConfiguration) throws -> [String] {
    guard Files.exists(recordPath(cluster)) else { return [] }
    let record: JSONValue = try JSONValue(parsing: Files.read(recordPath(cluster)))
    for (path, value) in record["settings"].object ?? JSONObject() {
      try Files.writeControl(path, value.string ?? "0")
    }
    return record["folders"].items.compactMap(\.string).sorted { $0.utf8.count > $1.utf8.count }
  }
}
