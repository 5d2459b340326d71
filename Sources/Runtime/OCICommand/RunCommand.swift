// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import Kernel
import OCISpec

/// `run`
enum RunSubcommand: OCISubcommand {
  static let name: String = "run"
  static let summary: String = "create a container, start it, wait for its end and delete it"
  static let flags: CommandFlags = CommandFlags(flags: CommandFlags.Flag.creation + [
    .toggle("detach", "d", help: "do not wait for its end"),
    .toggle("keep", help: "do not delete it at its end"),
    .toggle("no-subreaper", help: "leave orphans of the container to others"),
  ])

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    let options: Creation.Options = try Creation.Options(values)
    var creation: Creation = try Creation(id: try id(values), options, context)
    let isDetached: Bool = values.has("detach")
    if isDetached { try CreateSubcommand.checkTerminal(creation.bundle.process.hasTerminal, options.consoleSocket) }
    let foreground: ForegroundProcess = ForegroundProcess(
      context: context, consoleSocket: options.consoleSocket, isDetached: isDetached)
    if !isDetached {
      try foreground.block()
      if !values.has("no-subreaper") {
        try attempt("take care of orphans") { () throws(SystemError) in try Processes.becomeSubreaper() }
      }
    }
    try creation.run()
    let removal: Removal = Removal(creation.record, creation.hierarchy, context.log)
    do throws(CommandError) { try StartSubcommand.start(creation.record, context) } catch {
      try? removal.run()
      throw error
    }
    if isDetached { return 0 }
    let code: Int32 = try foreground.wait(for: creation.record.pid, creation.terminal)
    if !values.has("keep") { try removal.run() }
    return code
  }
}
