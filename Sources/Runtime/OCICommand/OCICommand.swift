// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import ContainerInit
import Glibc
import Kernel

/// The program `apus-oci`: runs OCI bundles with the command line that engines know from runc.
///
/// It is its own `apus-init`, too: a container's first process is this program until it executes another.
public enum OCICommand {
  /// The version of the runtime-spec that states and features speak of.
  static let specificationVersion: String = "1.3.0"

  /// Does what the arguments say and returns the exit code.
  public static func main(arguments: [String]) -> Int32 {
    if arguments.first == InitLauncher.programName { return ContainerInit.main(arguments: arguments) }
    if arguments.first == UserNamespaceHolder.programName { return UserNamespaceHolder.hold() }
    openStandardStreams()
    // A peer that closes its end is an error of the write, not the end of the program.
    Signals.ignore(SIGPIPE)
    var context: CommandContext = CommandContext()
    do throws(CommandError) {
      let values: CommandFlags.Values = try CommandContext.flags.parse(arguments.dropFirst(), anywhere: false)
      try context.take(values)
      if values.has("version") {
        print("apus-oci\nspec: \(specificationVersion)")
        return 0
      }
      guard let name: String = values.positionals.first, name != "help", !values.has("help") else {
        print(usage)
        return 0
      }
      guard let command: any OCISubcommand.Type = subcommands.first(where: { $0.name == name }) else {
        throw CommandError("no command \"\(name)\"")
      }
      let own: CommandFlags.Values = try command.flags.parse(
        values.positionals.dropFirst(), anywhere: command.takesFlagsAnywhere)
      if own.has("help") {
        print("usage: apus-oci \(name) [flags] \(command.operands)\n\n\(command.summary)\n\n\(command.flags.help)")
        return 0
      }
      return try command.run(own, context)
    } catch {
      context.log.error(error.description)
      return 1
    }
  }

  private static var subcommands: [any OCISubcommand.Type] {
    [
      CreateSubcommand.self, StartSubcommand.self, StateSubcommand.self, KillSubcommand.self, DeleteSubcommand.self,
      RunSubcommand.self, ExecSubcommand.self, ListSubcommand.self, PsSubcommand.self, PauseSubcommand.self,
      ResumeSubcommand.self, UpdateSubcommand.self, EventsSubcommand.self, FeaturesSubcommand.self, SpecSubcommand.self,
    ]
  }

  private static var usage: String {
    let width: Int = subcommands.map { $0.name.count }.max() ?? 0
    let lines: [String] = subcommands.map { command in
      "   \(command.name)\(String(repeating: " ", count: width - command.name.count))  \(command.summary)\n"
    }
    return "apus-oci: runs OCI bundles\n\nusage: apus-oci [global flags] COMMAND [flags] [arguments]\n\n"
      + lines.joined() + "\n" + CommandContext.flags.help
  }

  /// A container must not get a file of ours as one of its streams because nobody opened those.
  private static func openStandardStreams() {
    for number: Int32 in 0...2 where fcntl(number, F_GETFD) < 0 {
      _ = open("/dev/null", number == 0 ? O_RDONLY : O_WRONLY)
    }
  }
}

/// One command.
protocol OCISubcommand {
  static var name: String { get }
  static var summary: String { get }
  /// What stands behind the flags, for the usage.
  static var operands: String { get }
  static var flags: CommandFlags { get }
  static var takesFlagsAnywhere: Bool { get }
  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32
}

extension OCISubcommand {
  static var operands: String { "CONTAINER-ID" }
  static var flags: CommandFlags { CommandFlags(flags: []) }
  static var takesFlagsAnywhere: Bool { true }

  /// The one operand of most commands.
  static func id(_ values: CommandFlags.Values) throws(CommandError) -> String {
    guard values.positionals.count == 1 else { throw CommandError("\"\(name)\" requires exactly 1 argument") }
    return values.positionals[0]
  }
}

/// What the global flags say.
struct CommandContext {
  var root: String = "/run/apus/oci"
  var log: CommandLog = CommandLog()

  static let flags: CommandFlags = CommandFlags(flags: [
    .value("root", help: "the folder in which the state of containers is kept (default: /run/apus/oci)"),
    .value("log", help: "the file for messages (default: standard error)"),
    .value("log-format", help: "text or json (default: text)"),
    .toggle("debug", help: "log what is done, too"),
    .toggle("systemd-cgroup", help: "not supported: groups are made in the cgroup file systems"),
    .value("criu", help: "ignored"),
    .value("rootless", help: "ignored"),
    .toggle("version", "v", help: "print the version"),
  ])

  mutating func take(_ values: CommandFlags.Values) throws(CommandError) {
    log.path = values.text("log").flatMap { $0.isEmpty ? nil : $0 }
    log.isVerbose = values.has("debug")
    if let format: String = values.text("log-format") {
      guard let known = CommandLog.Format(rawValue: format) else {
        throw CommandError("invalid log-format: \(format)")
      }
      log.format = known
    }
    if let root: String = values.text("root") {
      guard !root.isEmpty else { throw CommandError("the root folder has no name") }
      self.root = root
    }
    if !root.hasPrefix("/") {
      var buffer: [CChar] = [CChar](repeating: 0, count: 4097)
      guard getcwd(&buffer, 4096) != nil else { throw CommandError("getcwd: \(Errno.current)") }
      root = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) + "/" + root
    }
    if values.has("systemd-cgroup") {
      throw CommandError("systemd cgroups are not supported: use the driver cgroupfs")
    }
  }

  /// The container of this name.
  func container(_ id: String) throws(CommandError) -> ContainerRecord {
    try ContainerRecord.load(root: root, id: id)
  }

  /// Where this machine's groups are.
  func hierarchy() throws(CommandError) -> CgroupHierarchy {
    try attempt("read the mounts of cgroups") { () throws(SystemError) in try CgroupHierarchy.detect() }
  }
}
