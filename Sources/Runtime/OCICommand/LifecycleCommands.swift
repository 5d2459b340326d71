// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import ContainerInit
import Glibc
import JSON
import Kernel
import OCISpec
import ShimProtocol

extension CommandFlags.Flag {
  /// The flags that `create` and `run` have in common.
  static let creation: [CommandFlags.Flag] = [
    .value("bundle", "b", help: "the folder of the bundle (default: the current one)"),
    .value("console-socket", help: "a Unix socket that receives the master of the terminal"),
    .value("pid-file", help: "the file to write the process id to"),
    .toggle("no-pivot", help: "move the root's mount in place of pivot_root, for roots on a ramdisk"),
    .toggle("no-new-keyring", help: "stay in the caller's session keyring"),
    .value("preserve-fds", help: "how many further descriptors the program gets (default: 0)"),
  ]
}

extension Creation.Options {
  init(_ values: CommandFlags.Values) throws(CommandError) {
    bundle = values.text("bundle").flatMap { $0.isEmpty ? nil : $0 } ?? "."
    consoleSocket = values.text("console-socket").flatMap { $0.isEmpty ? nil : $0 }
    pidFile = values.text("pid-file").flatMap { $0.isEmpty ? nil : $0 }
    preservedDescriptors = try StartFlags.preserved(values)
    start = StartFlags.document(values, preserved: preservedDescriptors)
  }
}

/// The flags that say how a program is started.
enum StartFlags {
  /// The descriptors of socket activation (sd_listen_fds(3)) are passed on, too.
  static func preserved(_ values: CommandFlags.Values) throws(CommandError) -> Int32 {
    let wanted: Int64 = try values.number("preserve-fds") ?? 0
    let activated: Int64 = getenv("LISTEN_FDS").flatMap { Int64(String(cString: $0)) } ?? 0
    guard (0...50).contains(wanted + activated) else {
      throw CommandError("\(wanted + activated) descriptors cannot be preserved: at most 50 can")
    }
    for number: Int32 in 0..<Int32(wanted + activated) where fcntl(3 + number, F_GETFD) < 0 {
      throw CommandError("unable to preserve descriptor \(3 + number): it is not open")
    }
    return Int32(wanted + activated)
  }

  static func document(_ values: CommandFlags.Values, preserved: Int32) -> JSONValue {
    [
      "noPivot": .bool(values.has("no-pivot")), "noNewKeyring": .bool(values.has("no-new-keyring")),
      "preserveFDs": JSONValue(preserved),
    ]
  }
}

/// `create`
enum CreateSubcommand: OCISubcommand {
  static let name: String = "create"
  static let summary: String = "create a container"
  static let flags: CommandFlags = CommandFlags(flags: CommandFlags.Flag.creation)

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    let options: Creation.Options = try Creation.Options(values)
    var creation: Creation = try Creation(id: try id(values), options, context)
    try checkTerminal(creation.bundle.process.hasTerminal, options.consoleSocket)
    try creation.run()
    return 0
  }

  /// Whoever goes away cannot hold a terminal.
  static func checkTerminal(_ hasTerminal: Bool, _ consoleSocket: String?) throws(CommandError) {
    if hasTerminal, consoleSocket == nil {
      throw CommandError("cannot allocate tty if runtime will detach without setting console socket")
    }
    if !hasTerminal, consoleSocket != nil {
      throw CommandError("cannot use console socket if runtime will not detach or allocate tty")
    }
  }
}

