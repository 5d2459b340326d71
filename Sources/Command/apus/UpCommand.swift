// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cluster
import DaemonFlags
import Glibc
import Kernel

/// `apus up`: boots a one-node cluster on this machine.
enum UpCommand: DaemonCommand {
  static let name: String = "up"
  static let summary: String = "boot a one-node cluster on this machine"

  static var flags: FlagSet { ClusterFlags.flags(command: "apus up", summary: summary) }

  static func run(_ values: FlagValues) async throws {
    let cluster: ClusterConfiguration = try ClusterFlags.configuration(values)
    try await ClusterUp(cluster, logger: logger(values)) { line in
      print(line)
      // A person waits for each line, also through a pipe.
      fflush(nil)
    }.run()
  }
}
