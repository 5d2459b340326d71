// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cluster
import DaemonFlags
import JSON

/// `apus status`: which daemons run, and what the cluster says of itself.
enum StatusCommand: DaemonCommand {
  static let name: String = "status"
  static let summary: String = "show which daemons run and what the cluster says of itself"

  static var flags: FlagSet {
    var flags: FlagSet = ClusterFlags.flags(command: "apus status", summary: summary)
    flags.string("output", default: "text", "text or json")
    flags.string("o", default: "text", "short for --output")
    return flags
  }

  static func run(_ values: FlagValues) async throws {
    let status: ClusterStatus = ClusterStatus(try ClusterFlags.configuration(values), logger: logger(values))
    switch values.isGiven("o") ? values.string("o") : values.string("output") {
    case "json": print(await status.json().prettyText)
    case "text": print(await status.text())
    default: throw FlagError(command: "apus status", message: "--output is text or json")
    }
  }
}