/// `start`
enum StartSubcommand: OCISubcommand {
  static let name: String = "start"
  static let summary: String = "execute the program of a created container"

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    let record: ContainerRecord = try context.container(try id(values))
    try start(record, context)
    return 0
  }

  static func start(_ record: ContainerRecord, _ context: CommandContext) throws(CommandError) {
    switch record.status(try context.hierarchy()) {
    case .created: break
    case .stopped: throw CommandError("cannot start a container that has stopped")
    case .creating: throw CommandError("cannot start a container that is being created")
    case .running, .paused: throw CommandError("cannot start an already running container")
    }
    let hooks: [Hook] = try record.hooks(.poststart)
    try release(record)
    do throws(HookError) {
      try HookRunner.run(hooks, .poststart, state: record.state(.running))
    } catch {
      // The container does not live without what was to be done for it.
      try? Processes.signal(record.pid, SIGKILL)
      throw CommandError(error.description)
    }
  }

  /// Lets the first process go on and learns whether the program was executed.
  private static func release(_ record: ContainerRecord) throws(CommandError) {
    let socket: FileDescriptor = try attempt("start the container") { () throws(SystemError) in
      let socket: FileDescriptor = try UnixSocket.connect(record.startSocket)
      try UnixSocket.send(socket.raw, record.state(.created).bytes)
      return socket
    }
    var isExecuting: Bool = false
    while true {
      let raw: Int32 = socket.raw
      let packet = try attempt("listen to the container's process") { () throws(SystemError) in
        try UnixSocket.receive(raw, upTo: 64 << 10)
      }
      guard let packet else { break }
      switch InitMessage(packet.bytes) {
      case .executing: isExecuting = true
      case .failure(let text): throw CommandError(text)
      default: break
      }
    }
    guard isExecuting else { throw CommandError("the container's process died before it executed its program") }
  }
}

/// `state`
enum StateSubcommand: OCISubcommand {
  static let name: String = "state"
  static let summary: String = "print the state of a container"

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    let record: ContainerRecord = try context.container(try id(values))
    print(record.report(record.status(try context.hierarchy())).prettyText)
    return 0
  }
}

/// `kill`
enum KillSubcommand: OCISubcommand {
  static let name: String = "kill"
  static let summary: String = "send a signal (default: SIGTERM) to a container's first process"
  static let operands: String = "CONTAINER-ID [SIGNAL]"
  static let flags: CommandFlags = CommandFlags(flags: [
    .toggle("all", "a", help: "send it to every process of the container")
  ])

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    guard (1...2).contains(values.positionals.count) else {
      throw CommandError("\"kill\" requires 1 or 2 arguments")
    }
    let record: ContainerRecord = try context.container(values.positionals[0])
    let name: String = values.positionals.count > 1 ? values.positionals[1] : "SIGTERM"
    guard let signal: Int32 = Signals.number(name) else { throw CommandError("unknown signal \"\(name)\"") }
    let hierarchy: CgroupHierarchy = try context.hierarchy()
    guard values.has("all") || record.isAlive else { throw CommandError("container not running") }
    try attempt("signal the container") { () throws(SystemError) in
      let group: Cgroup? = record.group(hierarchy)
      if values.has("all"), let group {
        try group.signal(signal)
      } else {
        try Processes.signal(record.pid, signal)
      }
      // What is stopped dies only when it goes on.
      if signal == SIGKILL, let group, group.isFrozen { try group.setFrozen(false) }
    }
    return 0
  }
}

/// `delete`
enum DeleteSubcommand: OCISubcommand {
  static let name: String = "delete"
  static let summary: String = "take away what is left of a container"
  static let flags: CommandFlags = CommandFlags(flags: [
    .toggle("force", "f", help: "end it with SIGKILL if it still runs; that it does not exist is fine")
  ])

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    let id: String = try id(values)
    let isForced: Bool = values.has("force")
    try ContainerRecord.checkName(id)
    if isForced, !Files.exists(context.root + "/" + id) { return 0 }
    let record: ContainerRecord = try context.container(id)
    let hierarchy: CgroupHierarchy = try context.hierarchy()
    let status: ContainerRecord.Status = record.status(hierarchy)
    guard isForced || status == .stopped || status == .created else {
      throw CommandError("cannot delete container \(id) that is not stopped: \(status.rawValue)")
    }
    try Removal(record, hierarchy, context.log).run()
    return 0
  }
}
