// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cluster
import DaemonFlags

/// `apus supervise`: keeps the daemons of `apus up` running. Started by `apus up`, not by people.
enum SuperviseCommand: DaemonCommand {
  static let name: String = "supervise"
  static let summary: String = "keep the daemons of `apus up` running"

  static var flags: FlagSet {
    var flags: FlagSet = FlagSet(command: "apus supervise", summary: summary)
    flags.string("role", default: "supervisor", "supervisor or keeper")
    flags.string("run-dir", default: "/run/apus", "the folder with the plan and the records of what runs")
    flags.string("log-dir", default: "/var/log/apus", "the folder for the daemons' logs")
    flags.int("watch", "the supervisor that a keeper watches; without it the keeper starts one")
    return flags
  }

  static func run(_ values: FlagValues) async throws {
    let runDirectory: String = try values.required("run-dir")
    let logDirectory: String = try values.required("log-dir")
    switch try values.required("role") {
    case "supervisor":
      var supervisor: Supervisor = try Supervisor(runDirectory: runDirectory, logDirectory: logDirectory)
      try supervisor.run()
    case "keeper":
      try Keeper.run(
        runDirectory: runDirectory, logDirectory: logDirectory, watching: values.int("watch").map(Int32.init))
    case let other:
      throw FlagError(command: "apus supervise", message: "--role is supervisor or keeper, found \"\(other)\"")
    }
  }
}
