// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cluster
import DaemonFlags
import Glibc

/// `apus down`: takes the cluster of `apus up` down.
enum DownCommand: DaemonCommand {
  static let name: String = "down"
  static let summary: String = "stop the cluster and give back what it took of the machine"

  static var flags: FlagSet {
    var flags: FlagSet = ClusterFlags.flags(command: "apus down", summary: summary)
    flags.bool("purge", "also remove what the cluster kept on disk: objects, images, volumes, certificates")
    return flags
  }

  static func run(_ values: FlagValues) async throws {
    let cluster: ClusterConfiguration = try ClusterFlags.configuration(values)
    try await ClusterDown(cluster, logger: logger(values)) { line in
      print(line)
      // A person waits for each line, also through a pipe.
      fflush(nil)
    }.run(isPurging: values.bool("purge"))
  }
}
