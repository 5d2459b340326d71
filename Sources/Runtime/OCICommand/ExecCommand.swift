// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import Glibc
import JSON
import Kernel
import OCISpec

/// `exec`
enum ExecSubcommand: OCISubcommand {
  static let name: String = "exec"
  static let summary: String = "execute a further program in a container"
  static let operands: String = "CONTAINER-ID PROGRAM [ARGUMENT...]"
  static let takesFlagsAnywhere: Bool = false
  static let flags: CommandFlags = CommandFlags(flags: [
    .value("console-socket", help: "a Unix socket that receives the master of the terminal"),
    .value("cwd", help: "the working directory in the container"),
    .value("env", "e", help: "a variable NAME=value; may be repeated"),
    .toggle("tty", "t", help: "give it a terminal"),
    .value("user", "u", help: "UID[:GID]"),
    .value("additional-gids", "g", help: "a further group; may be repeated"),
    .value("process", "p", help: "a file with the process as the runtime-spec has it"),
    .toggle("detach", "d", help: "do not wait for its end"),
    .value("pid-file", help: "the file to write the process id to"),
    .value("process-label", help: "the SELinux label"),
    .value("apparmor", help: "the AppArmor profile"),
    .toggle("no-new-privs", help: "execve gives no more privileges"),
    .value("cap", "c", help: "a further capability; may be repeated"),
    .value("preserve-fds", help: "how many further descriptors the program gets (default: 0)"),
    .value("cgroup", help: "a group below the container's, which exists"),
    .toggle("ignore-paused", help: "execute in a paused container, too"),
  ])

  /// What the program did not say itself has a code of its own, so that engines can tell.
  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    do throws(CommandError) { return try execute(values, context) } catch {
      context.log.error("exec failed: \(error)")
      return 255
    }
  }

  private static func execute(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    guard let id: String = values.positionals.first else { throw CommandError("\"exec\" requires a minimum of 1 argument") }
    let record: ContainerRecord = try context.container(id)
    let hierarchy: CgroupHierarchy = try context.hierarchy()
    switch record.status(hierarchy) {
    case .stopped, .creating: throw CommandError("cannot exec in a stopped container")
    case .paused where !values.has("ignore-paused"): throw CommandError("cannot exec in a paused container")
    default: break
    }
    let configuration: JSONValue = try record.configuration()
    var process: JSONValue = try processDocument(values, configuration)
    let consoleSocket: String? = values.text("console-socket").flatMap { $0.isEmpty ? nil : $0 }
    let isDetached: Bool = values.has("detach")
    let hasTerminal: Bool = process["terminal"].bool ?? false
    process["terminal"] = .bool(hasTerminal)
    if isDetached { try CreateSubcommand.checkTerminal(hasTerminal, consoleSocket) }
    let preserved: Int32 = try StartFlags.preserved(values)
    var request: InitLauncher.Request = InitLauncher.Request(
      mode: "exec",
      configuration: [
        "pid": JSONValue(record.pid), "process": process, "seccomp": configuration["linux"]["seccomp"],
        "personality": configuration["linux"]["personality"]["domain"],
        "start": StartFlags.document(values, preserved: preserved),
      ])
    request.preservedDescriptors = preserved
    request.processFiles = try processFiles(values, record, hierarchy)
    request.pidNamespace = "/proc/\(record.pid)/ns/pid"
    return try ForegroundProcess(context: context, consoleSocket: consoleSocket, isDetached: isDetached)
      .exec(request, pidFile: values.text("pid-file"))
  }

  private static func processFiles(
    _ values: CommandFlags.Values, _ record: ContainerRecord, _ hierarchy: CgroupHierarchy
  ) throws(CommandError) -> [String] {
    guard var group: Cgroup = record.group(hierarchy) else { return [] }
    if let below: String = values.text("cgroup") {
      group = hierarchy.group(record.cgroupsPath + "/" + (below.split(separator: ":").last.map(String.init) ?? below))
      guard group.exists else { throw CommandError("the cgroup \(group.path) does not exist") }
    }
    return group.processFiles
  }

  /// The process of the container, changed by the flags; or the one of the file.
  static func processDocument(
    _ values: CommandFlags.Values, _ configuration: JSONValue
  ) throws(CommandError) -> JSONValue {
    if let path: String = values.text("process") { return try readDocument(path) }
    guard values.positionals.count > 1 else { throw CommandError("process args cannot be empty") }
    var process: JSONValue = configuration["process"]
    process["args"] = JSONValue(Array(values.positionals.dropFirst()))
    process["terminal"] = .bool(values.has("tty"))
    if let directory: String = values.text("cwd") { process["cwd"] = .string(directory) }
    if let label: String = values.text("process-label") { process["selinuxLabel"] = .string(label) }
    if let profile: String = values.text("apparmor") { process["apparmorProfile"] = .string(profile) }
    if values.has("no-new-privs") { process["noNewPrivileges"] = true }
    let environment: [String] = process["env"].items.compactMap(\.string) + values.list("env")
    process["env"] = JSONValue(environment)
    for name: String in values.list("cap") {
      for set: String in ["bounding", "effective", "permitted", "ambient"] {
        let names: [String] = process["capabilities"][set].items.compactMap(\.string)
        process["capabilities"][set] = JSONValue(names + [name])
      }
    }
    if let user: String = values.text("user") {
      let numbers: [UInt32?] = user.split(separator: ":", omittingEmptySubsequences: false).map { UInt32($0) }
      guard (1...2).contains(numbers.count), let uid: UInt32 = numbers[0] else {
        throw CommandError("invalid user \"\(user)\": numbers are wanted")
      }
      process["user"]["uid"] = JSONValue(uid)
      if numbers.count == 2 {
        guard let gid: UInt32 = numbers[1] else { throw CommandError("invalid group in \"\(user)\"") }
        process["user"]["gid"] = JSONValue(gid)
      }
    }
    let groups: [String] = values.list("additional-gids")
    if !groups.isEmpty {
      var gids: [JSONValue] = process["user"]["additionalGids"].items
      for group: String in groups {
        guard let gid = UInt32(group) else { throw CommandError("invalid group \"\(group)\"") }
        gids.append(JSONValue(gid))
      }
      process["user"]["additionalGids"] = .array(gids)
    }
    return process
  }
}
